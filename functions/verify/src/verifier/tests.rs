//! The verifier with an API and a CodeDeploy whose behaviour a test chooses.

use std::sync::Mutex;

use shared::check::Response;

use super::*;
use crate::api::NoResponse;
use crate::checks::PAUSE;
use crate::testing::{
    Behaviour, HEALTHY, Keys, NO_TABLE, OLD_PRICES, PRICE, REFUSED, ScriptedApi, answer, working,
};

/// A CodeDeploy that records the reported results.
struct Recorder {
    is_rollback: Result<bool, CodeDeployError>,
    put_status: Result<(), CodeDeployError>,
    statuses: Mutex<Vec<LifecycleEventStatus>>,
}

impl Deployments for Recorder {
    async fn put_status(
        &self,
        reported: &Hook,
        status: LifecycleEventStatus,
    ) -> Result<(), CodeDeployError> {
        assert_eq!(*reported, hook());
        self.statuses.lock().unwrap().push(status);
        self.put_status.clone()
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

fn verifier(behaviour: Behaviour) -> Verifier<ScriptedApi, Keys, Recorder> {
    Verifier {
        target: Ok(Target {
            api: ScriptedApi::new(behaviour, "d-1"),
            store: Keys::default(),
        }),
        deployments: Recorder {
            is_rollback: Ok(false),
            put_status: Ok(()),
            statuses: Mutex::default(),
        },
    }
}

/// Makes a verifier whose table refuses the first `times` attempts to create a key.
fn refusing(times: u32, behaviour: Behaviour) -> Verifier<ScriptedApi, Keys, Recorder> {
    let mut verifier = verifier(behaviour);
    if let Ok(target) = &mut verifier.target {
        target.store = Keys::refusing(times);
    }
    verifier
}

/// Runs the check. Returns the statuses that were reported to CodeDeploy, and the report.
async fn run_check(
    verifier: &Verifier<ScriptedApi, Keys, Recorder>,
) -> (Vec<LifecycleEventStatus>, Report) {
    let report = verifier.handle(hook()).await.unwrap();
    let statuses = verifier.deployments.statuses.lock().unwrap().clone();
    (statuses, report)
}

/// Asserts that a version is stopped because it fails a check, for this reason.
async fn assert_stopped(verifier: &Verifier<ScriptedApi, Keys, Recorder>, reason: &str) {
    let (statuses, report) = run_check(verifier).await;
    assert_eq!(statuses, [LifecycleEventStatus::Failed], "{reason}");
    assert_eq!(report.failed, [reason]);
    assert_eq!(report.errors, [""; 0]);
}

/// Asserts that a version is stopped because the check itself did not work.
async fn assert_unchecked(verifier: &Verifier<ScriptedApi, Keys, Recorder>, error: &str) {
    let (statuses, report) = run_check(verifier).await;
    assert_eq!(statuses, [LifecycleEventStatus::Failed], "{error}");
    assert_eq!(report.errors, [error]);
    assert_eq!(report.failed, [""; 0]);
}

#[tokio::test]
async fn a_working_version_passes_with_one_request_for_each_check() {
    let verifier = verifier(Behaviour::Works);
    assert_eq!(
        run_check(&verifier).await,
        (vec![LifecycleEventStatus::Succeeded], Report::default())
    );
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
    assert_eq!(api.requests.into_inner(), 4);
}

#[tokio::test]
async fn old_prices_are_a_warning_and_do_not_stop_the_version() {
    let old = Behaviour::Except(Check::Health, Ok(answer(503, OLD_PRICES)));
    let (statuses, report) = run_check(&verifier(old)).await;
    assert_eq!(statuses, [LifecycleEventStatus::Succeeded]);
    let warning = "GET /health: the newest price is old, or there is none";
    assert_eq!(report.warnings, [warning]);

    let none = Ok(answer(503, r#"{"code":"NO_PRICE"}"#));
    let (statuses, report) = run_check(&verifier(Behaviour::Except(Check::Prices, none))).await;
    assert_eq!(statuses, [LifecycleEventStatus::Succeeded]);
    let warning = "GET /prices?symbols=BTC: there is no price of BTC yet";
    assert_eq!(report.warnings, [warning]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_created_at_the_third_attempt_does_not_fail_the_version() {
    let verifier = refusing(2, Behaviour::Works);
    let begun = Instant::now();
    assert_eq!(
        run_check(&verifier).await,
        (vec![LifecycleEventStatus::Succeeded], Report::default())
    );
    assert_eq!(begun.elapsed(), 2 * PAUSE);
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_created_is_an_error_and_not_a_failed_check() {
    let begun = Instant::now();
    let verifier = refusing(u32::MAX, Behaviour::Works);
    let error = format!("could not create an API key: {REFUSED}");
    assert_unchecked(&verifier, &error).await;
    assert!(begun.elapsed() <= KEY_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn the_temporary_key_is_deleted_even_if_the_version_fails() {
    let refused = Ok(answer(401, r#"{"code":"UNAUTHORIZED"}"#));
    let verifier = verifier(Behaviour::Except(Check::Prices, refused));
    let reason = "GET /prices?symbols=BTC: a key that was created just now is refused";
    assert_stopped(&verifier, reason).await;
    let Target { api, store } = verifier.target.unwrap();
    store.assert_one_used(&api);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_any_check_is_stopped_for_a_precise_reason() {
    let failed = |error: &str| Err(NoResponse::FunctionError(error.to_owned()));
    for (check, answer, reason) in [
        (
            Check::Health,
            Ok(answer(503, NO_TABLE)),
            "GET /health: the table cannot be read",
        ),
        (
            Check::Health,
            Ok(answer(500, r#"{"code":"INTERNAL_ERROR"}"#)),
            "GET /health: the response has status 500",
        ),
        (
            Check::Health,
            Ok(answer(200, "{}")),
            "GET /health: the response with status 200 is malformed",
        ),
        (
            Check::Health,
            failed("Runtime.ExitError: exit status 1"),
            "GET /health: the function failed: Runtime.ExitError: exit status 1",
        ),
        (
            Check::Unauthenticated,
            Ok(answer(200, r#"{"data":[]}"#)),
            "GET /prices: prices are served without a key",
        ),
        (
            Check::Unauthenticated,
            Ok(answer(401, r#"{"message":"Unauthorized"}"#)),
            "GET /prices: the response with status 401 is malformed",
        ),
        (
            Check::UnknownPath,
            Ok(answer(200, "{}")),
            "GET /no-such-path: the response has status 200",
        ),
        (
            Check::UnknownPath,
            Err(NoResponse::NotInvoked(
                "AccessDeniedException: no".to_owned(),
            )),
            "GET /no-such-path: the version could not be invoked: AccessDeniedException: no",
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
                ..working(Check::Prices)
            }),
            "GET /prices?symbols=BTC: the limiter does not answer: the RateLimit headers are missing or wrong",
        ),
        (
            Check::UnknownPath,
            Err(NoResponse::Malformed),
            "GET /no-such-path: the version returned no response that API Gateway could pass on",
        ),
    ] {
        assert_stopped(&verifier(Behaviour::Except(check, answer)), reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_passes_at_the_third_attempt_has_passed() {
    let denied = Err(NoResponse::NotInvoked(
        "AccessDeniedException: no".to_owned(),
    ));
    // The first four requests make one attempt at each check. The fifth is the second attempt at this
    // check, and fails too.
    let verifier = verifier(Behaviour::Until(5, Check::Health, denied));
    let begun = Instant::now();
    assert_eq!(
        run_check(&verifier).await,
        (vec![LifecycleEventStatus::Succeeded], Report::default())
    );
    assert_eq!(begun.elapsed(), 2 * PAUSE);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_does_not_respond_is_stopped_in_time() {
    let begun = Instant::now();
    let (statuses, report) = run_check(&verifier(Behaviour::Hangs)).await;
    assert_eq!(statuses, [LifecycleEventStatus::Failed]);
    assert_eq!(report.failed.len(), 4);
    assert!(report.failed[0].ends_with("no response in time"));
    assert_eq!(begun.elapsed(), CHECKS_LIMIT);
}

#[tokio::test]
async fn a_panic_of_the_check_is_reported_as_a_failure() {
    assert_unchecked(
        &verifier(Behaviour::Panics),
        "the check has a defect, which the log names",
    )
    .await;
}

#[tokio::test]
async fn a_missing_setting_is_reported_as_a_failure() {
    let mut verifier = verifier(Behaviour::Works);
    verifier.target = Err(SettingsError::Missing {
        variable: "API_VERSION_ARN",
    });
    assert_unchecked(&verifier, "API_VERSION_ARN is not set").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_not_stopped_by_failed_checks_or_errors() {
    let mut verifier = verifier(Behaviour::Hangs);
    verifier.deployments.is_rollback = Ok(true);
    let (statuses, report) = run_check(&verifier).await;
    assert_eq!(statuses, [LifecycleEventStatus::Succeeded]);
    assert_eq!((report.failed.len(), report.warnings.len()), (0, 4));

    let mut verifier = refusing(u32::MAX, Behaviour::Works);
    verifier.deployments.is_rollback = Ok(true);
    let (statuses, report) = run_check(&verifier).await;
    assert_eq!(statuses, [LifecycleEventStatus::Succeeded]);
    assert_eq!((report.errors.len(), report.warnings.len()), (0, 1));
}

#[tokio::test]
async fn a_failed_check_stops_a_deployment_that_is_possibly_a_rollback() {
    let mut verifier = verifier(Behaviour::Panics);
    verifier.deployments.is_rollback = Err(refused());
    assert_eq!(run_check(&verifier).await.0, [LifecycleEventStatus::Failed]);
}

#[tokio::test]
async fn a_result_that_cannot_be_reported_is_an_error_of_the_function() {
    let mut verifier = verifier(Behaviour::Works);
    verifier.deployments.put_status = Err(refused());
    assert_eq!(verifier.handle(hook()).await, Err(refused()));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn answers() -> impl Strategy<Value = Result<Response, NoResponse>> {
        let body = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![HEALTHY, OLD_PRICES, NO_TABLE, PRICE])
                .prop_map(str::to_owned),
            "[A-Z_]{1,20}".prop_map(|code| format!(r#"{{"code":"{code}"}}"#)),
        ];
        prop_oneof![
            (100..600_u16, body).prop_map(|(status, body)| Ok(answer(status, &body))),
            any::<String>().prop_map(|reason| Err(NoResponse::NotInvoked(reason))),
        ]
    }

    proptest! {
        #[test]
        fn one_result_is_reported_and_every_server_error_except_503_fails(
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
            let (statuses, report) = runtime.block_on(run_check(&verifier));
            let status = if report.has_passed() {
                LifecycleEventStatus::Succeeded
            } else {
                LifecycleEventStatus::Failed
            };
            prop_assert_eq!(statuses, [status]);
            if broken {
                prop_assert!(!report.has_passed());
            }
        }
    }
}
