//! `cargo xtask pipeline deploy`: the roles that GitHub Actions assumes.

use tests::ministack::{ACCOUNT, Ministack};
use tests::xtask;

use crate::run;
use crate::scripts::{self, CALLER, NO_STACK, stack};

const IDENTITY_PROVIDER: &str = "crypto-watch-identity-provider";

fn arguments<'a>(environment: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let repository = [
        "--repository",
        "octo-org/octo-repo",
        "--owner-id",
        "123456",
        "--repository-id",
        "456789",
    ];
    [
        &["pipeline", "deploy", "--env", environment],
        &repository[..],
        more,
    ]
    .concat()
}

#[tokio::test]
async fn each_environment_gets_its_roles_and_the_account_gets_one_identity_provider() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let declined = run(&ministack, &arguments("dev", &[])).await;
    assert_eq!(declined.code, 3, "{}", declined.stderr);
    assert_eq!(ministack.stacks().await, Vec::<String>::new());

    let created = run(&ministack, &arguments("dev", &["--yes"])).await;
    assert_eq!(created.code, 0, "{}", created.stderr);
    let stack = "crypto-watch-pipeline-dev";
    let mut stacks = ministack.stacks().await;
    stacks.sort();
    assert_eq!(stacks, ["crypto-watch-boundary-dev", stack]);
    // The stack of the identity provider is in another region.
    let provider = format!("{IDENTITY_PROVIDER}: new stack");
    assert!(created.stderr.contains(&provider), "{}", created.stderr);
    for stack in &stacks {
        assert!(ministack.is_protected(stack).await, "{stack}");
    }
    for (output, role) in [
        ("DeployRoleArn", "deploy-dev"),
        ("PlanRoleArn", "plan-dev"),
        ("ReadRoleArn", "read-dev"),
        ("RollbackRoleArn", "rollback-dev"),
    ] {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/crypto-watch-{role}");
        let mut lines = created.stdout.lines();
        let has_role = |line: &str| line.starts_with(output) && line.ends_with(&arn);
        assert!(lines.any(has_role), "{output}: {}", created.stdout);
    }
    // The command shows the permissions before it asks.
    let grants = "sts:AssumeRoleWithWebIdentity";
    assert!(created.stderr.contains(grants), "{}", created.stderr);
    assert!(!created.stderr.contains("warning"), "{}", created.stderr);

    let again = run(&ministack, &arguments("dev", &[])).await;
    assert_eq!(again.code, 0, "{}", again.stderr);
    // The stacks of the identity provider, of the boundary and of the roles.
    let unchanged = again.stderr.matches("nothing to change").count();
    assert_eq!(unchanged, 3, "{}", again.stderr);
    assert_eq!(again.stdout, created.stdout);

    // The warning is necessary because AWS cannot restrict every action to one of two environments
    // in the same account.
    let existing = ["--oidc-provider", "existing", "--yes"];
    let prod = run(&ministack, &arguments("prod", &existing)).await;
    assert_eq!(prod.code, 0, "{}", prod.stderr);
    let warning = format!("warning: prod shares account {ACCOUNT} with dev");
    assert!(prod.stderr.contains(&warning), "{}", prod.stderr);
    assert!(!prod.stderr.contains(IDENTITY_PROVIDER), "{}", prod.stderr);
}

#[tokio::test]
async fn a_stack_of_the_older_layout_is_refused_with_the_steps_to_replace_it() {
    let older = stack!("crypto-watch-pipeline", "UPDATE_COMPLETE");
    let endpoint = scripts::start(&[CALLER, older]).await;
    let more = [
        "--yes",
        "--region",
        "eu-central-1",
        "--endpoint-url",
        endpoint.url(),
    ];
    let refused = xtask::run(&arguments("dev", &more), &[]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let mut rest = refused.stderr.as_str();
    for step in [
        "gh workflow disable deploy.yml",
        "update-termination-protection --no-enable-termination-protection --region eu-central-1 --stack-name crypto-watch-pipeline\n",
        "delete-stack --region eu-central-1 --stack-name crypto-watch-pipeline\n",
        "wait stack-delete-complete",
        "cargo xtask pipeline deploy --env NAME",
        "older bucket",
        "gh workflow enable deploy.yml",
        "error: nothing was deployed: the stack crypto-watch-pipeline of the older layout",
    ] {
        let found = rest.split_once(step);
        let (_, after) = found.unwrap_or_else(|| panic!("{step}: {}", refused.stderr));
        rest = after;
    }
    assert!(endpoint.requests("CreateChangeSet").is_empty());
}

#[tokio::test]
async fn a_repository_with_a_wildcard_or_without_ids_is_refused() {
    let typed = |name: &'static str, ids: &[&'static str]| {
        let command = ["pipeline", "deploy", "--env", "dev", "--repository", name];
        [&command[..], ids].concat()
    };
    let ids = ["--owner-id", "123456", "--repository-id", "456789"];
    let wildcard = ["--owner-id", "123456", "--repository-id", "*"];
    for (arguments, words) in [
        (typed("octo-org/*", &ids), "OWNER/NAME"),
        (typed("octo-org/octo-repo", &wildcard), "an id of GitHub"),
        (typed("octo-org/octo-repo", &[]), "--owner-id <ID>"),
    ] {
        let refused = xtask::run(&arguments, &[]).await;
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let help = xtask::run(&["pipeline", "deploy", "--help"], &[]).await;
    let command = "gh api repos/OWNER/NAME --jq '{owner: .owner.id, repository: .id}'";
    assert!(help.stdout.contains(command), "{}", help.stdout);
}

#[tokio::test]
async fn with_service_role_every_change_set_has_the_service_role() {
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
    // The deploy fails: the endpoint has no response to the `CreateChangeSet` of either stack.
    let failed = xtask::run(&typed, &[]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let made = endpoint.requests("CreateChangeSet");
    let role = "RoleARN=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fcrypto-watch-cloudformation-dev";
    let with_role = made
        .iter()
        .filter(|request| request.body.split('&').any(|field| field == role));
    assert_eq!((made.len(), with_role.count()), (2, 2), "{}", failed.stderr);
}
