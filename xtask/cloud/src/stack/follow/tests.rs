//! Tests of the decision whether an operation has ended, over sequences of polls.

use proptest::prelude::*;

use super::*;
use crate::stack::outcome;

const SECOND: Duration = Duration::from_secs(1);

impl Ended {
    /// Returns an operation that ended in this status, with these events.
    pub(crate) fn for_tests(status: &str, events: Vec<ResourceEvent>) -> Self {
        Ended {
            stack: Stack::for_tests(status),
            events,
            failures: OperationFailures::default(),
        }
    }
}

fn stack(status: &str, last_updated: Option<&str>) -> Stack {
    Stack {
        last_updated: last_updated.map(str::to_owned),
        ..Stack::for_tests(status)
    }
}

fn watch(status: &str, last_updated: Option<&str>) -> Watch {
    Watch::new(stack(status, last_updated))
}

#[test]
fn a_heartbeat_names_the_status_and_some_resources_in_progress() {
    let at = Duration::from_secs(95);
    let all = ["A", "B", "C", "D", "E"];
    let text = |under_way| heartbeat("crypto-watch-dev", at, "UPDATE_IN_PROGRESS", under_way);
    let expected = "still following crypto-watch-dev (95 s): UPDATE_IN_PROGRESS";
    assert_eq!(
        text(&all),
        format!("{expected}; in progress: A, B, C and 2 more")
    );
    assert_eq!(text(&[]), expected);
}

#[test]
fn a_lost_operation_has_a_hint_how_to_sign_in_and_to_continue() {
    let failure = || Failure::new("could not read the stack s: ExpiredToken: expired");
    let with_hint = failure().hint("run `aws sso login --profile ops`");
    for (failure, expected) in [
        (failure(), AGAIN.to_owned()),
        (
            with_hint,
            format!("run `aws sso login --profile ops`; then {AGAIN}"),
        ),
    ] {
        let failure = cannot_follow("s", &failure.into());
        assert_eq!(failure.hint_text(), Some(&*expected));
        assert!(failure.to_string().contains("ExpiredToken: expired"));
    }
}

#[test]
fn the_status_alone_ends_the_wait_if_the_events_cannot_be_read() {
    let mut by_time = watch("UPDATE_COMPLETE", Some("10:00"));
    let stale = stack("UPDATE_COMPLETE", Some("10:00"));
    assert!(!by_time.is_over(SECOND, &stale, Err(EventsUnread)));
    let done = stack("UPDATE_COMPLETE", Some("11:00"));
    assert!(by_time.is_over(SECOND, &done, Err(EventsUnread)));

    let mut by_progress = watch("UPDATE_COMPLETE", None);
    let under_way = stack("UPDATE_IN_PROGRESS", None);
    assert!(!by_progress.is_over(SECOND, &under_way, Err(EventsUnread)));
    let done = stack("UPDATE_COMPLETE", None);
    assert!(by_progress.is_over(SECOND, &done, Err(EventsUnread)));
}

#[test]
fn the_status_of_the_previous_operation_does_not_end_the_wait() {
    for last_updated in [Some("10:00"), None] {
        let mut watch = watch("UPDATE_COMPLETE", last_updated);
        let stale = stack("UPDATE_COMPLETE", last_updated);
        for minutes in 0..30 {
            let at = Duration::from_mins(minutes);
            let begun = Ok(Some("UPDATE_IN_PROGRESS"));
            for reported in [Ok(None), Err(EventsUnread), begun] {
                assert!(!watch.is_over(at, &stale, reported));
            }
        }
    }
}

#[test]
fn delayed_events_are_waited_for_only_briefly() {
    let mut watch = watch("UPDATE_COMPLETE", Some("10:00"));
    let done = stack("UPDATE_ROLLBACK_COMPLETE", Some("11:00"));
    let late = Ok(Some("UPDATE_ROLLBACK_IN_PROGRESS"));
    assert!(!watch.is_over(SECOND, &done, late));
    assert!(!watch.is_over(SECOND * 5, &done, late));
    assert!(watch.is_over(SECOND + EVENTS_LAG, &done, late));
}

