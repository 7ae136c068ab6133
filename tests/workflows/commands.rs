//! The commands of the workflows, the roles that run them and the machines that they run
//! on.

use std::collections::{BTreeMap, BTreeSet};

use ::xtask::{Cli, Command, render};
use cfn::resources::lambda::Architecture;
use clap::Parser as _;
use infra::{Artifacts, Environment};
use serde_json::{Value, json};
use tests::workflows::{Job, jobs};

/// The command line that the build job hands to the jobs without a checkout.
const BINARY: &str = "xtask-cloud";

/// Texts in which an input is asked for, once with each of its choices.
fn with_each_environment<const N: usize>(job: &Job, texts: [&str; N]) -> Vec<[String; N]> {
    const INPUT: &str = "${{ inputs.environment }}";
    let inputs = &job.workflow["on"]["workflow_dispatch"]["inputs"];
    let choices = inputs["environment"]["options"].as_array();
    let choices = choices.filter(|_| texts.iter().any(|text| text.contains(INPUT)));
    choices.map_or_else(
        || vec![texts.map(str::to_owned)],
        |choices| {
            let with =
                |choice: &Value| texts.map(|text| text.replace(INPUT, choice.as_str().unwrap()));
            choices.iter().map(with).collect()
        },
    )
}

/// The arguments of every `cargo xtask` and of every start of the built command line, with a
/// value for each variable.
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
                .take_while(|word| !word.contains('>'))
                .filter(|word| !word.contains("TO_VERSION"));
            Some(words.map(|word| value(word).to_owned()).collect())
        })
        .collect()
}

/// A value for a variable of a workflow.
fn value(word: &str) -> &str {
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
fn every_command_is_one_that_xtask_understands() {
    let mut understood = BTreeSet::new();
    for job in jobs() {
        for command in commands(&job) {
            let typed = ["cargo xtask".to_owned()]
                .into_iter()
                .chain(command.clone());
            if let Err(error) = Cli::<Command>::try_parse_from(typed) {
                panic!("{}: {command:?}: {error}", job.file);
            }
            understood.insert(command[0].clone());
        }
    }
    let expected = [
        "bench", "build", "deploy", "diff", "lint", "plan", "render", "rollback", "test",
        "validate",
    ];
    assert_eq!(understood, expected.map(str::to_owned).into());
}

/// Each choice of `deploy.yml`, as the option that its jobs pass on.
#[test]
fn every_choice_for_drift_is_one_that_deploy_and_plan_understand() {
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
            let typed = [&["cargo xtask"], command, &["--env", "prod", option]].concat();
            if let Err(error) = Cli::<Command>::try_parse_from(typed) {
                panic!("{option}: {error}");
            }
        }
    }
}

/// The role of each of GitHub's environments, and the seconds of its sessions.
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
            for [arn, environment] in with_each_environment(&job, [arn, environment]) {
                let (role, seconds) = &roles[&environment];
                let expected = format!("arn:aws:iam::${{{{ vars.AWS_ACCOUNT_ID }}}}:role/{role}");
                assert_eq!(arn, expected, "{}", job.name);
                // Without it, a session lasts an hour.
                assert!(duration.unwrap_or(3_600) <= *seconds, "{}", job.name);
                used.insert(environment);
            }
        }
    }
    let expected = [
        "dev",
        "dev-rollback",
        "prod",
        "prod-plan",
        "prod-rollback",
        "staging",
        "staging-rollback",
    ];
    assert_eq!(used, expected.map(str::to_owned).into());
}

/// The environment that a deploy or a plan names.
fn environment(command: &[String]) -> Option<Environment> {
    let is_deploy = ["deploy", "plan"].contains(&&*command[0]);
    let at = command.iter().position(|word| word == "--env")?;
    is_deploy.then(|| command[at + 1].parse().unwrap())
}

/// A build for another architecture would need a linker that is not there, and one on a
/// newer system a C library that Lambda has not.
#[test]
fn zips_are_built_on_their_own_architecture_and_on_the_system_of_lambda() {
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
            assert!(
                !builds
                    || job.body["container"]
                        .to_string()
                        .contains("amazonlinux:2023@")
            );
            if command[0] == "build" && job.file == "deploy.yml" {
                built.insert(runs_on.to_owned());
            }
            if let Some(environment) = environment(&command) {
                // It runs the command line that was built with the zips.
                let expected = runner(environment.settings().architecture);
                assert_eq!(runs_on, expected, "{}", job.name);
                let has = |option: &str| command.iter().any(|word| word == option);
                assert!(has("--artifacts"), "{}", job.name);
                assert!(has("--plan") || has("--service-role"), "{}", job.name);
                assert!(has("--expect-account"), "{}", job.name);
                deployed.insert(environment);
            }
            if command[0] == "rollback" {
                assert_eq!(runs_on, runner(Environment::Prod.settings().architecture));
                assert!(command.iter().any(|word| word == "--expect-account"));
            }
        }
    }
    assert_eq!(deployed, Environment::ALL.into());
    let needed = Environment::ALL.map(|environment| runner(environment.settings().architecture));
    assert_eq!(built, needed.map(str::to_owned).into());
}
