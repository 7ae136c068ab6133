//! Tests of sequences of looks, and of the resulting decisions.

use proptest::prelude::*;

use super::*;
use crate::stack::events::ResourceEvent;
use crate::stack::follow::Ended;
use crate::stack::outcome;

const SECOND: Duration = Duration::from_secs(1);

fn watch(status: &str, last_updated: Option<&str>) -> Watch {
    Watch::new(Before {
        status: StackStatus::from(status),
        last_updated: last_updated.map(str::to_owned),
    })
}

/// A look that reads this status, and these events.
fn look(
    watch: &mut Watch,
    at: Duration,
    (status, last_updated): (&str, Option<&str>),
    events: Result<Option<&str>, FailureKind>,
) -> Verdict {
    let status = StackStatus::from(status);
    let seen = Seen {
        status: &status,
        last_updated,
    };
    let status = Ok(seen);
    watch.look(at, &Look { status, events })
}

/// A look at which the status cannot be read.
fn blind(watch: &mut Watch, at: Duration, trouble: FailureKind) -> Verdict {
    let status = Err(trouble);
    let events = Ok(None);
    watch.look(at, &Look { status, events })
}

fn waits(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Wait(_))
}

#[test]
fn the_status_alone_ends_the_wait_while_the_events_are_throttled() {
    let throttled = || Err(FailureKind::Transient);
    let mut by_time = watch("UPDATE_COMPLETE", Some("10:00"));
    let stale = ("UPDATE_COMPLETE", Some("10:00"));
    assert!(waits(look(&mut by_time, SECOND, stale, throttled())));
    let done = ("UPDATE_COMPLETE", Some("11:00"));
    assert_eq!(look(&mut by_time, SECOND, done, throttled()), Verdict::Over);

    let mut by_progress = watch("UPDATE_COMPLETE", None);
    let under_way = ("UPDATE_IN_PROGRESS", None);
    assert!(waits(look(
        &mut by_progress,
        SECOND,
        under_way,
        throttled()
    )));
    let done = ("UPDATE_COMPLETE", None);
    assert_eq!(
        look(&mut by_progress, SECOND, done, throttled()),
        Verdict::Over
    );
}

#[test]
fn the_status_of_the_previous_operation_does_not_end_this_one() {
    let mut watch = watch("UPDATE_COMPLETE", Some("10:00"));
    let stale = ("UPDATE_COMPLETE", Some("10:00"));
    for minutes in 0..30 {
        let at = Duration::from_mins(minutes);
        assert!(waits(look(&mut watch, at, stale, Ok(None))));
        assert!(waits(look(
            &mut watch,
            at,
            stale,
            Err(FailureKind::Transient)
        )));
        let begun = Ok(Some("UPDATE_IN_PROGRESS"));
        assert!(waits(look(&mut watch, at, stale, begun)));
    }
}

#[test]
fn a_first_update_that_has_not_begun_does_not_count_as_ended() {
    let mut watch = watch("CREATE_COMPLETE", None);
    let created = ("CREATE_COMPLETE", None);
    for minutes in 0..119 {
        let at = Duration::from_mins(minutes);
        for trouble in [FailureKind::Transient, FailureKind::Permanent] {
            assert!(waits(look(&mut watch, at, created, Err(trouble))));
        }
    }
    let under_way = ("UPDATE_IN_PROGRESS", Some("11:00"));
    let at = Duration::from_mins(119);
    assert!(waits(look(&mut watch, at, under_way, Ok(None))));
}

#[test]
fn delayed_events_are_waited_for_only_briefly() {
    let mut watch = watch("UPDATE_COMPLETE", Some("10:00"));
    let done = ("UPDATE_ROLLBACK_COMPLETE", Some("11:00"));
    let late = Ok(Some("UPDATE_ROLLBACK_IN_PROGRESS"));
    assert!(waits(look(&mut watch, SECOND, done, late)));
    assert!(waits(look(&mut watch, SECOND * 5, done, late)));
    assert_eq!(look(&mut watch, SECOND * 11, done, late), Verdict::Over);
}

#[test]
fn throttling_is_waited_out_for_minutes_and_an_expired_session_not_at_all() {
    let mut throttled = watch("UPDATE_COMPLETE", None);
    let mut at = Duration::ZERO;
    let mut looks = 0;
    while let Verdict::Wait(pause) = blind(&mut throttled, at, FailureKind::Transient) {
        assert!(pause >= SECOND * 5, "{pause:?}");
        at += pause;
        looks += 1;
    }
    assert!(
        at >= RETRY_LIMIT && at < RETRY_LIMIT + SECOND * 30,
        "{at:?}"
    );
    assert!(looks < 30, "{looks} calls in ten minutes");

    let mut expired = watch("UPDATE_COMPLETE", None);
    let session_over = blind(&mut expired, SECOND, FailureKind::SessionExpired);
    assert_eq!(session_over, Verdict::Blind);
    let under_way = ("UPDATE_IN_PROGRESS", None);
    let events = Err(FailureKind::SessionExpired);
    assert_eq!(
        look(&mut expired, SECOND, under_way, events),
        Verdict::Blind
    );
    let done = ("UPDATE_COMPLETE", None);
    let events = Err(FailureKind::SessionExpired);
    assert_eq!(look(&mut expired, SECOND, done, events), Verdict::Over);
}

