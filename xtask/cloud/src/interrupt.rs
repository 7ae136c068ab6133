//! Noticing that the operator, or the pipeline, wants the command to stop.

use std::convert::Infallible;
use std::future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use xtask::{output, signals};

/// Listens for Ctrl-C, SIGTERM and SIGHUP (a terminal that is closed) from its making
/// on, through every phase of a command: once a process listens, a signal does not end
/// it any more.
pub(crate) struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Begins to listen. The first signal lets the command stop in good order;
    /// at the second, `at_once` ends the process after a word on what is left.
    ///
    /// Where the process cannot listen, signals end it as they do by default.
    pub(crate) fn listen(at_once: impl FnOnce() -> Infallible + Send + 'static) -> Self {
        let (request, requested) = watch::channel(false);
        let signals = Signals::new();
        tokio::spawn(async move {
            let Ok(mut signals) = signals else {
                // The sender has to live: without it nobody could be waited for.
                request.closed().await;
                return;
            };
            signals.next().await;
            // Ends the line of a question, or of the terminal's ^C.
            output::progress("");
            output::progress("stopping in good order; Ctrl-C again stops at once");
            request.send_replace(true);
            signals.next().await;
            at_once();
        });
        Interrupt { requested }
    }

    /// Does `work` unless the command is to stop. `None` when it is; the work
    /// is dropped where it waits.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // What is to stop does not begin another phase.
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }

    async fn requested(&self) {
        if self
            .requested
            .clone()
            .wait_for(|asked| *asked)
            .await
            .is_err()
        {
            future::pending::<()>().await;
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None under `nohup`.
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        // Before anything listens for it.
        let hangup = (!signals::ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    async fn next(&mut self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(requested: bool) -> (watch::Sender<bool>, Interrupt) {
        let (sender, requested) = watch::channel(requested);
        (sender, Interrupt { requested })
    }

    #[tokio::test]
    async fn work_is_done_unless_the_command_is_to_stop() {
        let (_sender, calm) = at(false);
        assert_eq!(calm.or(future::ready(1)).await, Some(1));
        let (_sender, stopping) = at(true);
        assert_eq!(stopping.or(future::ready(1)).await, None);
    }

    #[tokio::test]
    async fn work_under_way_is_dropped() {
        let (sender, interrupt) = at(false);
        let (stopped, ()) = tokio::join!(interrupt.or(future::pending::<()>()), async {
            sender.send_replace(true);
        });
        assert_eq!(stopped, None);
    }
}
