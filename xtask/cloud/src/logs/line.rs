//! The text output of a log event: one line for people.

use std::fmt::Write as _;

use serde_json::Value;

/// Returns true if Lambda wrote the event, and the event only states that an instance started or that an
/// invocation began or ended. `Status` in the report of an invocation means that the function failed:
/// <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html>.
pub(super) fn is_routine(message: &str) -> bool {
    ["START RequestId: ", "END RequestId: ", "INIT_START "]
        .iter()
        .any(|beginning| message.starts_with(beginning))
        || (message.starts_with("REPORT RequestId: ") && !message.contains("Status: "))
}

/// Formats a line of JSON that a function wrote. A request begins with its status, route and duration,
/// any other line with its level and message. The other members follow, except null and false. Text that
/// is not a JSON object is returned unchanged.
pub(super) fn readable(message: &str) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(message) else {
        return message.to_owned();
    };
    let member = |name| match members.get(name) {
        Some(Value::String(text)) => text.clone(),
        value => value.map(Value::to_string).unwrap_or_default(),
    };
    let message = member("message");
    let is_request = message == "request";
    let (mut line, omitted): (String, &[&str]) = if is_request {
        let (status, route, ms) = (member("status"), member("route"), member("durationMs"));
        (
            format!("{status} {route} {ms} ms"),
            &["status", "route", "durationMs"],
        )
    } else {
        (format!("{:<5} {}", member("level"), message), &["target"])
    };
    for (name, value) in &members {
        let is_omitted = omitted.contains(&name.as_str())
            || ["timestamp", "level", "message"].contains(&name.as_str())
            // The route contains the method, unless the path is unknown.
            || (name == "method" && is_request && line.contains(" /"))
            // Metrics and their dimensions: other members have the same values.
            || name.starts_with(|first: char| first == '_' || first.is_ascii_uppercase());
        // In the API's events, the request's id is a member of the span.
        let (name, value) = match value.get("requestId") {
            Some(id) if name == "span" => ("requestId", id),
            _ => (&**name, value),
        };
        if !is_omitted && !matches!(value, Value::Null | Value::Bool(false)) {
            // Writing to a string does not fail.
            let _ = write!(line, "  {name}={}", plain(value));
        }
    }
    line
}

/// Formats a value. Text with spaces or quotes is quoted.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains([' ', '"']) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_with_its_status_first_and_without_metrics() {
        let request = r#"{"_aws":{"Timestamp":1},"Environment":"prod","Requests":1.0,"Latency":12.5,"Route":"GET /prices","StatusClass":"5xx","timestamp":"2026-01-15T10:30:00Z","level":"INFO","message":"request","requestId":"JKJaXmPLvHcESHA=","method":"GET","route":"GET /prices","status":503,"code":"NO_PRICE","durationMs":12.5,"keyId":"0123********","symbols":2,"stale":0,"bytes":90,"coldStart":false}"#;
        assert_eq!(
            readable(request),
            "503 GET /prices 12.5 ms  requestId=JKJaXmPLvHcESHA=  code=NO_PRICE  keyId=0123********  symbols=2  stale=0  bytes=90"
        );
        let unknown = r#"{"message":"request","method":"POST","route":"$default","status":404,"durationMs":1,"keyId":null}"#;
        assert_eq!(readable(unknown), "404 $default 1 ms  method=POST");
    }

    #[test]
    fn any_other_json_line_begins_with_its_level_and_message() {
        let line = r#"{"timestamp":"t","level":"WARN","message":"coin skipped","symbol":"BTC","reason":"no \"usd\" price","target":"update::outcome"}"#;
        assert_eq!(
            readable(line),
            r#"WARN  coin skipped  symbol=BTC  reason="no \"usd\" price""#
        );
        let cause = r#"{"level":"ERROR","message":"the limiter failed","span":{"name":"request","requestId":"a="}}"#;
        assert_eq!(readable(cause), "ERROR the limiter failed  requestId=a=");
        assert_eq!(readable("Task timed out"), "Task timed out");
        assert_eq!(readable("[1]"), "[1]");
    }

    #[test]
    fn lambdas_own_lines_are_routine_unless_the_invocation_failed() {
        for routine in [
            "START RequestId: 1 Version: 7",
            "END RequestId: 1",
            "REPORT RequestId: 1\tDuration: 2.5 ms\tBilled Duration: 3 ms",
            "INIT_START Runtime Version: provided:al2023.v1",
        ] {
            assert!(is_routine(routine), "{routine}");
        }
        for shown in [
            "REPORT RequestId: 1\tDuration: 10000.00 ms\tStatus: timeout",
            "2026-01-15T10:30:00.000Z 1 Task timed out after 10.00 seconds",
            "{}",
        ] {
            assert!(!is_routine(shown), "{shown}");
        }
    }
}
