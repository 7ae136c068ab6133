//! Jobs with credentials or a token that may write: they run nothing that a third party
//! wrote, and nothing that they have not compared with a digest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ::xtask::child;
use infra::Sha256Digest;
use serde_json::{Map, Value};
use tests::workflows::{Job, jobs};

/// The actions of a job with privileges. None of them checks out or caches.
const ACTIONS: [&str; 3] = [
    "actions/download-artifact",
    "actions/upload-artifact",
    "aws-actions/configure-aws-credentials",
];

/// The programs of a job with privileges: the command line that was built without, and
/// those of the runner's image that compile and install nothing.
const PROGRAMS: [&str; 17] = [
    "./xtask-cloud",
    "[",
    "aws",
    "build/xtask-cloud",
    "cat",
    "cd",
    "chmod",
    "echo",
    "exit",
    "fetch",
    "gh",
    "head",
    "jq",
    "mkdir",
    "sed",
    "sha256sum",
    "tail",
];

/// Words of the shell that may stand where a program could.
const SHELL: [&str; 11] = [
    "}", ")", "done", "fi", "for", "fetch()", "if", "then", "trap", "do", "else",
];

/// The comparison of digests that has to come before a downloaded program runs.
const COMPARISON: &str = "sha256sum --check --strict";

/// The permissions of a job's token, by name.
fn permissions(job: &Job) -> Map<String, Value> {
    let own = &job.body["permissions"];
    let permissions = if own.is_null() {
        &job.workflow["permissions"]
    } else {
        own
    };
    // A word for all of them, such as write-all, is refused.
    permissions.as_object().unwrap().clone()
}

fn is_privileged(job: &Job) -> bool {
    permissions(job).values().any(|access| access == "write")
}

fn scripts(job: &Job) -> Vec<&str> {
    job.steps()
        .iter()
        .filter_map(|step| step["run"].as_str())
        .collect()
}

/// The first word of every command of a script. Text between single quotes is none.
fn programs(script: &str) -> BTreeSet<String> {
    let commands: Vec<&str> = script
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let commands = commands.join("\n");
    let script: String = commands.split('\'').step_by(2).collect();
    let mut lines = script.replace("\\\n", " ");
    for separator in ["$(", "&&", "||", "| ", ";", "{ ", "if ", "then ", "do "] {
        lines = lines.replace(separator, "\n");
    }
    lines
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| !SHELL.contains(word))
        // An assignment, whose value is a command of its own after `$(`.
        .filter(|word| word.contains('/') || !word.contains('='))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_workflow_says_which_permissions_its_jobs_have_and_gives_none_to_write_to_all() {
    for job in jobs() {
        let all = job.workflow["permissions"].as_object();
        let all = all.unwrap_or_else(|| panic!("{} has no permissions", job.file));
        assert!(all.values().all(|access| access == "read"), "{}", job.file);
    }
}

#[test]
fn a_job_with_privileges_checks_out_caches_compiles_and_tests_nothing() {
    let mut privileged = BTreeSet::new();
    let mut actions = BTreeSet::new();
    let mut programs_run = BTreeSet::new();
    for job in jobs().iter().filter(|job| is_privileged(job)) {
        privileged.insert(format!("{}/{}", job.file, job.name));
        assert!(job.body["container"].is_null(), "{}", job.name);
        for step in job.steps() {
            if let Some(action) = step["uses"].as_str() {
                let (name, _) = action.split_once('@').unwrap();
                actions.insert(name.to_owned());
                // Another run's artifacts were not built by a job of this run.
                for input in ["run-id", "repository", "github-token"] {
                    assert!(step["with"][input].is_null(), "{}: {input}", job.name);
                }
            }
            assert!(step["shell"].is_null(), "{}", job.name);
            assert!(step["continue-on-error"].is_null(), "{}", job.name);
        }
        for script in scripts(job) {
            // Text of a pull request or an input is handed over in variables only.
            assert!(!script.contains("${{"), "{}: {script}", job.name);
            programs_run.extend(programs(script));
        }
    }
    let expected = [
        "ci.yml/comment",
        "deploy.yml/dev",
        "deploy.yml/plan-prod",
        "deploy.yml/prod",
        "deploy.yml/staging",
        "rollback.yml/rollback",
    ];
    assert_eq!(privileged, expected.map(str::to_owned).into());
    assert_eq!(actions, ACTIONS.map(str::to_owned).into());
    let allowed: BTreeSet<String> = PROGRAMS.map(str::to_owned).into();
    let further: Vec<&String> = programs_run.difference(&allowed).collect();
    assert_eq!(further, Vec::<&String>::new());
    assert!(
        programs_run.contains("build/xtask-cloud"),
        "{programs_run:?}"
    );
}

