//! The signals that end a command: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

use std::future;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use xtask::signals;

/// A watch on the signals. While it exists, the signals do not end the process.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`.
    hangup: Option<Signal>,
}

impl Signals {
    pub fn watch() -> anyhow::Result<Self> {
        let watch = |kind| signal(kind).context("watching for signals");
        // `nohup` starts a process with SIGHUP ignored. A handler would change that.
        let hangup = (!signals::ignores_hangup()).then(|| watch(SignalKind::hangup()));
        Ok(Signals {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// Waits for the first signal.
    pub async fn received(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}
