//! Whether an operation on a stack is over, and whether it did what was asked.

use aws_sdk_cloudformation::types::StackStatus;
use xtask::failure::{Exit, Failure};

use super::Stack;
use super::events::{self, ResourceEvent};

/// Whether an operation is over, by the stack's status and the operation's
/// events. Both are needed: right after the start, the status may still be the
/// one that the operation before has left. Only a removed stack, which is read by
/// its id, has nothing more to come, whatever its events were.
pub(crate) fn is_over(status: &StackStatus, events: &[ResourceEvent]) -> bool {
    if *status == StackStatus::DeleteComplete {
        return true;
    }
    super::is_at_rest(status) && events::stack_status(events) == Some(status.as_str())
}

/// Whether a stack whose operation is over is what was asked for.
pub(crate) fn judge(stack: &Stack, events: &[ResourceEvent]) -> anyhow::Result<()> {
    let status = &stack.status;
    let (what, exit) = match status {
        StackStatus::CreateComplete | StackStatus::UpdateComplete => return Ok(()),
        StackStatus::RollbackComplete | StackStatus::UpdateRollbackComplete => {
            ("was rolled back", Exit::RolledBack)
        }
        _ => ("failed", Exit::Failed),
    };
    let causes: Vec<String> = events::causes(events).map(ToString::to_string).collect();
    let cause = if causes.is_empty() {
        let reason = stack.status_reason.as_deref();
        reason
            .unwrap_or("CloudFormation gives no reason")
            .to_owned()
    } else {
        causes.join("; then ")
    };
    let message = format!("{} {what} ({status}): {cause}", stack.name);
    let hint = match status {
        StackStatus::UpdateRollbackComplete => {
            "mend the cause and deploy again; what was deployed before is serving".to_owned()
        }
        StackStatus::UpdateRollbackFailed => {
            let go_on = stack.command("continue-update-rollback");
            format!("mend the cause, then {go_on}")
        }
        _ => {
            let remove = stack.command("delete-stack");
            format!("mend the cause, remove what is left with {remove}, and deploy again")
        }
    };
    Err(Failure::new(message).hint(hint).exit(exit).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events of the stack itself with these statuses.
    fn own_events(statuses: &[&str]) -> Vec<ResourceEvent> {
        let own = |status: &&str| ResourceEvent {
            time: String::new(),
            elapsed_ms: 0,
            logical_id: "crypto-watch-dev".to_owned(),
            resource_type: "AWS::CloudFormation::Stack".to_owned(),
            status: (*status).to_owned(),
            reason: None,
        };
        statuses.iter().map(own).collect()
    }

    fn is_over_at(status: &str, events: &[&str]) -> bool {
        is_over(&StackStatus::from(status), &own_events(events))
    }

    #[test]
    fn what_the_operation_before_has_left_does_not_end_this_one() {
        assert!(!is_over_at("UPDATE_COMPLETE", &[]));
        assert!(!is_over_at("UPDATE_COMPLETE", &["UPDATE_IN_PROGRESS"]));
        assert!(!is_over_at("REVIEW_IN_PROGRESS", &["REVIEW_IN_PROGRESS"]));
        assert!(is_over_at(
            "UPDATE_COMPLETE",
            &["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
        ));
    }

    mod properties {
        use super::*;

        proptest! {
            #[test]
            fn only_a_complete_creation_or_update_is_a_success(
                status in prop::sample::select(StackStatus::values().to_vec())
            ) {
                let stack = Stack::for_tests(status);
                let exit = judge(&stack, &[]).err().map(|error| xtask::failure::exit_of(&error));
                let expected = match status {
                    "CREATE_COMPLETE" | "UPDATE_COMPLETE" => None,
                    "ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => Some(Exit::RolledBack),
                    _ => Some(Exit::Failed),
                };
                prop_assert_eq!(exit, expected);
            }

            #[test]
            fn an_operation_is_over_only_when_status_and_events_agree(
                status in prop::sample::select(StackStatus::values().to_vec()),
                events in prop::collection::vec(
                    prop::sample::select(StackStatus::values().to_vec()), 0..6)
            ) {
                let over = is_over_at(status, &events);
                let agree = events.last() == Some(&status) || status == "DELETE_COMPLETE";
                prop_assert_eq!(over, agree && !status.ends_with("_IN_PROGRESS"));
            }
        }
    }
}
