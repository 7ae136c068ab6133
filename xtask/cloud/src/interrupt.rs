//! Interruptions by the operator or the pipeline: Ctrl-C, SIGTERM and SIGHUP.

use std::convert::Infallible;
use std::future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use xtask::{output, signals};

/// A listener for SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal). After its creation, the
/// first signal no longer ends the process.
pub(crate) struct Interrupt {
    requested: watch::Receiver<bool>,
}

impl Interrupt {
    /// Begins to listen. The first signal interrupts the step that [`Interrupt::run`]
    /// runs; the second one calls `at_once`, which reports what the command may leave behind, and ends
    /// the process.
    ///
    /// If the process cannot listen, signals end the process as they do by default.
    pub(crate) fn listen(at_once: impl FnOnce() -> Infallible + Send + 'static) -> Self {
        let (request, requested) = watch::channel(false);
        let signals = Signals::new();
        tokio::spawn(async move {
            let Ok(mut signals) = signals else { return };
            signals.next().await;
            // Ends the line of an open question or of the terminal's `^C`.
            output::progress("");
            output::progress("stopping cleanly; press Ctrl-C again to stop at once");
            request.send_replace(true);
            signals.next().await;
            at_once();
        });
        Interrupt { requested }
    }

    /// Runs a step of a command. An interruption drops the step at its current await
    /// point, and the result is the error of `on_interrupt`. After an interruption, no step
    /// begins.
    ///
    /// The step is boxed, because futures of the SDK are large.
    pub(crate) fn run<T, E>(
        &self,
        on_interrupt: impl FnOnce() -> E,
        step: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        let step = Box::pin(step);
        async move {
            tokio::select! {
                biased;
                () = self.requested() => Err(on_interrupt()),
                done = step => done,
            }
        }
    }

    async fn requested(&self) {
        let mut requested = self.requested.clone();
        if requested.wait_for(|requested| *requested).await.is_err() {
            // Nothing listens, so no interruption can follow.
            future::pending::<()>().await;
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, which makes the process ignore SIGHUP.
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        // This must come first: a listener replaces the signal's disposition.
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

    fn interrupt(requested: bool) -> (watch::Sender<bool>, Interrupt) {
        let (sender, requested) = watch::channel(requested);
        (sender, Interrupt { requested })
    }

    #[tokio::test]
    async fn a_step_runs_unless_the_command_was_already_interrupted() {
        for (requested, expected) in [(false, Ok(1)), (true, Err("interrupted"))] {
            let (_sender, interrupt) = interrupt(requested);
            let done = interrupt.run(|| "interrupted", future::ready(Ok(1)));
            assert_eq!(done.await, expected);
        }
    }

    #[tokio::test]
    async fn an_interruption_drops_a_step_that_waits() {
        let (sender, interrupt) = interrupt(false);
        let step = future::pending::<Result<(), _>>();
        let (stopped, ()) = tokio::join!(interrupt.run(|| "interrupted", step), async {
            sender.send_replace(true);
        });
        assert_eq!(stopped, Err("interrupted"));
    }
}
