//! The steps that bring a stack to a status that allows a change set. The stack's status and the operator's
//! options decide on the next step, without a call to AWS.

use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use xtask::failure::Failure;

use super::{Stack, is_at_rest};

/// Maximum number of steps before a change set is created. The maximum ends the wait for a stack that another
/// deploy keeps changing. A failed stack takes three steps: to wait for the end of an operation, to delete the
/// stack, and to find that the stack no longer exists.
pub(crate) const MAX_STEPS: u8 = 6;

/// The effect of a change set on its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
}

impl From<Operation> for ChangeSetType {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Create => ChangeSetType::Create,
            Operation::Update => ChangeSetType::Update,
        }
    }
}

/// The operator's options for recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Whether `--replace-failed-stack` was passed.
    pub(crate) replace_failed_stack: bool,
    /// Whether the operator is at a terminal and did not pass `--yes`.
    pub(crate) can_ask: bool,
}

impl Allowed {
    pub(crate) const NOTHING: Allowed = Allowed {
        replace_failed_stack: false,
        can_ask: false,
    };
}

/// The operator's approval to replace a failed stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approval {
    /// Given by `--replace-failed-stack`.
    Given,
    /// The operator must be asked.
    Required,
}

/// The next step on the way to a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    CreateChangeSet(Operation),
    /// Follow the operation in progress to its end, then read the status again.
    Follow,
    /// Delete what is left of a failed creation or deletion, then read the status again.
    Replace(Approval),
    /// Ask whether to continue a failed rollback, then read the status again.
    ContinueUpdateRollback,
    Refuse(Refusal),
}

/// The reason why no change set can be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The creation or the deletion of the stack failed.
    FailedStack,
    UpdateRollbackFailed,
    /// This program does not handle the status.
    OtherStatus,
    /// The stack is still busy after [`MAX_STEPS`] steps.
    Busy,
}

/// Maps each status to a step. If `steps_left` is 0, the step is always a change set or a refusal. The
/// statuses are those of
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes>.
pub(crate) fn next_step(status: &StackStatus, allowed: Allowed, steps_left: u8) -> NextStep {
    let step = step(status, allowed);
    let is_last = matches!(step, NextStep::CreateChangeSet(_) | NextStep::Refuse(_));
    if is_last || steps_left > 0 {
        step
    } else {
        NextStep::Refuse(Refusal::Busy)
    }
}

fn step(status: &StackStatus, allowed: Allowed) -> NextStep {
    match status {
        // The first change set of a new stack creates a stack in this status, without resources.
        StackStatus::ReviewInProgress => NextStep::CreateChangeSet(Operation::Create),
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateFailed
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => NextStep::CreateChangeSet(Operation::Update),
        StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::CreateFailed
        | StackStatus::DeleteFailed => {
            if allowed.replace_failed_stack {
                NextStep::Replace(Approval::Given)
            } else if allowed.can_ask {
                NextStep::Replace(Approval::Required)
            } else {
                NextStep::Refuse(Refusal::FailedStack)
            }
        }
        StackStatus::UpdateRollbackFailed if allowed.can_ask => NextStep::ContinueUpdateRollback,
        StackStatus::UpdateRollbackFailed => NextStep::Refuse(Refusal::UpdateRollbackFailed),
        other if is_at_rest(other) => NextStep::Refuse(Refusal::OtherStatus),
        _ => NextStep::Follow,
    }
}

impl Refusal {
    /// Returns true if the stack's status reason and its events explain the refusal.
    pub(crate) fn has_cause(self) -> bool {
        matches!(self, Refusal::FailedStack | Refusal::UpdateRollbackFailed)
    }

