//! What a stack's status lets a deploy do next: the rules alone, without a
//! call to AWS.

use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use serde::{Deserialize, Serialize};
use xtask::failure::Failure;

use super::{Stack, is_at_rest};

/// How many steps a stack gets before a change set can be made for it. A failed
/// stack takes three: the end of what is under way, the removal, a look that
/// finds nothing. Another deploy that keeps the stack busy must not hold this
/// one for ever.
const STEPS: u8 = 6;

/// What a change set does to the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    /// There is no such stack.
    Create,
    /// There is one, and it can be changed.
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

/// What the operator has allowed, and whether more can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// `--replace-failed-stack`
    pub(crate) replace_failed_stack: bool,
    /// Somebody sits at a terminal, and has not said yes to everything.
    pub(crate) asking: bool,
}

/// Whether the operator has agreed to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    ToBeAsked,
}

/// What is to be done with a stack before it can be deployed, or that it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextStep {
    MakeChangeSet(Operation),
    /// Another operation is under way: see it to its end, then look again.
    Follow,
    /// Remove what a failed creation or removal has left, then look again.
    Replace(Consent),
    /// Ask whether a failed rollback is to go on, then look again.
    ContinueUpdateRollback,
    Refuse(Refusal),
}

/// Why a stack cannot be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It never was complete, or is not completely gone.
    FailedStack,
    UpdateRollbackFailed,
    /// It is in a status that only a look at it explains.
    Unclear,
    /// After so many steps it is still not at rest.
    Restless,
}

/// The steps of one stack.
#[derive(Debug)]
pub(crate) struct Steps {
    allowed: Allowed,
    left: u8,
}

impl Steps {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Steps {
            allowed,
            left: STEPS,
        }
    }

    /// The next step of a stack in this status. After a bounded number of
    /// steps it is a change set or a refusal, whatever the statuses are.
    pub(crate) fn next(&mut self, status: &StackStatus) -> NextStep {
        let step = next_step(status, self.allowed);
        if matches!(step, NextStep::MakeChangeSet(_) | NextStep::Refuse(_)) {
            return step;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                step
            }
            None => NextStep::Refuse(Refusal::Restless),
        }
    }
}

/// The rules. The statuses are those of
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes>.
fn next_step(status: &StackStatus, allowed: Allowed) -> NextStep {
    match status {
        // What the first change set of a new stack has made, and nothing else.
        StackStatus::ReviewInProgress => NextStep::MakeChangeSet(Operation::Create),
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateFailed
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => NextStep::MakeChangeSet(Operation::Update),
        StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::CreateFailed
        | StackStatus::DeleteFailed => {
            if allowed.replace_failed_stack {
                NextStep::Replace(Consent::Given)
            } else if allowed.asking {
                NextStep::Replace(Consent::ToBeAsked)
            } else {
                NextStep::Refuse(Refusal::FailedStack)
            }
        }
        StackStatus::UpdateRollbackFailed if allowed.asking => NextStep::ContinueUpdateRollback,
        StackStatus::UpdateRollbackFailed => NextStep::Refuse(Refusal::UpdateRollbackFailed),
        other if is_at_rest(other) => NextStep::Refuse(Refusal::Unclear),
        _ => NextStep::Follow,
    }
}

impl Refusal {
    /// Whether the stack's own reason and events say why it is so.
    pub(crate) fn has_a_cause(self) -> bool {
        matches!(self, Refusal::FailedStack | Refusal::UpdateRollbackFailed)
    }

    /// The words for it, and the way out. `cause` is the reason for the status, as far as
    /// it is known.
    pub(crate) fn failure(self, stack: &Stack, cause: Option<&str>) -> Failure {
        let name = &stack.name;
        let status = &stack.status;
        let mut text = format!("nothing was deployed: the stack {name} is in {status}");
        if let Some(cause) = cause {
            text.push_str(": ");
            text.push_str(cause);
        }
        let failure = Failure::new(text);
        match self {
            Refusal::FailedStack => failure.hint(
                "its creation or removal failed; --replace-failed-stack removes what is left and creates it anew: a table that was kept is adopted with its data",
            ),
            Refusal::UpdateRollbackFailed => failure.hint(format!(
                "fix the cause, then run {}, and deploy again",
                stack.command("continue-update-rollback")
            )),
            Refusal::Unclear => failure.hint(format!(
                "see what happened to it with {}",
                stack.command("describe-stack-events")
            )),
            Refusal::Restless => failure.hint(
                "something else keeps changing it: find out who deploys, then try again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNATTENDED: Allowed = Allowed {
        replace_failed_stack: false,
        asking: false,
    };
    const ATTENDED: Allowed = Allowed {
        replace_failed_stack: false,
        asking: true,
    };
    const REPLACING: Allowed = Allowed {
        replace_failed_stack: true,
        asking: false,
    };

    fn step(status: &str, allowed: Allowed) -> NextStep {
        next_step(&StackStatus::from(status), allowed)
    }

    #[test]
    fn a_stack_that_is_only_reviewed_is_created_and_one_that_serves_is_updated() {
        assert_eq!(
            step("REVIEW_IN_PROGRESS", UNATTENDED),
            NextStep::MakeChangeSet(Operation::Create)
        );
        for status in [
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ] {
            assert_eq!(
                step(status, UNATTENDED),
                NextStep::MakeChangeSet(Operation::Update),
                "{status}"
            );
        }
    }

    #[test]
    fn a_failed_stack_is_only_removed_by_flag_or_after_a_question() {
        for status in [
            "ROLLBACK_COMPLETE",
            "ROLLBACK_FAILED",
            "CREATE_FAILED",
            "DELETE_FAILED",
        ] {
            let refused = step(status, UNATTENDED);
            assert_eq!(refused, NextStep::Refuse(Refusal::FailedStack));
            let asked = step(status, ATTENDED);
            assert_eq!(asked, NextStep::Replace(Consent::ToBeAsked));
            assert_eq!(step(status, REPLACING), NextStep::Replace(Consent::Given));
        }
    }

    #[test]
    fn a_failed_rollback_goes_on_after_a_question_and_never_by_itself() {
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
            any::<(bool, bool)>().prop_map(|(replace_failed_stack, asking)| Allowed {
                replace_failed_stack,
                asking,
            })
        }

        proptest! {
            #[test]
            fn no_order_of_statuses_keeps_a_deploy_waiting(
                allowed in any_allowed(),
                statuses in prop::collection::vec(any_status(), usize::from(STEPS) + 1)
            ) {
                let mut steps = Steps::new(allowed);
                let ended = statuses.iter().any(|status| matches!(
                    steps.next(&StackStatus::from(*status)),
                    NextStep::MakeChangeSet(_) | NextStep::Refuse(_)
                ));
                prop_assert!(ended);
            }

            #[test]
            fn no_failed_or_busy_stack_gets_a_change_set(
                allowed in any_allowed(),
                status in any_status()
            ) {
                let step = step(status, allowed);
                if let NextStep::MakeChangeSet(operation) = step {
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
            fn nothing_is_removed_that_nobody_has_agreed_to(status in any_status()) {
                let step = step(status, UNATTENDED);
                prop_assert!(!matches!(step, NextStep::Replace(_)));
                prop_assert_ne!(step, NextStep::ContinueUpdateRollback);
            }

            #[test]
            fn a_refusal_names_the_status_and_fails(
                status in any_status(),
                refusal in prop::sample::select(vec![
                    Refusal::FailedStack,
                    Refusal::UpdateRollbackFailed,
                    Refusal::Unclear,
                    Refusal::Restless,
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
