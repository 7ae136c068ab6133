//! Tests of the commands in the workflows, and of the roles and runners of the jobs.

use std::collections::{BTreeMap, BTreeSet};

use ::xtask::{Cli, Command, render};
use cfn::resources::lambda::Architecture;
use clap::Parser as _;
use infra::stack::Duty;
use infra::{Artifacts, Environment};
use serde_json::{Value, json};
use tests::workflows::{Job, jobs};

/// The command-line binary that the build job passes to the jobs without a checkout.
const BINARY: &str = "xtask-cloud";

/// Replaces `inputs.environment` or `matrix.environment` in the texts, once for each environment of the
/// job. Returns the texts unchanged if they have no such placeholder.
fn with_each_environment<const N: usize>(job: &Job, texts: [&str; N]) -> Vec<[String; N]> {
    let inputs = &job.workflow["on"]["workflow_dispatch"]["inputs"];
    let choices = [
        (
            "${{ inputs.environment }}",
            &inputs["environment"]["options"],
        ),
        (
            "${{ matrix.environment }}",
            &job.body["strategy"]["matrix"]["environment"],
        ),
    ];
    let used = choices
        .into_iter()
        .find(|(name, _)| texts.iter().any(|text| text.contains(name)));
    let Some((name, choices)) = used else {
        return vec![texts.map(str::to_owned)];
    };
    let with = |choice: &Value| texts.map(|text| text.replace(name, choice.as_str().unwrap()));
    choices.as_array().unwrap().iter().map(with).collect()
}

