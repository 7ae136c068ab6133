//! The verifier over an API and a CodeDeploy that do as they are told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::api::{Answer, NoAnswer};

const HEALTHY: &str = r#"{"status":"healthy","checks":{"dynamodb":"ok"}}"#;
const OLD_PRICES: &str = r#"{"status":"unhealthy","checks":{"dynamodb":"ok"}}"#;
const NO_TABLE: &str = r#"{"status":"unhealthy","checks":{"dynamodb":"error"}}"#;

fn answer(status: u16, body: &str) -> Answer {
    let body = body.as_bytes().to_vec();
    Answer { status, body }
}

/// What a version in order answers.
fn in_order(check: Check) -> Answer {
    match check {
        Check::Health => answer(200, HEALTHY),
        Check::Unauthenticated | Check::Prices => answer(401, r#"{"code":"UNAUTHORIZED"}"#),
        Check::UnknownPath => answer(404, r#"{"code":"NOT_FOUND"}"#),
    }
}

/// How an API behaves.
enum Behaviour {
    /// In order but for one check.
    Except(Check, Result<Answer, NoAnswer>),
    /// As [`Behaviour::Except`], until it was asked so often.
    Until(u32, Check, Result<Answer, NoAnswer>),
    InOrder,
    Hangs,
    Panics,
}

struct Scripted {
    behaviour: Behaviour,
    asked: AtomicU32,
}

impl Api for Scripted {
    async fn ask(&self, check: Check, request_id: &str) -> Result<Answer, NoAnswer> {
        assert_eq!(request_id, "d-1");
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.behaviour {
            Behaviour::Except(which, answer) if *which == check => answer.clone(),
            Behaviour::Until(times, which, answer) if *which == check && asked < *times => {
                answer.clone()
            }
            Behaviour::InOrder | Behaviour::Except(..) | Behaviour::Until(..) => {
                Ok(in_order(check))
            }
            Behaviour::Hangs => pending().await,
            Behaviour::Panics => panic!("a defect"),
        }
    }
}

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

fn verifier(behaviour: Behaviour) -> Verifier<Scripted, Told> {
    Verifier {
        api: Ok(Scripted {
            behaviour,
            asked: AtomicU32::new(0),
        }),
        deployments: Told {
            is_rollback: Ok(false),
            takes: Ok(()),
            statuses: Mutex::default(),
        },
    }
}

/// What CodeDeploy was told, and the report.
async fn outcome(verifier: &Verifier<Scripted, Told>) -> (Vec<Status>, Report) {
    let report = verifier.handle(hook()).await.unwrap();
    let statuses = verifier.deployments.statuses.lock().unwrap().clone();
    (statuses, report)
}

/// Asserts that a version is stopped, and for what.
async fn assert_stopped(verifier: &Verifier<Scripted, Told>, reason: &str) {
    let (statuses, report) = outcome(verifier).await;
    assert_eq!(statuses, [Status::Failed], "{reason}");
    assert_eq!(report.failed, [reason]);
}

#[tokio::test]
async fn a_version_in_order_passes_with_one_request_a_check() {
    let verifier = verifier(Behaviour::InOrder);
    assert_eq!(
        outcome(&verifier).await,
        (vec![Status::Succeeded], Report::default())
    );
    let asked = verifier.api.unwrap().asked;
    assert_eq!(asked.into_inner(), 3);
}

#[tokio::test]
async fn old_prices_are_a_warning_and_no_reason_to_stop() {
    let old = Behaviour::Except(Check::Health, Ok(answer(503, OLD_PRICES)));
    let (statuses, report) = outcome(&verifier(old)).await;
    assert_eq!(statuses, [Status::Succeeded]);
    let warning = "GET /health: the newest price is old, or there is none";
    assert_eq!(report.warnings, [warning]);
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
    // Each round asks for the other two checks, once.
    let verifier = verifier(Behaviour::Until(4, Check::Health, denied));
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
    assert_eq!(report.failed.len(), 3);
    assert!(report.failed[0].ends_with("no answer in time"));
    assert_eq!(begun.elapsed(), CHECKS_LIMIT);
}

#[tokio::test]
async fn a_defect_of_the_check_is_told_too() {
    assert_stopped(
        &verifier(Behaviour::Panics),
        "the check has a defect, which the log names",
    )
    .await;
}

#[tokio::test]
async fn a_setting_that_is_missing_is_told_too() {
    let mut verifier = verifier(Behaviour::InOrder);
    verifier.api = Err(SettingsError::Missing {
        variable: "API_VERSION_ARN",
    });
    assert_stopped(&verifier, "API_VERSION_ARN is not set").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_not_stopped_whatever_it_goes_back_to() {
    let mut verifier = verifier(Behaviour::Hangs);
    verifier.deployments.is_rollback = Ok(true);
    let (statuses, report) = outcome(&verifier).await;
    assert_eq!(statuses, [Status::Succeeded]);
    assert_eq!((report.failed.len(), report.warnings.len()), (0, 3));
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

    fn answers() -> impl Strategy<Value = Result<Answer, NoAnswer>> {
        let body = prop_oneof![
            any::<String>(),
            prop::sample::select(vec![HEALTHY, OLD_PRICES, NO_TABLE]).prop_map(str::to_owned),
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
            check in prop::sample::select(CHECKS.to_vec()),
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
            prop_assert_eq!(statuses, [report.status()]);
            if broken {
                prop_assert_eq!(report.status(), Status::Failed);
            }
        }
    }
}
