//! The roles with which GitHub deploys: made, unchanged, changed, refused.

use tests::ministack::{ACCOUNT, Ministack};
use tests::xtask;

use crate::run;
use crate::scripts::{self, CALLER, NO_STACK};

const STACK: &str = "crypto-watch-pipeline";

/// What is typed, with more behind it.
fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let repository = ["--repository", "octo-org/octo-repo"];
    [&["pipeline", "deploy"], &repository[..], more].concat()
}

#[tokio::test]
async fn the_roles_are_made_and_named_and_stay_until_something_changes() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let created = ["--oidc-provider", "created"];
    let declined = run(&ministack, &arguments(&created)).await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    assert_eq!(ministack.stacks().await, Vec::<String>::new());

    let made = run(&ministack, &arguments(&[&created[..], &["--yes"]].concat())).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(ministack.stacks().await, [STACK]);
    assert!(ministack.is_protected(STACK).await);
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/crypto-watch-{name}");
    for (output, role) in [
        ("DevDeployRoleArn", role("deploy-dev")),
        ("StagingDeployRoleArn", role("deploy-staging")),
        ("ProdDeployRoleArn", role("deploy-prod")),
        ("ProdPlanRoleArn", role("plan-prod")),
    ] {
        let line = made.stdout.lines().find(|line| line.starts_with(output));
        assert_eq!(
            line.map(|line| line.ends_with(&role)),
            Some(true),
            "{}",
            made.stdout
        );
    }
    // Who may do what from now on is shown before anybody is asked.
    assert!(
        made.stderr.contains("sts:AssumeRoleWithWebIdentity"),
        "{}",
        made.stderr
    );

    let again = run(&ministack, &arguments(&created)).await;
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(
        again.stderr.contains("nothing to change"),
        "{}",
        again.stderr
    );
    assert_eq!(again.stdout, made.stdout);

    let fewer = [&created[..], &["--env", "prod", "--yes"]].concat();
    let fewer = run(&ministack, &arguments(&fewer)).await;
    assert_eq!(fewer.code, 0, "{}", fewer.stderr);
    assert!(!fewer.stdout.contains("Dev"), "{}", fewer.stdout);
}

#[tokio::test]
async fn a_repository_that_could_be_a_pattern_is_refused() {
    let typed = [
        "pipeline",
        "deploy",
        "--repository",
        "octo-org/*",
        "--oidc-provider",
        "existing",
    ];
    let refused = xtask::run(&typed, &[]).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("OWNER/NAME"), "{}", refused.stderr);
}

/// Both stacks, whoever made them before.
#[tokio::test]
async fn cloudformation_works_as_its_role_where_that_is_asked_for() {
    let endpoint = scripts::start(&[CALLER, NO_STACK]).await;
    let typed = [
        "deploy",
        "--env",
        "dev",
        "--yes",
        "--skip-tests",
        "--service-role",
        "--endpoint-url",
        endpoint.url(),
    ];
    // No change set can be made at this endpoint.
    let failed = xtask::run(&typed, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let made = endpoint.requests("CreateChangeSet");
    let role = "RoleARN=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fcrypto-watch-cloudformation-dev";
    let with_role = made
        .iter()
        .filter(|request| request.body.split('&').any(|field| field == role));
    assert_eq!((made.len(), with_role.count()), (2, 2), "{}", failed.stderr);
}
