//! The permissions of the pipeline's roles, compared with the AWS actions that the commands call.

use cfn::template::targets;
use std::collections::BTreeSet;

use infra::Artifacts;
use serde_json::Value;
use tests::ministack::{Ministack, REGION};
use tests::recorder::Recorder;
use tests::xtask;

use crate::{feed, url_without_prices};

/// Lists the actions that a role of staging's pipeline may call.
fn allowed(role: &str) -> BTreeSet<String> {
    let mut templates = ::xtask::render::all(&Artifacts::placeholder()).unwrap();
    templates.retain(|named| named.name == "pipeline-staging");
    let resources = &templates[0].template.as_value()["Resources"];
    let role = &resources[role]["Properties"];
    let inline = &role["Policies"][0]["PolicyDocument"];
    let managed = role["ManagedPolicyArns"].as_array().into_iter().flatten();
    let managed = managed.map(|policy| {
        let id = targets(policy).next().unwrap();
        &resources[&*id]["Properties"]["PolicyDocument"]
    });
    managed
        .chain([inline])
        .flat_map(|document| document["Statement"].as_array().unwrap())
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action: &Value| action.as_str().unwrap().to_owned())
        // AWS requires no permission for this action.
        .chain(["sts:GetCallerIdentity".to_owned()])
        .collect()
}

/// Actions that the deploys of this test do not call, each with the call or the situation that
/// needs the permission.
const NOT_CALLED: [(&str, &str); 8] = [
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
async fn pipeline_roles_allow_their_commands_and_a_deploy_uses_its_permissions() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let recorder = Recorder::start(ministack.url()).await;
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

    // An administrator deploys the boundary. No role of the pipeline may do that.
    let boundary = ["boundary", "deploy", "--env", "staging", "--yes"];
    let created = crate::run(&ministack, &boundary).await;
    assert_eq!(created.code, 0, "{}", created.stderr);

    let mut deployed = deploy(&feed_url).await;
    deployed.extend(deploy(&url_without_prices(&ministack)).await);
    // The plan comes before the rollback, because a rollback counts as drift, and drift stops a plan.
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

    // The commands use the permissions for stacks, secrets, zips and aliases. The other permissions
    // only read resources, for CloudFormation's drift detection.
    let is_for_commands = |action: &&String| {
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
    let unused: Vec<&String> = may_deploy
        .iter()
        .filter(is_for_commands)
        .filter(|action| !deployed.contains(*action))
        .collect();
    let explained: Vec<&str> = NOT_CALLED.iter().map(|(action, _)| *action).collect();
    assert_eq!(unused, explained);
}