    /// Describes the refusal with a hint. `cause` is the known reason for the status.
    pub(crate) fn failure(self, stack: &Stack, cause: Option<&str>) -> Failure {
        let Stack { name, status, .. } = stack;
        let mut text = format!("nothing was deployed: the stack {name} is in {status}");
        if let Some(cause) = cause {
            text.push_str(": ");
            text.push_str(cause);
        }
        Failure::new(text).hint(match self {
            Refusal::FailedStack => "its creation or deletion failed; pass --replace-failed-stack to delete what is left and to create the stack again (a retained table is imported with its data)".to_owned(),
            Refusal::UpdateRollbackFailed => format!(
                "fix the cause, then run {}, and deploy again",
                stack.command("continue-update-rollback")
            ),
            Refusal::OtherStatus => format!(
                "find the cause with {}",
                stack.command("describe-stack-events")
            ),
            Refusal::Busy => {
                "another deploy keeps changing the stack: wait until that deploy ends, then try again".to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNATTENDED: Allowed = Allowed::NOTHING;
    const ATTENDED: Allowed = Allowed {
        replace_failed_stack: false,
        can_ask: true,
    };
    const REPLACING: Allowed = Allowed {
        replace_failed_stack: true,
        can_ask: false,
    };

    fn step(status: &str, allowed: Allowed) -> NextStep {
        next_step(&StackStatus::from(status), allowed, 1)
    }

    #[test]
    fn a_stack_in_review_is_created_and_a_complete_stack_is_updated() {
        assert_eq!(
            step("REVIEW_IN_PROGRESS", UNATTENDED),
            NextStep::CreateChangeSet(Operation::Create)
        );
        for status in [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ] {
            assert_eq!(
                step(status, UNATTENDED),
                NextStep::CreateChangeSet(Operation::Update),
                "{status}"
            );
        }
    }

    #[test]
    fn a_failed_stack_is_replaced_only_with_the_flag_or_after_a_question() {
        for status in [
            "ROLLBACK_COMPLETE",
            "ROLLBACK_FAILED",
            "CREATE_FAILED",
            "DELETE_FAILED",
        ] {
            let refused = step(status, UNATTENDED);
            assert_eq!(refused, NextStep::Refuse(Refusal::FailedStack));
            let asked = step(status, ATTENDED);
            assert_eq!(asked, NextStep::Replace(Approval::Required));
            assert_eq!(step(status, REPLACING), NextStep::Replace(Approval::Given));
        }
    }

    #[test]
    fn a_failed_rollback_continues_only_after_a_question() {
        let status = "UPDATE_ROLLBACK_FAILED";
        assert_eq!(step(status, ATTENDED), NextStep::ContinueUpdateRollback);
        for allowed in [UNATTENDED, REPLACING] {
            let refused = step(status, allowed);
            assert_eq!(refused, NextStep::Refuse(Refusal::UpdateRollbackFailed));
        }
    }

    mod properties {
        use proptest::prelude::*;
        use xtask::failure::exit_of;

        use super::*;

        fn any_status() -> impl Strategy<Value = &'static str> {
            let known = StackStatus::values().iter().copied();
            let all: Vec<_> = known.chain(["NEW_IN_PROGRESS", "NEW_COMPLETE"]).collect();
            prop::sample::select(all)
        }

        fn any_allowed() -> impl Strategy<Value = Allowed> {
            any::<(bool, bool)>().prop_map(|(replace_failed_stack, can_ask)| Allowed {
                replace_failed_stack,
                can_ask,
            })
        }

        proptest! {
            #[test]
            fn the_last_step_is_a_change_set_or_a_refusal(
                allowed in any_allowed(),
                status in any_status()
            ) {
                let last = next_step(&StackStatus::from(status), allowed, 0);
                prop_assert!(matches!(
                    last,
                    NextStep::CreateChangeSet(_) | NextStep::Refuse(_)
                ));
            }

            #[test]
            fn only_a_stack_in_a_suitable_status_gets_a_change_set(
                allowed in any_allowed(),
                status in any_status()
            ) {
                let step = step(status, allowed);
                if let NextStep::CreateChangeSet(operation) = step {
                    prop_assert_eq!(
                        operation == Operation::Create,
                        status == "REVIEW_IN_PROGRESS"
                    );
                    prop_assert!(
                        status == "REVIEW_IN_PROGRESS" || status == "UPDATE_FAILED"
                            || status.ends_with("_COMPLETE"));
                    prop_assert!(!["ROLLBACK_COMPLETE", "DELETE_COMPLETE"].contains(&status));
                }
                prop_assert_eq!(
                    step == NextStep::Follow,
                    status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
                );
            }

            #[test]
            fn no_stack_is_recovered_without_approval(status in any_status()) {
                let step = step(status, UNATTENDED);
                prop_assert!(!matches!(step, NextStep::Replace(_)));
                prop_assert_ne!(step, NextStep::ContinueUpdateRollback);
            }

            #[test]
            fn a_refusal_names_the_status_and_has_the_exit_code_of_a_failure(
                status in any_status(),
                refusal in prop::sample::select(vec![
                    Refusal::FailedStack,
                    Refusal::UpdateRollbackFailed,
                    Refusal::OtherStatus,
                    Refusal::Busy,
                ])
            ) {
                let failure = refusal.failure(&Stack::for_tests(status), Some("the cause"));
                prop_assert!(failure.to_string().contains(status));
                prop_assert!(failure.to_string().ends_with(": the cause"));
                prop_assert_eq!(exit_of(&failure.into()), xtask::failure::Exit::Failed);
            }
        }
    }
}