#[test]
fn a_successful_read_resets_the_time_limit() {
    let mut watch = watch("UPDATE_COMPLETE", None);
    let mut at = Duration::ZERO;
    for _ in 0..10 {
        assert!(waits(blind(&mut watch, at, FailureKind::Transient)));
        at += RETRY_LIMIT.saturating_sub(SECOND);
        let under_way = ("UPDATE_IN_PROGRESS", None);
        assert!(waits(look(&mut watch, at, under_way, Ok(None))));
    }
}

/// A simulated operation: the statuses that CloudFormation returns in order, each for some
/// looks.
#[derive(Debug, Clone)]
struct Truth {
    before: &'static str,
    has_times: bool,
    /// Number of looks that still return the status from before the operation. It changes
    /// within seconds.
    stale: usize,
    under_way: Vec<&'static str>,
    end: &'static str,
}

fn any_truth() -> impl Strategy<Value = Truth> {
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
    (
        before,
        any::<bool>(),
        0..4_usize,
        prop::collection::vec(under_way, 0..6),
        end,
    )
        .prop_map(|(before, has_times, stale, under_way, end)| Truth {
            before,
            has_times,
            stale,
            under_way,
            end,
        })
}

/// Failures and delays of one look. Most looks have none, so that operations end.
#[derive(Debug, Clone, Copy)]
struct Disturbance {
    status: Option<FailureKind>,
    events: Option<FailureKind>,
    /// Whether the events are as new as the status.
    events_are_late: bool,
    /// Whether the status moves on after this look.
    moves_on: bool,
}

fn any_disturbance() -> impl Strategy<Value = Disturbance> {
    let trouble = || {
        prop_oneof![
            12 => Just(None),
            4 => Just(Some(FailureKind::Transient)),
            1 => Just(Some(FailureKind::SessionExpired)),
            1 => Just(Some(FailureKind::Permanent)),
        ]
    };
    (trouble(), trouble(), any::<bool>(), any::<bool>()).prop_map(
        |(status, events, events_are_late, moves_on)| Disturbance {
            status,
            events,
            events_are_late,
            moves_on,
        },
    )
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
    /// Every sequence of looks ends, either with the true result or with a failure to follow.
    #[test]
    fn no_order_of_status_and_events_hangs_or_reports_a_false_success(
        truth in any_truth(),
        disturbances in prop::collection::vec(any_disturbance(), 1..60),
    ) {
        let after = if truth.has_times { Some("after") } else { None };
        let before = if truth.has_times { Some("before") } else { None };
        let stale = std::iter::repeat_n((truth.before, before, false), truth.stale);
        let going = truth.under_way.iter().map(|status| (*status, after, true));
        let timeline: Vec<(&str, Option<&str>, bool)> =
            stale.chain(going).chain([(truth.end, after, true)]).collect();
        let mut watch = watch(truth.before, before);
        let mut at = Duration::ZERO;
        let mut step = 0;
        let mut looks = 0;
        let mut disturbances = disturbances.into_iter().cycle();
        let verdict = loop {
            let disturbed = disturbances.next().expect("a cycle has no end");
            // The old status disappears within seconds.
            if at > SECOND * 20 {
                step = step.max(truth.stale);
            }
            let (status, last_updated, _) = timeline[step];
            let reported = timeline[..step + usize::from(!disturbed.events_are_late)]
                .iter()
                .rfind(|(.., has_begun)| *has_begun)
                .map(|(status, ..)| *status);
            let seen = StackStatus::from(status);
            let verdict = watch.look(at, &Look {
                status: disturbed
                    .status
                    .map_or(Ok(Seen { status: &seen, last_updated }), Err),
                events: disturbed.events.map_or(Ok(reported), Err),
            });
            if let Verdict::Wait(pause) = verdict {
                prop_assert!(!pause.is_zero());
                at += pause;
                looks += 1;
                prop_assert!(at <= FOLLOW_LIMIT + SECOND * 30, "it hangs");
                prop_assert!(looks < 5_000, "it asks too often");
                if disturbed.moves_on && step + 1 < timeline.len() {
                    step += 1;
                }
                continue;
            }
            break verdict;
        };
        if verdict == Verdict::Over {
            prop_assert_eq!(step, timeline.len() - 1, "the operation is not over");
            let ended = Ended::for_tests(truth.end, vec![own_event(truth.end)]);
            let is_success = outcome::judge(&ended, &outcome::RolloutObservations::default()).is_ok();
            prop_assert_eq!(
                is_success,
                ["UPDATE_COMPLETE", "CREATE_COMPLETE"].contains(&truth.end)
            );
        }
    }

    /// Inconsistent looks neither panic nor hang.
    #[test]
    fn any_sequence_of_looks_ends(
        looks in prop::collection::vec(
            (
                prop::sample::select(StackStatus::values().to_vec()),
                prop::option::of(prop::sample::select(vec!["a", "b"])),
                prop::option::of(prop::sample::select(StackStatus::values().to_vec())),
                any_disturbance(),
                0..100_000u64,
            ),
            1..40,
        ),
        before in prop::sample::select(StackStatus::values().to_vec()),
    ) {
        let mut watch = watch(before, Some("a"));
        for (status, last_updated, reported, disturbed, at) in &looks {
            let status = StackStatus::from(*status);
            let seen = Seen { status: &status, last_updated: *last_updated };
            let verdict = watch.look(Duration::from_secs(*at), &Look {
                status: disturbed.status.map_or(Ok(seen), Err),
                events: disturbed.events.map_or(Ok(*reported), Err),
            });
            if verdict == Verdict::Over {
                prop_assert!(is_at_rest(&status));
            }
            if Duration::from_secs(*at) >= FOLLOW_LIMIT {
                prop_assert!(!waits(verdict));
            }
        }
    }
}
