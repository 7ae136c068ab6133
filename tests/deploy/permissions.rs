//! What the pipeline's roles may do, compared with what the commands ask AWS for.

use std::collections::BTreeSet;

use infra::Artifacts;
use serde_json::Value;
use tests::ministack::{Ministack, REGION};
use tests::recorder::Recorder;
use tests::xtask;

use crate::{feed, no_prices};

/// The actions of a role of prod in the pipeline's stack, as in every environment.
fn allowed(role: &str) -> BTreeSet<String> {
    let mut templates = ::xtask::render::all(&Artifacts::placeholder()).unwrap();
    templates.retain(|named| named.name == "pipeline");
    let resources = &templates[0].template.as_value()["Resources"];
    let role = &resources[role]["Properties"];
    let own = &role["Policies"][0]["PolicyDocument"];
    let shared = role["ManagedPolicyArns"].as_array().unwrap().iter();
    let shared = shared.map(|policy| {
        let id = policy["Ref"].as_str().unwrap();
        &resources[id]["Properties"]["PolicyDocument"]
    });
    shared
        .chain([own])
        .flat_map(|document| document["Statement"].as_array().unwrap())
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action: &Value| action.as_str().unwrap().to_owned())
        // Whoever somebody is, they may ask who they are.
        .chain(["sts:GetCallerIdentity".to_owned()])
        .collect()
}

/// What CloudFormation asks for while it does what was asked, or what only
/// happens when something goes wrong; each with when that is.
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
async fn a_deploy_a_plan_and_a_rollback_do_what_their_roles_may_and_no_more() {
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

    // No job may do that.
    let boundary = ["boundary", "deploy", "--env", "staging", "--yes"];
    let created = crate::run(&ministack, &boundary).await;
    assert_eq!(created.code, 0, "{}", created.stderr);

    let mut deployed = deploy(&feed_url).await;
    deployed.extend(deploy(&no_prices(&ministack)).await);
    // Before the rollback, at which a plan would stop: it is drift.
    let planned = run(&["plan", "--skip-tests", "--service-role", "--out", plan]).await;
    deployed.extend(run(&["rollback", "--function", "update", "--yes"]).await);

    let (may_deploy, may_plan) = (allowed("ProdDeployRole"), allowed("ProdPlanRole"));
    let refused = |done: &BTreeSet<String>, allowed: &BTreeSet<String>| -> Vec<String> {
        done.difference(allowed).cloned().collect()
    };
    assert_eq!(refused(&deployed, &may_deploy), Vec::<String>::new());
    assert_eq!(refused(&planned, &may_plan), Vec::<String>::new());

    // Of what they may do to stacks, zips and aliases they need everything; what
    // reads resources is for CloudFormation's detection of drift.
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
