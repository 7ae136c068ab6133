//! The start of the process, and events that must not end it.

use serde_json::json;
use shared::api_key::RawApiKey;

use crate::function::{
    ENVIRONMENT, Function, body, function_command, health_event, lines, prices_event,
};

#[tokio::test]
async fn the_sample_events_get_a_503_without_a_table() {
    let function = Function::without_table(&[]).await;
    let health = function.invoke(health_event()).await.unwrap();
    assert_eq!(health["statusCode"], 503);
    assert_eq!(health["isBase64Encoded"], false);
    assert_eq!(body(&health)["checks"]["dynamodb"], "error");

    let key = RawApiKey::generate().unwrap().reveal();
    let prices = function.invoke(prices_event(&key)).await.unwrap();
    assert_eq!(prices["statusCode"], 503);
    assert_eq!(prices["headers"]["retry-after"], "5");
    assert_eq!(body(&prices)["requestId"], "JKJaXmPLvHcESHA=");
}

#[tokio::test]
async fn a_compressed_response_is_sent_in_base64() {
    let function = Function::without_table(&[]).await;
    let mut event = health_event();
    event["headers"]["accept-encoding"] = json!("gzip, identity;q=0");
    let health = function.invoke(event).await.unwrap();
    assert_eq!(health["isBase64Encoded"], true);
    assert_eq!(health["headers"]["content-encoding"], "gzip");
    // The first bytes of gzip (RFC 1952) in base64.
    let body = health["body"].as_str().unwrap();
    assert!(body.starts_with("H4sI"), "{body}");
}

#[tokio::test]
async fn an_event_of_another_source_is_an_error_and_the_process_continues() {
    let function = Function::without_table(&[]).await;
    for event in [
        json!(null),
        json!("text"),
        json!([]),
        json!({}),
        json!({"source": "aws.scheduler", "detail": {}}),
        json!({"requestContext": {"stage": "prod"}, "httpMethod": "GET", "path": "/"}),
    ] {
        let message = function.invoke(event.clone()).await.unwrap_err();
        assert!(message.starts_with("the event "), "{event}: {message}");
    }
    let health = function.invoke(health_event()).await.unwrap();
    assert_eq!(health["statusCode"], 503);
}

#[tokio::test]
async fn a_missing_or_invalid_setting_is_named_and_prevents_the_start() {
    // The first variable has the name of the table, and the last one the region.
    let missing = function_command(&ENVIRONMENT[1..]).output().await.unwrap();
    let mut wrong = function_command(&ENVIRONMENT);
    let wrong = wrong.env("RATE_LIMIT_PER_MINUTE", "lots").output();
    let wrong = wrong.await.unwrap();
    let without_region = function_command(&ENVIRONMENT[..4]).output().await.unwrap();
    for (output, variable) in [
        (missing, "DYNAMODB_TABLE_NAME"),
        (wrong, "RATE_LIMIT_PER_MINUTE"),
        (without_region, "AWS_REGION"),
    ] {
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        let log = lines(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(log.len(), 1, "{log:?}");
        assert_eq!(log[0]["message"], "the function could not start");
        let error = log[0]["error"].as_str().unwrap();
        assert!(error.starts_with(variable), "{error}");
    }
}
