//! Tests of privileged jobs, which have credentials or write permissions. Such a job runs no third-party
//! code, and compares the digest of a downloaded program before it runs the program.

use std::collections::BTreeSet;

use infra::Environment;
use serde_json::{Map, Value};
use tests::workflows::{Job, jobs};

/// The actions of privileged jobs. None of them checks out the repository or restores a cache.
const ACTIONS: [&str; 3] = [
    "actions/download-artifact",
    "actions/upload-artifact",
    "aws-actions/configure-aws-credentials",
];

/// The programs of privileged jobs: the binary that an unprivileged job built, and programs of
/// the runner's image that compile and install nothing.
const PROGRAMS: [&str; 16] = [
    "./xtask-cloud",
    "[",
    "aws",
    "build/xtask-cloud",
    "cat",
    "cd",
    "chmod",
    "echo",
    "exit",
    "gh",
    "jq",
    "mkdir",
    "sed",
    "sha256sum",
    "tail",
    "tee",
];

/// The words that can begin a command and are not programs: shell syntax, and our function `fetch`.
const SHELL_WORDS: [&str; 12] = [
    "}", ")", "done", "fi", "for", "fetch", "fetch()", "if", "then", "trap", "do", "else",
];

/// The command that compares digests, before a downloaded program runs.
const COMPARISON: &str = "sha256sum --check --strict";

fn permissions(job: &Job) -> Map<String, Value> {
    let own = &job.body["permissions"];
    let permissions = if own.is_null() {
        &job.workflow["permissions"]
    } else {
        own
    };
    // A single word, such as `write-all`, fails the test.
    permissions.as_object().unwrap().clone()
}

/// Returns the names of the jobs that plan or deploy: one for each environment, and `plan-prod`.
pub(crate) fn deploying_jobs() -> impl Iterator<Item = &'static str> {
    Environment::ALL
        .map(Environment::name)
        .into_iter()
        .chain(["plan-prod"])
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

/// Returns the first word of every command of a script. Text in single quotes is skipped.
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
        .filter(|word| !SHELL_WORDS.contains(word))
        // Excludes assignments. A command in the value of an assignment follows `$(`.
        .filter(|word| word.contains('/') || !word.contains('='))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_workflow_declares_read_permissions_only() {
    for job in jobs() {
        let all = job.workflow["permissions"].as_object();
        let all = all.unwrap_or_else(|| panic!("{} has no permissions", job.file));
        assert!(all.values().all(|access| access == "read"), "{}", job.file);
    }
}

#[test]
fn privileged_jobs_use_only_allowed_actions_and_programs() {
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
                // Artifacts of other runs are not allowed.
                for input in ["run-id", "repository", "github-token"] {
                    assert!(step["with"][input].is_null(), "{}: {input}", job.name);
                }
            }
            assert!(step["shell"].is_null(), "{}", job.name);
            assert!(step["continue-on-error"].is_null(), "{}", job.name);
        }
        for script in scripts(job) {
            // Texts of a pull request and inputs are passed in environment variables only.
            assert!(!script.contains("${{"), "{}: {script}", job.name);
            programs_run.extend(programs(script));
        }
    }
    let mut expected = BTreeSet::from(
        [
            "ci.yml/comment",
            "nightly.yml/drift",
            "rollback.yml/rollback",
        ]
        .map(str::to_owned),
    );
    expected.extend(deploying_jobs().map(|name| format!("deploy.yml/{name}")));
    assert_eq!(privileged, expected);
    assert_eq!(actions, ACTIONS.map(str::to_owned).into());
    let allowed: BTreeSet<String> = PROGRAMS.map(str::to_owned).into();
    let unexpected: Vec<&String> = programs_run.difference(&allowed).collect();
    assert_eq!(unexpected, Vec::<&String>::new());
    assert!(
        programs_run.contains("build/xtask-cloud"),
        "{programs_run:?}"
    );
}

#[test]
fn every_program_that_a_shell_would_start_is_found_in_a_script() {
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
    // Proves that a cache step of a composite action would be found.
    let lint = jobs().into_iter().find(|job| job.name == "lint").unwrap();
    let is_cache = |step: &Value| step["uses"].to_string().contains("cache");
    assert!(lint.steps().iter().any(is_cache));
    let build = job("build");
    assert!(!is_privileged(&build));
    assert!(build.body["environment"].is_null());
    let digests = step(&build, |run| run.contains("GITHUB_OUTPUT")).unwrap();
    // The job takes the digests before it runs anything from PyPI or npm. Before that, the job unpacks
    // cargo-nextest, but does not run it.
    for later in ["cargo xtask validate", "cargo xtask test"] {
        let later_step = step(&build, |run| run.contains(later)).unwrap();
        assert!(digests < later_step, "{later}");
    }
    for script in scripts(&build).into_iter().take(digests + 1) {
        assert!(!script.contains("nextest run"), "{script}");
        assert!(!programs(script).contains("cargo-nextest"), "{script}");
    }
}

fn job(name: &str) -> Job {
    let found = jobs()
        .into_iter()
        .find(|job| job.file == "deploy.yml" && job.name == name);
    found.unwrap_or_else(|| panic!("deploy.yml has no job {name}"))
}

/// Returns the index of the first step with a matching script.
fn step(job: &Job, matches: impl Fn(&str) -> bool) -> Option<usize> {
    job.steps()
        .iter()
        .position(|step| step["run"].as_str().is_some_and(&matches))
}

#[test]
fn a_downloaded_program_runs_only_after_a_comparison_of_its_digest() {
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
        // In deploy.yml, the program comes from another job. The comparison comes before the job has
        // credentials.
        let downloaded = job.file == "deploy.yml";
        assert!(!downloaded || compared < credentials, "{}", job.name);
    }
}
