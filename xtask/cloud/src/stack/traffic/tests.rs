//! Tests of the reports on a rollout's traffic and alarms, against an endpoint that answers like Lambda,
//! CodeDeploy and CloudWatch.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde_json::json;
use xtask::options::AwsArgs;
use xtask::options::OutputFormat;

use super::*;
use crate::report::tests::{Example, line};

impl Example for TrafficEvent<'_> {
    fn examples() -> Vec<String> {
        let alarms = &[AlarmState {
            name: "crypto-watch-api-errors-prod".to_owned(),
            state: "OK".to_owned(),
        }];
        vec![line(&TrafficEvent {
            function: "api",
            version: "8",
            percent: 10,
            alarms,
        })]
    }
}

/// The answers of the endpoint.
#[derive(Debug, Default)]
struct Answers {
    alias_version: &'static str,
    /// The weight that the alias gives to version 7.
    new_version_weight: Option<f64>,
    /// The state of the deployment group's alarm; with `None`, CodeDeploy and CloudWatch refuse their calls.
    alarm: Option<&'static str>,
    /// CodeDeploy's code for the failure of the deployment.
    error: &'static str,
}

type Reply = (StatusCode, [(HeaderName, &'static str); 1], Vec<u8>);

/// Answers a request. The protocol is REST with JSON for Lambda, JSON 1.1 for CodeDeploy, and RPC with
/// CBOR for CloudWatch.
async fn answer(
    Shared(answers): Shared<Arc<Mutex<Answers>>>,
    uri: Uri,
    headers: HeaderMap,
    _body: Bytes,
) -> Reply {
    let protocol = HeaderName::from_static("smithy-protocol");
    let answers = answers.lock().unwrap();
    let json = |value: serde_json::Value| value.to_string().into_bytes();
    let (status, body) = if uri.path().ends_with("/aliases/live") {
        let version = answers.alias_version;
        let weights = answers.new_version_weight;
        let weights = weights.map(|weight| json!({"AdditionalVersionWeights": {"7": weight}}));
        let alias = json!({"Name": "live", "FunctionVersion": version, "RoutingConfig": weights});
        (StatusCode::OK, json(alias))
    } else if let Some(target) = headers.get("x-amz-target") {
        let action = target.to_str().unwrap().rsplit('.').next().unwrap();
        let refusal = json!({"__type": "AccessDeniedException", "message": "no"});
        match answers.alarm {
            Some(_) => (StatusCode::OK, json(codedeploy(action, answers.error))),
            None => (StatusCode::BAD_REQUEST, json(refusal)),
        }
    } else {
        match answers.alarm {
            Some(state) => (StatusCode::OK, alarms(state)),
            None => (StatusCode::BAD_REQUEST, Vec::new()),
        }
    };
    (status, [(protocol, "rpc-v2-cbor")], body)
}

/// Returns the answers of CodeDeploy, which has one deployment.
fn codedeploy(action: &str, error: &str) -> serde_json::Value {
    match action {
        "ListDeployments" => json!({"deployments": ["d-1"]}),
        _ => json!({"deploymentInfo": {"errorInformation": {
            "code": error,
            "message": "One or more of the lifecycle event validation functions failed."
        }}}),
    }
}

/// Returns `{"MetricAlarms": [{"AlarmName": "errors", "StateValue": state}]}` in CBOR.
fn alarms(state: &str) -> Vec<u8> {
    // A text shorter than 24 bytes is its length, plus 0x60, and its bytes.
    let text = |text: &str| {
        let length = 0x60 + u8::try_from(text.len()).unwrap();
        [&[length], text.as_bytes()].concat()
    };
    let entries = [
        vec![0xa1],
        text("MetricAlarms"),
        vec![0x81, 0xa2],
        text("AlarmName"),
        text("errors"),
        text("StateValue"),
        text(state),
    ];
    entries.concat()
}

fn alias_event(status: &str) -> ResourceEvent {
    ResourceEvent {
        time: "2026-01-15T10:31:00Z".to_owned(),
        elapsed_ms: 0,
        logical_id: "ApiFunctionAlias".to_owned(),
        resource_type: "AWS::Lambda::Alias".to_owned(),
        status: status.to_owned(),
        reason: None,
        operation_id: None,
    }
}

/// Starts an endpoint and connects a client to it.
async fn endpoint(answers: &Arc<Mutex<Answers>>) -> Aws {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .fallback(answer)
        .with_state(Arc::clone(answers));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let arguments = AwsArgs {
        region: Some("eu-central-1".to_owned()),
        profile: None,
        endpoint_url: Some(url),
        expect_account: None,
    };
    Aws::to_read(&arguments).await.unwrap()
}

/// Polls with events of an alias, and returns the shown line.
async fn poll(traffic: &mut Traffic<'_>, statuses: &[&str]) -> Option<String> {
    let events: Vec<ResourceEvent> = statuses.iter().map(|status| alias_event(status)).collect();
    let mut progress = Progress::on_stderr();
    let report = Report::new(OutputFormat::Text);
    traffic.poll(&events, &mut progress, &report).await.unwrap();
    traffic.last_shown.as_ref().map(ToString::to_string)
}

#[tokio::test]
async fn traffic_is_followed_from_the_first_weight_to_the_alarm_that_returns_it() {
    let answers = Arc::new(Mutex::new(Answers {
        alias_version: "6",
        new_version_weight: None,
        alarm: Some("OK"),
        error: "",
    }));
    let aws = endpoint(&answers).await;
    let prod = Environment::Prod.settings();
    let mut traffic = Traffic::before_deploying(&aws, &prod).await.unwrap();
    assert_eq!(poll(&mut traffic, &[]).await, None);

    answers.lock().unwrap().new_version_weight = Some(0.3);
    let moving = ["UPDATE_IN_PROGRESS"];
    let shown = poll(&mut traffic, &moving).await;
    assert_eq!(
        shown.as_deref(),
        Some("traffic: 30 % on version 7; alarms: errors OK")
    );
    assert_eq!(traffic.raised_alarms(), Vec::<&str>::new());

    // The next poll is not due yet. When the update of the alias has ended, there is one more poll.
    *answers.lock().unwrap() = Answers {
        alias_version: "6",
        new_version_weight: None,
        alarm: Some("ALARM"),
        error: "",
    };
    assert_eq!(poll(&mut traffic, &moving).await, shown);
    let shown = poll(&mut traffic, &["UPDATE_IN_PROGRESS", "UPDATE_FAILED"]).await;
    assert_eq!(
        shown.as_deref(),
        Some("traffic: 0 % on version 7; alarms: errors ALARM")
    );
    assert_eq!(traffic.raised_alarms(), ["errors"]);
}

#[tokio::test]
async fn traffic_is_shown_even_if_the_alarms_cannot_be_read() {
    let answers = Arc::new(Mutex::new(Answers {
        alias_version: "6",
        new_version_weight: Some(0.1),
        alarm: None,
        error: "",
    }));
    let aws = endpoint(&answers).await;
    let prod = Environment::Prod.settings();
    let mut traffic = Traffic::before_deploying(&aws, &prod).await.unwrap();
    let shown = poll(&mut traffic, &["UPDATE_IN_PROGRESS"]).await;
    assert_eq!(shown.as_deref(), Some("traffic: 10 % on version 7"));
    assert!(traffic.has_warned);
}

#[tokio::test]
async fn a_deployment_stopped_by_its_check_is_distinguished_from_other_failures() {
    let answers = Arc::new(Mutex::new(Answers {
        alias_version: "6",
        new_version_weight: None,
        alarm: Some("OK"),
        error: "HOOK_EXECUTION_FAILURE",
    }));
    let aws = endpoint(&answers).await;
    let prod = Environment::Prod.settings();
    let traffic = Traffic::before_deploying(&aws, &prod).await.unwrap();
    let report = Report::new(OutputFormat::Text);
    let find_stopped = async |statuses: &[&str]| {
        let events: Vec<_> = statuses.iter().map(|status| alias_event(status)).collect();
        let stopped = traffic
            .find_deployment_stopped_by_check(&events, &report)
            .await;
        stopped.unwrap()
    };
    let failed = ["UPDATE_IN_PROGRESS", "UPDATE_FAILED"];
    assert_eq!(find_stopped(&failed).await.as_deref(), Some("d-1"));
    assert_eq!(find_stopped(&["UPDATE_COMPLETE"]).await, None);
    answers.lock().unwrap().error = "ALARM_ACTIVE";
    assert_eq!(find_stopped(&failed).await, None);
    // If CodeDeploy cannot be read, there is a warning, and no deployment is found.
    answers.lock().unwrap().alarm = None;
    assert_eq!(find_stopped(&failed).await, None);
}

#[tokio::test]
async fn traffic_is_not_watched_if_all_of_it_moves_at_once() {
    let aws = endpoint(&Arc::default()).await;
    let dev = Environment::Dev.settings();
    assert!(Traffic::before_deploying(&aws, &dev).await.is_none());
}

#[test]
fn the_result_of_a_poll_is_one_line_with_the_alarms() {
    let alarm = |name: &str, state: &str| AlarmState {
        name: name.to_owned(),
        state: state.to_owned(),
    };
    let mut state = State {
        share: NewVersionShare {
            version: "7".to_owned(),
            percent: 30,
        },
        alarms: Vec::new(),
    };
    assert_eq!(state.to_string(), "traffic: 30 % on version 7");
    state.alarms = vec![alarm("errors", "ALARM"), alarm("throttles", "OK")];
    assert_eq!(
        state.to_string(),
        "traffic: 30 % on version 7; alarms: errors ALARM, throttles OK"
    );
}

mod share {
    use super::*;
    use crate::alias::TrafficShare;

    fn alias(version: &str, weights: &[(&str, f64)]) -> LiveAlias {
        let mut live = LiveAlias::for_tests(version);
        live.weights
            .extend(weights.iter().map(|(version, part)| TrafficShare {
                version: (*version).to_owned(),
                percent: part * 100.0,
            }));
        live
    }

    fn at(version: &str, percent: u8) -> NewVersionShare {
        let version = version.to_owned();
        NewVersionShare { version, percent }
    }

    #[test]
    fn the_share_of_the_new_version_is_its_weight_and_finally_100_percent() {
        let share = |before, alias| new_version_share(before, None, &alias);
        assert_eq!(share(Some("6"), alias("6", &[])), None);
        assert_eq!(
            share(Some("6"), alias("6", &[("7", 0.3)])),
            Some(at("7", 30))
        );
        assert_eq!(share(Some("6"), alias("7", &[])), Some(at("7", 100)));
        assert_eq!(share(None, alias("7", &[])), None);
        assert_eq!(share(None, alias("6", &[("7", 0.999)])), Some(at("7", 100)));
    }

    #[test]
    fn the_new_version_has_no_share_after_the_traffic_has_returned() {
        let seen = Some("7");
        assert_eq!(
            new_version_share(Some("6"), seen, &alias("6", &[])),
            Some(at("7", 0))
        );
        assert_eq!(
            new_version_share(None, seen, &alias("6", &[])),
            Some(at("7", 0))
        );
        assert_eq!(
            new_version_share(None, seen, &alias("7", &[])),
            Some(at("7", 100))
        );
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn no_weight_is_shown_as_more_than_100_percent(weight in any::<f64>()) {
                prop_assert!(rounded(weight) <= 100);
            }

            #[test]
            fn rounding_changes_a_share_by_at_most_half_a_percent(part in 0.0..=100.0f64) {
                prop_assert!((f64::from(rounded(part)) - part).abs() <= 0.5);
            }

            #[test]
            fn traffic_moves_while_the_last_event_of_the_alias_is_in_progress(
                statuses in prop::collection::vec(prop::sample::select(vec![
                    "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED",
                ]), 0..10)
            ) {
                let events: Vec<ResourceEvent> = statuses.iter().map(|status| ResourceEvent {
                    time: String::new(),
                    elapsed_ms: 0,
                    logical_id: "ApiLiveAlias".to_owned(),
                    resource_type: "AWS::Lambda::Alias".to_owned(),
                    status: (*status).to_owned(),
                    reason: None,
                    operation_id: None,
                }).collect();
                prop_assert_eq!(is_moving(&events), statuses.last() == Some(&"UPDATE_IN_PROGRESS"));
            }
        }
    }
}
