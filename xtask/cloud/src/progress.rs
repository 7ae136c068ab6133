//! The progress of an operation on a stack: one redrawn line per resource on a terminal, and one line
//! per event elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use xtask::output;

use crate::stack::events::{EventLine, ResourceEvent};

/// The time between two redraws. The redrawn lines show whole seconds.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The view of one operation. Dropping the view, even after an error or Ctrl-C, removes its lines
/// from the terminal.
pub(crate) struct Progress {
    view: MultiProgress,
    /// The lines of the resources in progress, by logical id; none without a terminal.
    pending: HashMap<String, ProgressBar>,
    note: Option<ProgressBar>,
}

impl Progress {
    /// Creates a view that redraws lines if stderr is a terminal and `TERM` is not `dumb`. The view has
    /// no colours, so `NO_COLOR` changes nothing.
    pub(crate) fn on_stderr() -> Self {
        Progress {
            view: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            pending: HashMap::new(),
            note: None,
        }
    }

    /// Shows an event in the line of its resource, or as a new line without a terminal.
    pub(crate) fn event(&mut self, event: &ResourceEvent) {
        let is_redrawn = !self.view.is_hidden();
        if !is_redrawn || !event.is_in_progress() || event.is_of_the_stack() {
            self.print(|| output::progress(EventLine(event)));
        }
        if !is_redrawn {
            return;
        }
        if event.is_in_progress() {
            let (view, note) = (&self.view, self.note.as_ref());
            let line = self.pending.entry(event.logical_id.clone());
            let line = line.or_insert_with(|| match note {
                // The note stays below the resources.
                Some(note) => ticking(view.insert_before(note, redrawn())),
                None => ticking(view.add(redrawn())),
            });
            line.set_message(output::one_line(event.summary()));
        } else if let Some(line) = self.pending.remove(&event.logical_id) {
            line.finish_and_clear();
            self.view.remove(&line);
        }
    }

    /// Shows a state that changes slowly, in one line below those of the resources.
    pub(crate) fn note(&mut self, text: String) {
        if self.view.is_hidden() {
            output::progress(text);
            return;
        }
        let view = &self.view;
        let line = self
            .note
            .get_or_insert_with(|| ticking(view.add(redrawn())));
        line.set_message(output::one_line(text));
    }

    /// Prints a heartbeat, unless redrawn lines show the time.
    pub(crate) fn heartbeat(&self, text: &str) {
        if self.pending.is_empty() {
            self.print(|| output::progress(text));
        }
    }

    /// Prints other output above the redrawn lines.
    pub(crate) fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        self.view.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        for line in self.pending.values().chain(&self.note) {
            line.finish_and_clear();
        }
    }
}

/// Creates a line with the time since its creation and a text, cut to the width of the terminal.
fn redrawn() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::hidden().with_style(style)
}

/// Lets a line update its time between events.
fn ticking(line: ProgressBar) -> ProgressBar {
    line.enable_steady_tick(REDRAW_INTERVAL);
    line
}
