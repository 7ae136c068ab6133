//! Asking the operator, and noticing that they want to stop.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// There is no terminal to ask at.
    NobodyThere,
}

/// Asks a question whose answer is no unless it is a clear yes.
pub(crate) async fn ask(question: &str) -> anyhow::Result<Answer> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(Answer::NobodyThere);
    }
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")
        .and_then(|()| stderr.flush())
        .context("asking")?;
    let (sender, answer) = oneshot::channel();
    // A thread of its own, because a read cannot be cancelled: an interrupted
    // command ends without waiting for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody listens any more when the command was interrupted.
        let _ = sender.send(read.map(|_| line));
    });
    let line = answer
        .await
        .context("waiting for the answer")?
        .context("reading the answer")?;
    let line = line.trim();
    let yes = line.eq_ignore_ascii_case("y") || line.eq_ignore_ascii_case("yes");
    Ok(if yes { Answer::Yes } else { Answer::No })
}

/// Returns when the operator presses Ctrl-C or the pipeline asks to stop. Never
/// returns where the process cannot listen to signals, which then end it.
pub(crate) async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
