//! The verifier over an API and a CodeDeploy that do as they are told.

use std::sync::Mutex;

use shared::check::Response;

use super::*;
use crate::api::NoAnswer;
use crate::checks::PAUSE;
use crate::testing::{
    Behaviour, HEALTHY, Keys, NO_TABLE, OLD_PRICES, PRICE, REFUSED, ScriptedApi, answer, in_order,
};

/// A CodeDeploy that notes what it is told.
struct Told {
    is_rollback: Result<bool, CodeDeployError>,
    takes: Result<(), CodeDeployError>,
    statuses: Mutex<Vec<Status>>,
}

impl Deployments for Told {
    async fn put_status(&self, told: &Hook, status: Status) -> Result<(), CodeDeployError> {
        assert_eq!(*told, hook());
        self.statuses.lock().unwrap().push(status);
        self.takes.clone()
    }

    async fn is_rollback(&self, deployment_id: &str) -> Result<bool, CodeDeployError> {
        assert_eq!(deployment_id, "d-1");
        self.is_rollback.clone()
    }
}

fn hook() -> Hook {
    Hook {
        deployment_id: "d-1".to_owned(),
        lifecycle_event_hook_execution_id: "hook-1".to_owned(),
    }
}

fn refused() -> CodeDeployError {
    CodeDeployError {
        operation: "PutLifecycleEventHookExecutionStatus",
        reason: "AccessDeniedException: no".to_owned(),
    }
}

fn verifier(behaviour: Behaviour) -> Verifier<ScriptedApi, Keys, Told> {
    Verifier {
        target: Ok(Target {
            api: ScriptedApi::new(behaviour, "d-1"),
            store: Keys::default(),
        }),
        deployments: Told {
            is_rollback: Ok(false),
            takes: Ok(()),
            statuses: Mutex::default(),
        },
    }
}

/// A verifier whose table refuses so many creations of a key first.
fn refusing(times: u32, behaviour: Behaviour) -> Verifier<ScriptedApi, Keys, Told> {
    let mut verifier = verifier(behaviour);
    if let Ok(target) = &mut verifier.target {
        target.store = Keys::refusing(times);
    }
    verifier
}

/// What CodeDeploy was told, and the report.
async fn outcome(verifier: &Verifier<ScriptedApi, Keys, Told>) -> (Vec<Status>, Report) {
    let report = verifier.handle(hook()).await.unwrap();
    let statuses = verifier.deployments.statuses.lock().unwrap().clone();
    (statuses, report)
}

/// Asserts that a version is stopped for this reason of its own.
async fn assert_stopped(verifier: &Verifier<ScriptedApi, Keys, Told>, reason: &str) {
    let (statuses, report) = outcome(verifier).await;
    assert_eq!(statuses, [Status::Failed], "{reason}");
    assert_eq!(report.failed, [reason]);
    assert_eq!(report.errors, [""; 0]);
}

/// Asserts that a version is stopped because the check itself did not work.
async fn assert_unchecked(verifier: &Verifier<ScriptedApi, Keys, Told>, error: &str) {
    let (statuses, report) = outcome(verifier).await;
    assert_eq!(statuses, [Status::Failed], "{error}");
    assert_eq!(report.errors, [error]);
    assert_eq!(report.failed, [""; 0]);
}

#[tokio::test]
async fn a_version_in_order_passes_with_one_request_a_check() {
    let verifier = verifier(Behaviour::InOrder);
    assert_eq!(
        outcome(&verifier).await,
        (vec![Status::Succeeded], Report::default())
    );
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
    assert_eq!(api.requests.into_inner(), 4);
}

