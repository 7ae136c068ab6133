//! The events of the function, one for each of its modes.

use serde::Deserialize;

use crate::deployments::Hook;

/// An event of the function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// CodeDeploy's: check a version before it gets traffic.
    Hook(Hook),
    /// The schedule's, [`contract::PROBE_EVENT`]: probe the public URL.
    Probe(ProbeEvent),
}

/// The content of [`contract::PROBE_EVENT`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProbeEvent {
    mode: ProbeMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProbeMode {
    Probe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_its_own_event_and_anything_else_is_none() {
        let read = |text: &str| serde_json::from_str::<Event>(text);
        let probe = read(contract::PROBE_EVENT).unwrap();
        assert!(matches!(probe, Event::Probe(_)));
        let hook = r#"{"DeploymentId":"d-1","LifecycleEventHookExecutionId":"h-1","Combined":{}}"#;
        assert!(matches!(read(hook).unwrap(), Event::Hook(_)));
        for text in [
            "{}",
            "null",
            r#"{"mode":"other"}"#,
            r#"{"DeploymentId":"d-1"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
