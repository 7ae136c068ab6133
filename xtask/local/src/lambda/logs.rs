//! The output of a function's process, printed on stderr line by line.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinSet;
use xtask::output;

use crate::recent::Process;

/// The log lines of one process. The lines are held back until the function has started. If the function
/// does not start, the lines become part of the error.
#[derive(Debug)]
pub(super) struct Logs {
    process: Process,
    held: Arc<Mutex<Option<Vec<String>>>>,
    readers: JoinSet<()>,
}

impl Logs {
    /// Reads stdout and stderr of a function's process.
    pub(super) fn read(child: &mut Child, process: &Process) -> Self {
        let held = Arc::new(Mutex::new(Some(Vec::new())));
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(read_lines(stdout, Arc::clone(&held), process.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(read_lines(stderr, Arc::clone(&held), process.clone()));
        }
        Logs {
            process: process.clone(),
            held,
            readers,
        }
    }

    /// Prints the lines that were held back, and every later line as it comes.
    pub(super) fn release(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for line in held.take().unwrap_or_default() {
            print(&self.process, &line);
        }
    }

    /// Waits for the last line of a process that has ended, and returns the lines that are
    /// still held back.
    pub(super) async fn finish(mut self) -> Vec<String> {
        while self.readers.join_next().await.is_some() {}
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take().unwrap_or_default()
    }
}

async fn read_lines(
    source: impl AsyncRead + Unpin,
    held: Arc<Mutex<Option<Vec<String>>>>,
    process: Process,
) {
    let mut source = BufReader::new(source);
    let mut bytes = Vec::new();
    // An error, like the end of the stream, means that the process has ended.
    while let Ok(1..) = source.read_until(b'\n', &mut bytes).await {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        match &mut *held.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(held) => held.push(line),
            None => print(&process, &line),
        }
    }
}

fn print(process: &Process, line: &str) {
    let shown = without_metric_envelope(line);
    process.add_line(&shown);
    output::progress(format_args!("{:>6} | {shown}", process.function()));
}

/// Removes the `_aws` member from a line in CloudWatch's embedded metric format. The member is a third
/// of the line, and only tells CloudWatch which other members are metrics.
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
    fn only_the_aws_member_of_a_metric_line_is_removed() {
        let line = r#"{"_aws":{"Timestamp":1},"Requests":1.0,"level":"INFO"}"#;
        let shown = without_metric_envelope(line);
        assert_eq!(shown, r#"{"Requests":1.0,"level":"INFO"}"#);
        for line in [r#"{"level":"INFO","_aws":1}"#, r#"{"_aws":"#, "text", ""] {
            assert_eq!(without_metric_envelope(line), line);
        }
    }
}
