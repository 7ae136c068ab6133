//! What is under way, on a terminal as one redrawn line each; elsewhere every
//! event is a line of its own.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use xtask::output;

use crate::stack::events::{Line, ResourceEvent};

/// A second is the smallest time that a line shows.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// The view of one operation. It is gone from the terminal when it is dropped,
/// which is also what an error and Ctrl-C come to.
pub(crate) struct Progress {
    /// None where there is nothing to redraw on.
    view: Option<MultiProgress>,
    under_way: UnderWay<ProgressBar>,
    note: Option<ProgressBar>,
}

impl Progress {
    /// A view on stderr. It redraws on a terminal that can, and prints lines
    /// anywhere else and where `TERM` is `dumb`. It has no colours, so that
    /// `NO_COLOR` asks for nothing more.
    pub(crate) fn on_stderr() -> Self {
        let view = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Progress {
            view: (!view.is_hidden()).then_some(view),
            under_way: UnderWay::default(),
            note: None,
        }
    }

    /// Shows an event: as a line, or in the line of its resource until that is
    /// done.
    pub(crate) fn event(&mut self, event: &ResourceEvent) {
        let Some(view) = &self.view else {
            output::progress(Line(event));
            return;
        };
        if !event.is_in_progress() || event.is_of_the_stack() {
            view.suspend(|| output::progress(Line(event)));
        }
        let note = self.note.as_ref();
        let text = event.summary();
        match self.under_way.apply(event, || match note {
            // The note stays below.
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

    /// Shows the newest state of something that changes by and by: as a line,
    /// or in a line of its own below those of the resources.
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

    /// Prints a sign of life, unless the redrawn lines show how the time goes on.
    pub(crate) fn sign_of_life(&self, text: &str) {
        if self.view.is_none() || self.under_way.lines.is_empty() {
            self.print(|| output::progress(text));
        }
    }

    /// Prints something else, above what is redrawn.
    pub(crate) fn print<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.view {
            Some(view) => view.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let lines = self.under_way.lines.iter().map(|(_, line)| line);
        for line in lines.chain(&self.note) {
            line.finish_and_clear();
        }
    }
}

/// The time since it began, then what it says, cut to the terminal's width.
fn redrawn() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::hidden().with_style(style)
}

/// The time goes on while nothing happens.
fn ticking(line: ProgressBar) -> ProgressBar {
    line.enable_steady_tick(REDRAW_INTERVAL);
    line
}

/// The resources under way, each with its line, in the order in which they began.
struct UnderWay<L> {
    lines: Vec<(String, L)>,
}

impl<L> Default for UnderWay<L> {
    fn default() -> Self {
        UnderWay { lines: Vec::new() }
    }
}

/// What an event does to a line.
enum Step<'a, L> {
    /// It has to say what the event says.
    Shown(&'a L),
    /// It has to go.
    Done(L),
    /// There is none.
    Nothing,
}

impl<L> UnderWay<L> {
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
            let mut under_way = UnderWay::default();
            let mut last = BTreeMap::new();
            for (number, event) in events.iter().enumerate() {
                let had_line = under_way.lines.iter().any(|(id, _)| *id == event.logical_id);
                match under_way.apply(event, || number) {
                    Step::Shown(line) => prop_assert_eq!(*line < number, had_line),
                    Step::Done(line) => prop_assert!(had_line && line < number),
                    Step::Nothing => prop_assert!(!had_line),
                }
                last.insert(&event.logical_id, event.status.ends_with("_IN_PROGRESS"));
                let mut open: Vec<&String> = under_way.lines.iter().map(|(id, _)| id).collect();
                prop_assert!(under_way.lines.is_sorted_by_key(|(_, began)| *began));
                open.sort();
                let expected: Vec<&String> =
                    last.iter().filter(|(_, busy)| **busy).map(|(id, _)| *id).collect();
                prop_assert_eq!(open, expected);
            }
        }
    }
}
