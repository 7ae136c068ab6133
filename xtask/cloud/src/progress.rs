//! The progress of an operation on a stack: on a terminal one redrawn line per resource,
//! elsewhere one line per event.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use xtask::output;

use crate::stack::events::{EventLine, ResourceEvent};

/// A line shows whole seconds.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The view of one operation. Dropping the view, also after an error or Ctrl-C, removes its lines
/// from the terminal.
pub(crate) struct Progress {
    /// `None` without a terminal.
    view: Option<MultiProgress>,
    pending: InProgress<ProgressBar>,
    note: Option<ProgressBar>,
}

impl Progress {
    /// Makes a view on stderr, which redraws lines on a terminal, unless `TERM` is `dumb`. The
    /// view has no colours, so `NO_COLOR` changes nothing.
    pub(crate) fn on_stderr() -> Self {
        let view = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Progress {
            view: (!view.is_hidden()).then_some(view),
            pending: InProgress::default(),
            note: None,
        }
    }

    /// Shows an event in the line of its resource, or as a new line without a terminal.
    pub(crate) fn event(&mut self, event: &ResourceEvent) {
        let Some(view) = &self.view else {
            output::progress(EventLine(event));
            return;
        };
        if !event.is_in_progress() || event.is_of_the_stack() {
            view.suspend(|| output::progress(EventLine(event)));
        }
        let note = self.note.as_ref();
        let text = event.summary();
        match self.pending.apply(event, || match note {
            // The note stays below the resources.
            Some(note) => ticking(view.insert_before(note, redrawn())),
            None => ticking(view.add(redrawn())),
        }) {
            Step::Shown(line) => line.set_message(output::one_line(text)),
            Step::Done(line) => {
                line.finish_and_clear();
                view.remove(&line);
            }
            Step::Nothing => {}
        }
    }

    /// Shows a state that changes slowly, in one line below those of the resources.
    pub(crate) fn note(&mut self, text: String) {
        let Some(view) = &self.view else {
            output::progress(text);
            return;
        };
        let line = self
            .note
            .get_or_insert_with(|| ticking(view.add(redrawn())));
        line.set_message(output::one_line(text));
    }

    /// Prints a sign of life, unless redrawn lines show the time.
    pub(crate) fn sign_of_life(&self, text: &str) {
        if self.view.is_none() || self.pending.lines.is_empty() {
            self.print(|| output::progress(text));
        }
    }

    /// Prints other output above the redrawn lines.
    pub(crate) fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.view {
            Some(view) => view.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let lines = self.pending.lines.iter().map(|(_, line)| line);
        for line in lines.chain(&self.note) {
            line.finish_and_clear();
        }
    }
}

/// A line with the time since its beginning and its text, cut to the width of the terminal.
fn redrawn() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::hidden().with_style(style)
}

/// Keeps the time of a line running between events.
fn ticking(line: ProgressBar) -> ProgressBar {
    line.enable_steady_tick(REDRAW_INTERVAL);
    line
}

/// The resources in progress, each with its line, in the order in which they began.
struct InProgress<L> {
    lines: Vec<(String, L)>,
}

impl<L> Default for InProgress<L> {
    fn default() -> Self {
        InProgress { lines: Vec::new() }
    }
}

/// The effect of an event on a line.
enum Step<'a, L> {
    /// The line shows the event.
    Shown(&'a L),
    /// The line is removed.
    Done(L),
    /// The resource has no line.
    Nothing,
}

impl<L> InProgress<L> {
    fn apply(&mut self, event: &ResourceEvent, new: impl FnOnce() -> L) -> Step<'_, L> {
        let found = self
            .lines
            .iter()
            .position(|(resource, _)| *resource == event.logical_id);
        match (found, event.is_in_progress()) {
            (None, false) => Step::Nothing,
            (Some(index), false) => Step::Done(self.lines.remove(index).1),
            (found, true) => {
                let index = found.unwrap_or_else(|| {
                    self.lines.push((event.logical_id.clone(), new()));
                    self.lines.len() - 1
                });
                self.lines
                    .get(index)
                    .map_or(Step::Nothing, |(_, line)| Step::Shown(line))
            }
        }
    }
}

#[cfg(test)]
mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const STATUSES: [&str; 6] = [
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "DELETE_COMPLETE",
    ];

    fn any_event() -> impl Strategy<Value = ResourceEvent> {
        let id = prop::sample::select(vec!["Table", "Queue", "crypto-watch-dev"]);
        let status = prop::sample::select(STATUSES.to_vec());
        (id, status).prop_map(|(id, status)| ResourceEvent {
            time: String::new(),
            elapsed_ms: 0,
            logical_id: id.to_owned(),
            resource_type: "AWS::SQS::Queue".to_owned(),
            status: status.to_owned(),
            reason: None,
            operation_id: None,
        })
    }

    proptest! {
        #[test]
        fn a_resource_has_one_line_from_its_beginning_to_its_end(
            events in prop::collection::vec(any_event(), 0..40)
        ) {
            let mut pending = InProgress::default();
            let mut last = BTreeMap::new();
            for (number, event) in events.iter().enumerate() {
                let had_line = pending.lines.iter().any(|(id, _)| *id == event.logical_id);
                match pending.apply(event, || number) {
                    Step::Shown(line) => prop_assert_eq!(*line < number, had_line),
                    Step::Done(line) => prop_assert!(had_line && line < number),
                    Step::Nothing => prop_assert!(!had_line),
                }
                last.insert(&event.logical_id, event.status.ends_with("_IN_PROGRESS"));
                let mut open: Vec<&String> = pending.lines.iter().map(|(id, _)| id).collect();
                prop_assert!(pending.lines.is_sorted_by_key(|(_, began)| *began));
                open.sort();
                let expected: Vec<&String> =
                    last.iter().filter(|(_, busy)| **busy).map(|(id, _)| *id).collect();
                prop_assert_eq!(open, expected);
            }
        }
    }
}