#[tokio::test]
async fn old_prices_are_a_warning_and_no_reason_to_stop() {
    let old = Behaviour::Except(Check::Health, Ok(answer(503, OLD_PRICES)));
    let (statuses, report) = outcome(&verifier(old)).await;
    assert_eq!(statuses, [Status::Succeeded]);
    let warning = "GET /health: the newest price is old, or there is none";
    assert_eq!(report.warnings, [warning]);

    let none = Ok(answer(503, r#"{"code":"NO_PRICE"}"#));
    let (statuses, report) = outcome(&verifier(Behaviour::Except(Check::Prices, none))).await;
    assert_eq!(statuses, [Status::Succeeded]);
    let warning = "GET /prices?symbols=BTC: there is no price of BTC yet";
    assert_eq!(report.warnings, [warning]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_created_at_the_third_attempt_holds_nothing_against_the_version() {
    let verifier = refusing(2, Behaviour::InOrder);
    let begun = Instant::now();
    assert_eq!(
        outcome(&verifier).await,
        (vec![Status::Succeeded], Report::default())
    );
    assert_eq!(begun.elapsed(), 2 * PAUSE);
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_created_is_an_error_of_the_check_and_not_of_the_version() {
    let begun = Instant::now();
    let verifier = refusing(u32::MAX, Behaviour::InOrder);
    let error = format!("could not create an API key: {REFUSED}");
    assert_unchecked(&verifier, &error).await;
    assert!(begun.elapsed() <= KEY_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn the_key_of_a_version_that_fails_is_deleted_too() {
    let refused = Ok(answer(401, r#"{"code":"UNAUTHORIZED"}"#));
    let verifier = verifier(Behaviour::Except(Check::Prices, refused));
    let reason = "GET /prices?symbols=BTC: it refuses a key that was created just now";
    assert_stopped(&verifier, reason).await;
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
}

#[tokio::test(start_paused = true)]
async fn what_a_deploy_can_break_stops_it() {
    let failed = |error: &str| Err(NoAnswer::FunctionError(error.to_owned()));
    for (check, answer, reason) in [
        (
            Check::Health,
            Ok(answer(503, NO_TABLE)),
            "GET /health: the table cannot be read",
        ),
        (
            Check::Health,
            Ok(answer(500, r#"{"code":"INTERNAL_ERROR"}"#)),
            "GET /health: it answers with status 500",
        ),
        (
            Check::Health,
            Ok(answer(200, "{}")),
            "GET /health: its answer of status 200 is malformed",
        ),
        (
            Check::Health,
            failed("Runtime.ExitError: exit status 1"),
            "GET /health: the function failed: Runtime.ExitError: exit status 1",
        ),
        (
            Check::Unauthenticated,
            Ok(answer(200, r#"{"data":[]}"#)),
            "GET /prices: it gives prices without a key",
        ),
        (
            Check::Unauthenticated,
            Ok(answer(401, r#"{"message":"Unauthorized"}"#)),
            "GET /prices: its answer of status 401 is malformed",
        ),
        (
            Check::UnknownPath,
            Ok(answer(200, "{}")),
            "GET /no-such-path: it answers with status 200",
        ),
        (
            Check::UnknownPath,
            Err(NoAnswer::NotInvoked("AccessDeniedException: no".to_owned())),
            "GET /no-such-path: it could not be invoked: AccessDeniedException: no",
        ),
        (
            Check::Prices,
            Ok(answer(503, r#"{"code":"SERVICE_UNAVAILABLE"}"#)),
            "GET /prices?symbols=BTC: the table or the limiter fails",
        ),
        (
            Check::Prices,
            Ok(Response {
                is_counted: false,
                ..in_order(Check::Prices)
            }),
            "GET /prices?symbols=BTC: the limiter does not answer: the RateLimit headers are missing or wrong",
        ),
        (
            Check::UnknownPath,
            Err(NoAnswer::Malformed),
            "GET /no-such-path: what it returned is no answer that API Gateway could pass on",
        ),
    ] {
        assert_stopped(&verifier(Behaviour::Except(check, answer)), reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_passes_at_the_third_attempt_has_passed() {
    let denied = Err(NoAnswer::NotInvoked("AccessDeniedException: no".to_owned()));
    // The first round makes all four checks, each further one this check alone.
    let verifier = verifier(Behaviour::Until(5, Check::Health, denied));
    let begun = Instant::now();
    assert_eq!(
        outcome(&verifier).await,
        (vec![Status::Succeeded], Report::default())
    );
    assert_eq!(begun.elapsed(), 2 * PAUSE);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_does_not_answer_is_given_up_in_time() {
    let begun = Instant::now();
    let (statuses, report) = outcome(&verifier(Behaviour::Hangs)).await;
    assert_eq!(statuses, [Status::Failed]);
    assert_eq!(report.failed.len(), 4);
    assert!(report.failed[0].ends_with("no answer in time"));
    assert_eq!(begun.elapsed(), CHECKS_LIMIT);
}

#[tokio::test]
async fn a_defect_of_the_check_is_told_too() {
    assert_unchecked(
        &verifier(Behaviour::Panics),
        "the check has a defect, which the log names",
    )
    .await;
}

#[tokio::test]
async fn a_setting_that_is_missing_is_told_too() {
    let mut verifier = verifier(Behaviour::InOrder);
    verifier.target = Err(SettingsError::Missing {
        variable: "API_VERSION_ARN",
    });
    assert_unchecked(&verifier, "API_VERSION_ARN is not set").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_not_stopped_whatever_it_goes_back_to() {
    let mut verifier = verifier(Behaviour::Hangs);
    verifier.deployments.is_rollback = Ok(true);
    let (statuses, report) = outcome(&verifier).await;
    assert_eq!(statuses, [Status::Succeeded]);
    assert_eq!((report.failed.len(), report.warnings.len()), (0, 4));

    let mut verifier = refusing(u32::MAX, Behaviour::InOrder);
    verifier.deployments.is_rollback = Ok(true);
    let (statuses, report) = outcome(&verifier).await;
    assert_eq!(statuses, [Status::Succeeded]);
    assert_eq!((report.errors.len(), report.warnings.len()), (0, 1));
}

#[tokio::test]
async fn where_codedeploy_does_not_say_what_a_deployment_is_for_it_is_stopped() {
    let mut verifier = verifier(Behaviour::Panics);
    verifier.deployments.is_rollback = Err(refused());
    assert_eq!(outcome(&verifier).await.0, [Status::Failed]);
}

#[tokio::test]
async fn codedeploy_not_told_is_an_error_that_has_lambda_try_again() {
    let mut verifier = verifier(Behaviour::InOrder);
    verifier.deployments.takes = Err(refused());
    assert_eq!(verifier.handle(hook()).await, Err(refused()));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn answers() -> impl Strategy<Value = Result<Response, NoAnswer>> {
        let body = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![HEALTHY, OLD_PRICES, NO_TABLE, PRICE])
                .prop_map(str::to_owned),
            "[A-Z_]{1,20}".prop_map(|code| format!(r#"{{"code":"{code}"}}"#)),
        ];
        prop_oneof![
            (100..600_u16, body).prop_map(|(status, body)| Ok(answer(status, &body))),
            any::<String>().prop_map(|reason| Err(NoAnswer::NotInvoked(reason))),
        ]
    }

    proptest! {
        #[test]
        fn codedeploy_is_told_once_and_no_server_error_passes(
            check in prop::sample::select(vec![
                Check::Health,
                Check::Unauthenticated,
                Check::UnknownPath,
                Check::Prices,
            ]),
            answer in answers(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let broken = match &answer {
                Ok(answer) => answer.status >= 500 && answer.status != 503,
                Err(_) => true,
            };
            let verifier = verifier(Behaviour::Except(check, answer));
            let (statuses, report) = runtime.block_on(outcome(&verifier));
            let status = if report.has_passed() {
                Status::Succeeded
            } else {
                Status::Failed
            };
            prop_assert_eq!(statuses, [status]);
            if broken {
                prop_assert!(!report.has_passed());
            }
        }
    }
}
