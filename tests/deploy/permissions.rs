//! The permissions of the pipeline's roles, compared with the calls of the commands.

use cfn::template::targets;
use std::collections::BTreeSet;

use infra::Artifacts;
use serde_json::Value;
use tests::ministack::{Ministack, REGION};
use tests::recorder::Recorder;
use tests::xtask;

use crate::{feed, no_prices};

/// The actions of a role of staging's pipeline.
fn allowed(role: &str) -> BTreeSet<String> {
    let mut templates = ::xtask::render::all(&Artifacts::placeholder()).unwrap();
    templates.retain(|named| named.name == "pipeline-staging");
    let resources = &templates[0].template.as_value()["Resources"];
    let role = &resources[role]["Properties"];
    let own = &role["Policies"][0]["PolicyDocument"];
    let shared = role["ManagedPolicyArns"].as_array().into_iter().flatten();
    let shared = shared.map(|policy| {
        let id = targets(policy).next().unwrap();
        &resources[&*id]["Properties"]["PolicyDocument"]
    });
    shared
        .chain([own])
        .flat_map(|document| document["Statement"].as_array().unwrap())
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action: &Value| action.as_str().unwrap().to_owned())
        // Needs no permission.
        .chain(["sts:GetCallerIdentity".to_owned()])
        .collect()
}

/// Actions that CloudFormation calls itself, or that only occur after a failure; each with
/// its situation.
const NOT_SEEN: [(&str, &str); 8] = [
    (
        "cloudformation:BatchDescribeTypeConfigurations",
        "DetectStackDrift",
    ),
    ("cloudformation:DescribeEvents", "a change set that fails"),
    (
        "cloudformation:DetectStackResourceDrift",
        "DetectStackDrift",
    ),
    (
        "cloudformation:ListChangeSets",
        "a first deploy that is declined",
    ),
    ("cloudformation:TagResource", "CreateChangeSet with tags"),
    (
        "cloudformation:UntagResource",
        "CreateChangeSet with fewer tags",
    ),
    ("s3:DeleteObject", "zips that no deployment uses any more"),
    ("secretsmanager:DescribeSecret", "a provider with a key"),
];

#[tokio::test]
async fn every_command_of_the_pipeline_uses_only_its_roles_permissions_and_a_deploy_uses_all() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let recorder = Recorder::before(ministack.url()).await;
    let (_feed, feed_url) = feed().await;
    let run = async |command: &[&str]| {
        let target = ["--env", "staging", "--region", REGION];
        let endpoint = ["--endpoint-url", recorder.url()];
        let done = xtask::run(&[command, &target, &endpoint].concat(), &[]).await;
        assert_eq!(done.code, 0, "{command:?}: {}", done.stderr);
        recorder.take()
    };
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    let flags = ["deploy", "--yes", "--skip-tests", "--service-role"];
    let deploy = async |provider: &str| {
        let providers = ["--external-api-url", provider, "--second-api-url", "none"];
        run(&[&flags[..], &providers].concat()).await
    };

    // No job has the permission.
    let boundary = ["boundary", "deploy", "--env", "staging", "--yes"];
    let created = crate::run(&ministack, &boundary).await;
    assert_eq!(created.code, 0, "{}", created.stderr);

    let mut deployed = deploy(&feed_url).await;
    deployed.extend(deploy(&no_prices(&ministack)).await);
    // Before the rollback, which is drift and would stop a plan.
    let planned = run(&["plan", "--skip-tests", "--service-role", "--out", plan]).await;
    let mut read = run(&["status"]).await;
    read.extend(run(&["drift"]).await);
    let rolled_back = run(&["rollback", "--function", "update", "--yes"]).await;
    deployed.extend(rolled_back.clone());

    let may_deploy = allowed("DeployRole");
    for (role, done) in [
        ("DeployRole", &deployed),
        ("PlanRole", &planned),
        ("ReadRole", &read),
        ("RollbackRole", &rolled_back),
    ] {
        let refused: Vec<String> = done.difference(&allowed(role)).cloned().collect();
        assert_eq!(refused, Vec::<String>::new(), "{role}");
    }

    // The roles use every permission for stacks, zips and aliases. The permissions to read
    // resources are for CloudFormation's drift detection.
    let own = |action: &&String| {
        let services = ["cloudformation:", "secretsmanager:"];
        let writes = [
            "s3:PutObject",
            "s3:DeleteObject",
            "lambda:UpdateAlias",
            "lambda:InvokeFunction",
        ];
        services.iter().any(|service| action.starts_with(service))
            || writes.contains(&action.as_str())
    };
    let unseen: Vec<&String> = may_deploy
        .iter()
        .filter(own)
        .filter(|action| !deployed.contains(*action))
        .collect();
    let explained: Vec<&str> = NOT_SEEN.iter().map(|(action, _)| *action).collect();
    assert_eq!(unseen, explained);
}