/// A simulated operation: the statuses that CloudFormation returns in order.
#[derive(Debug, Clone)]
struct SimulatedOperation {
    before: &'static str,
    /// Whether CloudFormation returns the time of the last update.
    has_times: bool,
    under_way: Vec<&'static str>,
    end: &'static str,
}

fn any_operation() -> impl Strategy<Value = SimulatedOperation> {
    let before = prop::sample::select(vec![
        "UPDATE_COMPLETE",
        "CREATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "REVIEW_IN_PROGRESS",
    ]);
    let under_way = prop::sample::select(vec![
        "UPDATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "SOMETHING_NEW_IN_PROGRESS",
    ]);
    let end = prop::sample::select(vec![
        "UPDATE_COMPLETE",
        "CREATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "ROLLBACK_FAILED",
        "SOMETHING_NEW",
    ]);
    let under_way = prop::collection::vec(under_way, 0..6);
    (before, any::<bool>(), under_way, end).prop_map(|(before, has_times, under_way, end)| {
        SimulatedOperation {
            before,
            has_times,
            under_way,
            end,
        }
    })
}

fn own_event(status: &str) -> ResourceEvent {
    ResourceEvent {
        time: String::new(),
        elapsed_ms: 0,
        logical_id: "crypto-watch-dev".to_owned(),
        resource_type: "AWS::CloudFormation::Stack".to_owned(),
        status: status.to_owned(),
        reason: None,
        operation_id: None,
    }
}

proptest! {
    /// The wait ends with the right result even if some polls read no events, or read them late.
    #[test]
    fn no_order_of_status_and_events_hangs_or_reports_a_false_success(
        operation in any_operation(),
        // For each poll: whether its events are read, whether they are late, and whether the next
        // poll finds another status.
        polls in prop::collection::vec(any::<(bool, bool, bool)>(), 1..60),
    ) {
        let time = |time| operation.has_times.then_some(time);
        // The old status disappears within seconds.
        let stale = std::iter::repeat_n((operation.before, time("before"), false), 2);
        let going = operation.under_way.iter().map(|status| (*status, time("after"), true));
        let timeline: Vec<(&str, Option<&str>, bool)> =
            stale.chain(going).chain([(operation.end, time("after"), true)]).collect();
        let mut watch = watch(operation.before, time("before"));
        let mut step = 0;
        // The events are readable at the end.
        let polls = polls.into_iter().chain(std::iter::repeat((true, false, true)));
        for (second, (is_read, is_late, moves_on)) in (0..).zip(polls) {
            let (status, last_updated, _) = timeline[step];
            let reported = timeline[..step + usize::from(!is_late)]
                .iter()
                .rfind(|(.., has_begun)| *has_begun)
                .map(|(status, ..)| *status);
            let reported = if is_read { Ok(reported) } else { Err(EventsUnread) };
            if watch.is_over(SECOND * second, &stack(status, last_updated), reported) {
                break;
            }
            prop_assert!(second < 120, "the wait does not end");
            if moves_on && step + 1 < timeline.len() {
                step += 1;
            }
        }
        prop_assert_eq!(step, timeline.len() - 1, "the operation is not over");
        let ended = Ended::for_tests(operation.end, vec![own_event(operation.end)]);
        let judged = outcome::judge(&ended, &outcome::RolloutObservations::default());
        prop_assert_eq!(
            judged.is_ok(),
            ["UPDATE_COMPLETE", "CREATE_COMPLETE"].contains(&operation.end)
        );
    }

    #[test]
    fn only_a_stack_at_rest_ends_the_wait_even_if_the_polls_are_inconsistent(
        polls in prop::collection::vec(
            (
                prop::sample::select(StackStatus::values().to_vec()),
                prop::option::of(prop::sample::select(vec!["a", "b"])),
                prop::option::of(prop::sample::select(StackStatus::values().to_vec())),
                0..100_000u64,
            ),
            1..40,
        ),
        before in prop::sample::select(StackStatus::values().to_vec()),
    ) {
        let mut watch = watch(before, Some("a"));
        for (status, last_updated, reported, at) in polls {
            let stack = stack(status, last_updated);
            if watch.is_over(Duration::from_secs(at), &stack, Ok(reported)) {
                prop_assert!(is_at_rest(&stack.status));
            }
        }
    }
}