/// Returns the arguments of every call of `cargo xtask` and of [`BINARY`], with a value for each
/// variable.
fn commands(job: &Job) -> Vec<Vec<String>> {
    let runs = job.steps().iter().filter_map(|step| step["run"].as_str());
    let lines = runs.flat_map(|run| {
        let run = run.replace("\\\n", " ");
        run.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines
        .filter_map(|line| {
            let command = match line.split_once("cargo xtask ") {
                Some((_, command)) => command,
                None => {
                    line.trim_start()
                        .split_once(' ')
                        .filter(|(program, _)| program.ends_with(&format!("/{BINARY}")))?
                        .1
                }
            };
            let words = command
                .split_whitespace()
                .take_while(|word| !word.contains('>') && *word != "|")
                .map(|word| word.trim_end_matches(';'))
                .take_while(|word| *word != "then")
                // `${TO_VERSION:+...}` of `rollback.yml` expands to nothing without an input.
                .filter(|word| !word.contains("TO_"));
            Some(words.map(|word| example_value(word).to_owned()).collect())
        })
        .collect()
}

/// Returns an example value for a variable of a workflow, or the word itself.
fn example_value(word: &str) -> &str {
    match word {
        r#""$ACCOUNT_ID""# => "111122223333",
        r#""$ARCHITECTURE""# => "arm64",
        r#""$ENVIRONMENT""# => "prod",
        r#""$FUNCTION""# => "update",
        r#""$DRIFT""# => "--on-drift=revert",
        word => word,
    }
}

#[test]
fn xtask_accepts_every_command_of_the_workflows() {
    let mut accepted = BTreeSet::new();
    for job in jobs() {
        for command in commands(&job) {
            let arguments = ["cargo xtask".to_owned()]
                .into_iter()
                .chain(command.clone());
            if let Err(error) = Cli::<Command>::try_parse_from(arguments) {
                panic!("{}: {command:?}: {error}", job.file);
            }
            accepted.insert(command[0].clone());
        }
    }
    let expected = [
        "bench", "build", "deploy", "diff", "doctor", "drift", "feed", "lint", "plan", "render",
        "rollback", "test", "validate",
    ];
    assert_eq!(accepted, expected.map(str::to_owned).into());
}

#[test]
fn deploy_and_plan_accept_every_choice_for_drift() {
    let job = jobs().into_iter().find(|job| job.name == "plan-prod");
    let workflow = job.unwrap().workflow;
    let choices = &workflow["on"]["workflow_dispatch"]["inputs"]["on_drift"]["options"];
    assert_eq!(*choices, json!(["stop", "continue", "revert", "realign"]));
    let option = "${{ inputs.on_drift == 'realign' && '--realign' || \
                  format('--on-drift={0}', inputs.on_drift || 'stop') }}";
    assert_eq!(workflow["env"]["DRIFT"], option);
    for option in [
        "--on-drift=stop",
        "--on-drift=continue",
        "--on-drift=revert",
        "--realign",
    ] {
        for command in [&["deploy", "--yes"][..], &["plan", "--out", "plan.json"]] {
            let arguments = [&["cargo xtask"], command, &["--env", "prod", option]].concat();
            if let Err(error) = Cli::<Command>::try_parse_from(arguments) {
                panic!("{option}: {error}");
            }
        }
    }
}

/// Returns the role and the maximum session duration in seconds by GitHub environment.
fn roles() -> BTreeMap<String, (String, u64)> {
    let templates = render::all(&Artifacts::placeholder()).unwrap();
    let resources = templates
        .iter()
        .filter(|named| named.name.starts_with("pipeline"))
        .flat_map(|named| named.template.as_value()["Resources"].as_object().unwrap())
        .map(|(_, resource)| resource);
    let subject = "/AssumeRolePolicyDocument/Statement/0/Condition/StringEquals/token.actions.githubusercontent.com:sub/0";
    resources
        .filter_map(|resource| {
            let properties = &resource["Properties"];
            let (_, environment) = properties.pointer(subject)?.as_str()?.rsplit_once(':')?;
            let name = properties["RoleName"].as_str()?.to_owned();
            let seconds = properties["MaxSessionDuration"].as_u64()?;
            Some((environment.to_owned(), (name, seconds)))
        })
        .collect()
}

#[test]
fn every_job_assumes_the_role_that_trusts_its_github_environment() {
    let roles = roles();
    let mut used = BTreeSet::new();
    for job in jobs() {
        for step in job.steps() {
            let Some(arn) = step["with"]["role-to-assume"].as_str() else {
                continue;
            };
            let duration = step["with"]["role-duration-seconds"].as_u64();
            let environment = job.environment().unwrap();
            for [arn, environment] in with_each_environment(&job, [arn, environment]) {
                let (role, seconds) = &roles[&environment];
                let expected = format!("arn:aws:iam::${{{{ vars.AWS_ACCOUNT_ID }}}}:role/{role}");
                assert_eq!(arn, expected, "{}", job.name);
                // The default session duration is an hour.
                assert!(duration.unwrap_or(3_600) <= *seconds, "{}", job.name);
                used.insert(environment);
            }
        }
    }
    let mut expected = BTreeSet::from([Duty::Plan.github_environment(Environment::Prod)]);
    for environment in Environment::ALL {
        let duties = [Duty::Deploy, Duty::Read, Duty::Rollback];
        expected.extend(duties.map(|duty| duty.github_environment(environment)));
    }
    assert_eq!(used, expected);
}

/// Returns the environment if the command is a deploy or a plan.
fn deployed_environment(command: &[String]) -> Option<Environment> {
    let is_deploy = ["deploy", "plan"].contains(&&*command[0]);
    let option = command.iter().position(|word| word == "--env")?;
    is_deploy.then(|| command[option + 1].parse().unwrap())
}

/// A build for another architecture needs a linker that the container does not have. The zips of a newer
/// system need a newer C library than Lambda has, except if zig links the functions. Only the job `build`
/// of `nightly.yml` uses zig, and no job deploys the zips of that job.
#[test]
fn zips_are_built_on_the_architecture_and_the_operating_system_of_lambda() {
    let runner = |architecture| match architecture {
        Architecture::X86_64 => "ubuntu-24.04",
        Architecture::Arm64 => "ubuntu-24.04-arm",
    };
    let mut deployed = BTreeSet::new();
    let mut built = BTreeSet::new();
    for job in jobs() {
        let runs_on = job.body["runs-on"].as_str().unwrap();
        for command in commands(&job) {
            let builds = ["build", "test"].contains(&&*command[0]);
            let is_trial = (&*job.file, &*job.name) == ("nightly.yml", "build");
            assert!(
                !builds
                    || is_trial
                    || job.body["container"]
                        .to_string()
                        .contains("amazonlinux:2023@")
            );
            if command[0] == "build" && job.file == "deploy.yml" {
                built.insert(runs_on.to_owned());
            }
            if let Some(environment) = deployed_environment(&command) {
                // The job runs the binary that was built with the zips, on the same architecture.
                let expected = runner(environment.settings().architecture);
                assert_eq!(runs_on, expected, "{}", job.name);
                let has = |option: &str| command.iter().any(|word| word == option);
                assert!(has("--artifacts"), "{}", job.name);
                assert!(has("--plan") || has("--service-role"), "{}", job.name);
                assert!(has("--expect-account"), "{}", job.name);
                deployed.insert(environment);
            }
            if ["drift", "rollback"].contains(&&*command[0]) {
                assert_eq!(runs_on, runner(Environment::Prod.settings().architecture));
                assert!(command.iter().any(|word| word == "--expect-account"));
            }
        }
    }
    assert_eq!(deployed, Environment::ALL.into());
    let needed = Environment::ALL.map(|environment| runner(environment.settings().architecture));
    assert_eq!(built, needed.map(str::to_owned).into());
}
