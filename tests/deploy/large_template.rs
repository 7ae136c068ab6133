//! A template that is too large for a request, and goes through the bucket.

use ::xtask::build;
use tests::ministack::{ACCOUNT, Ministack, REGION};
use tests::xtask;

use crate::{assert_outcome, deploy, deploy_arguments, no_prices, run};

const BUCKET_STACK: &str = "crypto-watch-artifacts-dev";
const STACK: &str = "crypto-watch-dev";

/// Makes the template of dev, as small as it is, too large for a request.
const SMALL_REQUESTS: [&str; 2] = ["--template-bytes-in-a-request", "4096"];

#[tokio::test]
async fn a_template_too_large_for_a_request_asks_for_the_bucket_first_and_leaves_nothing_in_it() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let provider = no_prices(&ministack);
    let bucket = format!("{BUCKET_STACK}-{ACCOUNT}-{REGION}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let plan = ["plan", "--env", "dev", "--skip-tests", "--output", "json"];
    let providers = ["--external-api-url", &provider, "--second-api-url", "none"];
    let out = ["--out", file.to_str().unwrap()];
    let plan = [&plan[..], &providers, &out, &SMALL_REQUESTS].concat();

    let nobody = deploy(&ministack, "dev", &provider, &SMALL_REQUESTS).await;
    for nobody in [nobody, run(&ministack, &plan).await] {
        assert_outcome(&nobody, 3, "declined");
        let why = "too large for a request, and there is nobody to ask for the bucket";
        assert!(nobody.stderr.contains(why), "{}", nobody.stderr);
        let hint =
            "hint: `cargo xtask deploy` with --yes, or at a terminal, creates the bucket first";
        assert!(nobody.stderr.contains(hint), "{}", nobody.stderr);
        assert_eq!(ministack.stacks().await, Vec::<String>::new());
    }
    assert!(!file.exists());

    // The bucket may be made, and then the deploy is declined.
    let arguments = deploy_arguments(&ministack, "dev", &provider);
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.chain(SMALL_REQUESTS).collect();
    let declined = xtask::run_at_terminal(&arguments, "y\nn\n").await;
    assert_outcome(&declined, 3, "declined");
    let asked = "CloudFormation takes more than 4096 only from a bucket.";
    assert!(declined.stderr.contains(asked), "{}", declined.stderr);
    assert_eq!(ministack.stacks().await, [BUCKET_STACK]);
    assert_eq!(ministack.keys(&bucket).await, Vec::<String>::new());

    let planned = run(&ministack, &plan).await;
    assert_outcome(&planned, 0, "planned");
    // The change set has the template; nothing is left of how it got there.
    assert_eq!(ministack.keys(&bucket).await, Vec::<String>::new());

    let killed_long_ago = "templates/deploy-1500000000-0badcafe.json";
    ministack.set_s3_time("2017-07-14T02:40:00.000Z");
    ministack.put_object(&bucket, killed_long_ago, "{}").await;
    ministack.reset_s3_time();
    let zips = build::folder().unwrap();
    let saved = [
        "--plan",
        file.to_str().unwrap(),
        "--artifacts",
        zips.to_str().unwrap(),
    ];
    let execute = ["deploy", "--env", "dev", "--output", "json", "--yes"];
    let deployed = run(&ministack, &[&execute[..], &saved].concat()).await;
    assert_outcome(&deployed, 0, "deployed");
    // The plan showed the boundary, and its deploy created it.
    let boundary = "crypto-watch-boundary-dev: new stack, 1 change";
    assert!(planned.stderr.contains(boundary), "{}", planned.stderr);
    assert!(ministack.is_protected("crypto-watch-boundary-dev").await);
    let keys = ministack.keys(&bucket).await;
    assert!(
        !keys.iter().any(|key| key.starts_with("templates/")),
        "{keys:?}"
    );

    let same = deploy(&ministack, "dev", &provider, &SMALL_REQUESTS).await;
    assert_outcome(&same, 0, "unchanged");
    assert_eq!(
        ministack.waiting_change_sets(STACK).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_yes_beforehand_is_meant_for_the_bucket_too() {
    let Some(ministack) = Ministack::start() else {
        return;
    };
    let yes = [&["--yes"][..], &SMALL_REQUESTS].concat();
    let deployed = deploy(&ministack, "dev", &no_prices(&ministack), &yes).await;
    assert_outcome(&deployed, 0, "deployed");
}
