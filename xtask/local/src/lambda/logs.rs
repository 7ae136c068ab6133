//! What a function's process writes, passed on to stderr line by line.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinSet;
use xtask::output;

/// The lines of one process.
///
/// They are held back until the function has started, because a function that
/// does not start has its lines told as part of the error.
#[derive(Debug)]
pub(super) struct Logs {
    label: &'static str,
    held: Arc<Mutex<Option<Vec<String>>>>,
    readers: JoinSet<()>,
}

impl Logs {
    /// Takes over stdout and stderr of `child`.
    pub(super) fn of(child: &mut Child, label: &'static str) -> Self {
        let mut logs = Logs {
            label,
            held: Arc::new(Mutex::new(Some(Vec::new()))),
            readers: JoinSet::new(),
        };
        if let Some(stdout) = child.stdout.take() {
            logs.read(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            logs.read(stderr);
        }
        logs
    }

    fn read(&mut self, source: impl AsyncRead + Unpin + Send + 'static) {
        let held = Arc::clone(&self.held);
        let label = self.label;
        self.readers.spawn(async move {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            // An error is the end here, too: the process is gone.
            while let Ok(1..) = source.read_until(b'\n', &mut bytes).await {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                match &mut *held.lock().unwrap_or_else(PoisonError::into_inner) {
                    Some(held) => held.push(line),
                    None => print(label, &line),
                }
            }
        });
    }

    /// Passes on what has been held back, and from now on every line at once.
    pub(super) fn release(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for line in held.take().unwrap_or_default() {
            print(self.label, &line);
        }
    }

    /// Waits for the last line of a process that has ended, and returns what
    /// was held back and never released.
    pub(super) async fn finish(mut self) -> Vec<String> {
        while self.readers.join_next().await.is_some() {}
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take().unwrap_or_default()
    }
}

fn print(label: &str, line: &str) {
    output::progress(format_args!(
        "{label:>6} | {}",
        without_metric_envelope(line)
    ));
}

/// A line in CloudWatch's embedded metric format without its `_aws` member:
/// that is a third of the line, and tells CloudWatch, not people, which of the
/// other members are metrics.
fn without_metric_envelope(line: &str) -> Cow<'_, str> {
    if line.starts_with(r#"{"_aws":"#)
        && let Ok(mut members) = serde_json::from_str::<Map<String, Value>>(line)
    {
        members.shift_remove("_aws");
        return Cow::Owned(Value::Object(members).to_string());
    }
    Cow::Borrowed(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_envelope_of_metrics_is_left_out() {
        let line = r#"{"_aws":{"Timestamp":1},"Requests":1.0,"level":"INFO"}"#;
        let shown = without_metric_envelope(line);
        assert_eq!(shown, r#"{"Requests":1.0,"level":"INFO"}"#);
        for line in [r#"{"level":"INFO","_aws":1}"#, r#"{"_aws":"#, "text", ""] {
            assert_eq!(without_metric_envelope(line), line);
        }
    }
}