#[test]
fn programs_are_found_wherever_a_shell_starts_them() {
    let script = "a='x; cargo build'\nb=$(curl \"$U\") && npm ci || make; if [ -n x ]; then pip; fi\n{ git log | python3; }\n# docker; it's not a command\n";
    let found = programs(script);
    let expected = ["[", "curl", "git", "make", "npm", "pip", "python3"];
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[test]
fn the_job_that_builds_has_no_credentials_and_no_cache() {
    for job in jobs().iter().filter(|job| job.file == "deploy.yml") {
        for step in job.steps() {
            let action = step["uses"].as_str().unwrap_or_default();
            assert!(!action.contains("cache"), "{}: {action}", job.name);
        }
    }
    // The same steps of our own action have one where they are asked for it.
    let lint = jobs().into_iter().find(|job| job.name == "lint").unwrap();
    let is_cache = |step: &Value| step["uses"].to_string().contains("cache");
    assert!(lint.steps().iter().any(is_cache));
    let build = job("build");
    assert!(!is_privileged(&build));
    assert!(build.body["environment"].is_null());
    let taken = step(&build, |run| run.contains("GITHUB_OUTPUT")).unwrap();
    // Nothing from PyPI or npm has run when the digests are taken, and no cargo-nextest, which
    // is only unpacked.
    for later in ["cargo xtask validate", "cargo xtask test"] {
        let at = step(&build, |run| run.contains(later)).unwrap();
        assert!(taken < at, "{later}");
    }
    for script in scripts(&build).into_iter().take(taken + 1) {
        assert!(!script.contains("nextest run"), "{script}");
        assert!(!programs(script).contains("cargo-nextest"), "{script}");
    }
}

/// The job of this name in `deploy.yml`.
fn job(name: &str) -> Job {
    let found = jobs()
        .into_iter()
        .find(|job| job.file == "deploy.yml" && job.name == name);
    found.unwrap_or_else(|| panic!("deploy.yml has no job {name}"))
}

/// The position of the first step whose script fits.
fn step(job: &Job, fits: impl Fn(&str) -> bool) -> Option<usize> {
    job.steps()
        .iter()
        .position(|step| step["run"].as_str().is_some_and(&fits))
}

#[test]
fn a_downloaded_program_runs_only_after_its_digest_was_compared() {
    for job in jobs().iter().filter(|job| is_privileged(job)) {
        let runs = |run: &str| {
            programs(run)
                .iter()
                .any(|word| word.ends_with("/xtask-cloud"))
        };
        let Some(run) = step(job, runs) else {
            continue;
        };
        let compared = step(job, |run| run.contains(COMPARISON));
        assert!(compared.is_some_and(|at| at < run), "{}", job.name);
        let credentials = job.steps().iter().position(|step| {
            let action = step["uses"].as_str().unwrap_or_default();
            action.starts_with("aws-actions/configure-aws-credentials")
        });
        // Where the program is another job's, it is compared before there are credentials.
        let downloaded = job.file == "deploy.yml";
        assert!(!downloaded || compared < credentials, "{}", job.name);
    }
}

/// Runs a script as GitHub does.
fn bash(script: &str, folder: &Path, variables: &[(&str, &str)]) -> bool {
    child::command("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
        .status
        .success()
}

/// The value of a step's output in GitHub's syntax for several lines.
fn output(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("{name}<<END\n")).unwrap();
    rest.split_once("\nEND\n").unwrap().0.to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn every_comparison_refuses_a_file_that_was_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |path: &str, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for zip in ["api", "update", "verify"] {
        write(&format!("target/lambda/{zip}.zip"), zip.as_bytes());
    }
    // A program that `strip` understands.
    write("target/debug/xtask-cloud", &fs::read("/bin/sh").unwrap());
    let outputs = root.join("outputs");
    let build = job("build");
    let variable = [("GITHUB_OUTPUT", outputs.to_str().unwrap())];
    assert!(bash(build.script("Take the digests"), root, &variable));
    let digests = output(&fs::read_to_string(&outputs).unwrap(), "sha256");
    assert_eq!(digests.lines().count(), 4, "{digests}");

    let downloaded = root.join("target/build");
    fs::write(downloaded.join("plan.json"), "{}").unwrap();
    let plan = format!("{}  plan.json", Sha256Digest::of("{}"));
    for name in ["dev", "staging", "plan-prod", "prod"] {
        let job = job(name);
        let compare = job.script("Compare the digests");
        let compares = |digests: &str| {
            bash(
                compare,
                &downloaded,
                &[("SHA256", digests), ("PLAN_SHA256", &plan)],
            )
        };
        assert!(compares(&digests), "{name}");
        assert!(!compares(""), "{name}");
        let without_plan = [("SHA256", &*digests), ("PLAN_SHA256", "")];
        assert_eq!(bash(compare, &downloaded, &without_plan), name != "prod");
        let mut files = vec!["api.zip", "update.zip", "verify.zip", "xtask-cloud"];
        files.extend((name == "prod").then_some("plan.json"));
        for file in files {
            let path = downloaded.join(file);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, "another").unwrap();
            assert!(!compares(&digests), "{name}: {file}");
            fs::remove_file(&path).unwrap();
            assert!(!compares(&digests), "{name}: no {file}");
            fs::write(&path, bytes).unwrap();
        }
        assert!(compares(&digests), "{name}");
    }
}
