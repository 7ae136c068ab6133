//! The events of the function, one for each mode.

use lambda_runtime::Diagnostic;
use serde::Deserialize;
use shared::json_error::JsonError;

use crate::deployments::Hook;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// The event of CodeDeploy: check a version before it gets traffic.
    Hook(Hook),
    /// The event of the schedule, [`contract::PROBE_EVENT`]: probe the public URL.
    Probe { mode: ProbeMode },
}

/// The only value of the probe event's member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeMode {
    Probe,
}

/// The reason why an event cannot be read. The text quotes nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is neither CodeDeploy's nor the probe's: {0}")]
pub struct UnreadableEvent(JsonError);

impl From<UnreadableEvent> for Diagnostic {
    fn from(error: UnreadableEvent) -> Self {
        Self {
            // The Lambda runtime uses this type for an event that it cannot parse.
            error_type: "DeserializeError".to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl Event {
    /// Parses an event. The Lambda runtime's parser is not used: the runtime would log its errors,
    /// which name members of the event.
    pub fn parse(text: &str) -> Result<Self, UnreadableEvent> {
        serde_json::from_str(text).map_err(|error| UnreadableEvent(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: &str =
        r#"{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"h-1","Combined":{}}"#;

    #[test]
    fn each_mode_has_its_event_and_any_other_text_is_an_error() {
        let probe = Event::parse(contract::PROBE_EVENT).unwrap();
        assert!(matches!(probe, Event::Probe { .. }));
        assert!(matches!(Event::parse(HOOK).unwrap(), Event::Hook(_)));
        for text in [
            "{}",
            "null",
            r#"{"mode":"other"}"#,
            r#"{"DeploymentId":"d-1"}"#,
        ] {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_quotes_nothing_of_the_event() {
        let deep = format!("{}1{}", r#"{"secret":"#.repeat(200), "}".repeat(200));
        let mut texts = vec![
            deep,
            "secret".to_owned(),
            r#""secret"#.to_owned(),
            r#"["secret"]"#.to_owned(),
            r#"{"secret": {"secret": 1e999}}"#.to_owned(),
            r#"{"mode": "secret"}"#.to_owned(),
            r#"{"mode": {"secret": 1}}"#.to_owned(),
        ];
        for event in [HOOK, contract::PROBE_EVENT] {
            for value in [r#"{"secret":"secret"}"#, r#"["secret"]"#, "secret"] {
                // Replaces each value of the event in turn.
                for (at, _) in event.match_indices(':') {
                    let end = at + event[at..].find([',', '}']).unwrap();
                    texts.push([&event[..=at], value, &event[end..]].concat());
                }
            }
        }
        assert!(texts.len() > 15);
        for text in texts {
            if let Err(error) = Event::parse(&text) {
                for shown in [error.to_string(), format!("{error:?}")] {
                    assert!(!shown.contains("secret"), "{text}: {shown}");
                }
            }
        }
    }
}
