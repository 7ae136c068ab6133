//! The context that the steps of a deploy share, and the effect of an interruption in each phase.

use infra::{Environment, Settings, names};
use xtask::cloud::{OnDrift, PlanningArgs};
use xtask::failure::{self, Exit, Failure};

use crate::artifact_bucket::Bucket;
use crate::aws::Aws;
use crate::confirm::{self, Question};
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::provenance::Commit;
use crate::report::Report;
use crate::stack::admission::Allowed;

/// The first words of the error if a deploy is declined or refused.
pub(crate) const NOTHING_DEPLOYED: &str = "nothing was deployed";

pub(crate) struct Context<'a> {
    pub(crate) aws: Aws,
    pub(crate) identity: Identity,
    /// The settings of the environment, changed by the options of this command.
    pub(crate) settings: Settings,
    pub(crate) commit: Option<Commit>,
    pub(crate) options: PlanOptions,
    pub(crate) interrupt: Interrupt,
    pub(crate) report: &'a Report,
}

/// The decisions that the operator made with the options of the command.
#[derive(Debug, Clone)]
pub(crate) struct PlanOptions {
    pub(crate) consent: Consent,
    /// The treatment of drift. If absent, the operator is asked; without a terminal, drift stops the
    /// command.
    pub(crate) on_drift: Option<OnDrift>,
    pub(crate) replace_failed_stack: bool,
    pub(crate) allow_table_replacement: bool,
}

/// The operator's consent to changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Given by `--yes`.
    Given,
    /// The operator is at a terminal and is asked.
    Asked,
    /// There is neither `--yes` nor a terminal.
    Missing,
    /// The command only plans.
    NotNeeded,
}

impl Consent {
    pub(crate) fn new(yes: bool) -> Self {
        if yes {
            Consent::Given
        } else if confirm::at_terminal() {
            Consent::Asked
        } else {
            Consent::Missing
        }
    }
}

impl PlanOptions {
    pub(crate) fn new(planning: &PlanningArgs, consent: Consent) -> Self {
        PlanOptions {
            on_drift: planning.on_drift,
            replace_failed_stack: planning.replace_failed_stack,
            allow_table_replacement: planning.allow_table_replacement,
            ..PlanOptions::for_bootstrap_stack(consent)
        }
    }

    /// Returns the options for the stacks of `cargo xtask boundary` and `pipeline`, which have neither data
    /// nor traffic.
    pub(crate) fn for_bootstrap_stack(consent: Consent) -> Self {
        PlanOptions {
            consent,
            on_drift: None,
            replace_failed_stack: false,
            allow_table_replacement: false,
        }
    }

    pub(crate) fn can_ask(&self) -> bool {
        self.consent == Consent::Asked
    }

    pub(crate) fn allowed(&self) -> Allowed {
        Allowed {
            replace_failed_stack: self.replace_failed_stack,
            can_ask: self.can_ask(),
        }
    }
}

impl Context<'_> {
    pub(crate) fn environment(&self) -> Environment {
        self.settings.environment
    }

    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        self.aws.cloudformation()
    }

    pub(crate) fn bucket(&self) -> Bucket<'_> {
        Bucket::in_account(&self.aws, &self.identity.account, self.environment())
    }

    /// Returns the account and region, for a question.
    pub(crate) fn place(&self) -> String {
        let account = &self.identity.account;
        format!("in account {account}, {}", self.aws.region())
    }

    /// Asks for consent unless `--yes` gave it. Without consent, the error begins with `refusal`, such as
    /// [`NOTHING_DEPLOYED`].
    pub(crate) async fn confirm(&self, question: &Question, refusal: &str) -> anyhow::Result<()> {
        let is_given = self.options.consent == Consent::Given;
        question.agreed(is_given, refusal).await
    }

    /// Runs a step unless the operator interrupts it.
    pub(crate) fn run<T>(
        &self,
        phase: Phase,
        step: impl Future<Output = anyhow::Result<T>>,
    ) -> impl Future<Output = Result<T, Stop>> {
        let interrupted = move || Stop::Interrupted(phase.interrupted(self.environment()));
        self.interrupt
            .run(interrupted, async { step.await.map_err(Stop::Failed) })
    }

    /// Runs a step that follows the execution of the change sets. An error of the step says that the
    /// environment is deployed.
    pub(crate) fn finish<T>(
        &self,
        kind: FinalStep,
        step: impl Future<Output = anyhow::Result<T>>,
    ) -> impl Future<Output = Result<T, Stop>> {
        let explained = async move {
            let result = step.await;
            result.map_err(|error| kind.failure(self.environment(), &error).into())
        };
        self.run(Phase::Finishing(kind), explained)
    }
}

/// The phase of a command, which determines the effect of an interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No stack has been changed.
    Planning,
    /// CloudFormation may be changing a stack, or a stack was recovered or realigned before planning.
    Changing,
    /// All change sets have been executed.
    Finishing(FinalStep),
}

impl Phase {
    fn interrupted(self, environment: Environment) -> Failure {
        match self {
            Phase::Planning => declined("interrupted"),
            Phase::Changing => {
                Failure::new("interrupted; CloudFormation finishes an operation that it has begun")
                    .hint("run the same command again: it reports the state of the stack")
            }
            Phase::Finishing(step) => step.failure(environment, &anyhow::anyhow!("interrupted")),
        }
    }
}

/// The reason why a command ended before its last step.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(anyhow::Error),
    Interrupted(Failure),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Stop::Failed(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure.into())
    }
}

impl From<Stop> for anyhow::Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(error) => error,
            Stop::Interrupted(failure) => failure.into(),
        }
    }
}

/// A step after the execution of the change sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinalStep {
    /// The smoke test, and the steps between the execution and the smoke test.
    SmokeTest,
    Baseline,
    /// Writes the deployment's record, and removes old zips.
    Record,
    /// Prints the stack's outputs.
    Outputs,
}

impl FinalStep {
    /// Describes a failure of this step. Keeps the hint and the exit code of the error.
    pub(crate) fn failure(self, environment: Environment, error: &anyhow::Error) -> Failure {
        let (missing, command, purpose) = match self {
            FinalStep::SmokeTest => (
                "its smoke test has not passed",
                "deploy",
                "to repeat the smoke test",
            ),
            FinalStep::Baseline => (
                "no baseline was recorded",
                "drift",
                "to list the differences (the next deploy may report as drift the differences that AWS itself makes)",
            ),
            FinalStep::Record => (
                "the end of the deployment is not in its record",
                "status",
                "to check the environment",
            ),
            FinalStep::Outputs => (
                "its outputs could not be printed",
                "outputs",
                "to print them",
            ),
        };
        let way_out = format!("run `cargo xtask {command} --env {environment}` {purpose}");
        deployed_but(&names::stack(environment), missing, &way_out, error)
    }
}

/// Returns an error that says first that the stack is deployed, then what is missing.
pub(crate) fn deployed_but(
    stack: &str,
    missing: &str,
    way_out: &str,
    error: &anyhow::Error,
) -> Failure {
    let first = error.downcast_ref::<Failure>().and_then(Failure::hint_text);
    let hint = match first {
        Some(first) => format!("{first}; then {way_out}"),
        None => way_out.to_owned(),
    };
    Failure::new(format!("{stack} is deployed, and {missing}: {error:#}"))
        .hint(hint)
        .exit(failure::exit_of(error))
}

pub(crate) fn declined(why: &str) -> Failure {
    Failure::new(format!("{NOTHING_DEPLOYED}: {why}")).exit(Exit::Declined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_final_step_says_that_the_stack_is_deployed_and_names_a_command() {
        for step in [
            FinalStep::SmokeTest,
            FinalStep::Baseline,
            FinalStep::Record,
            FinalStep::Outputs,
        ] {
            let error = Failure::new("could not read the stack: ExpiredToken: it expired");
            let error = error.hint("sign in again");
            let failure = step.failure(Environment::Prod, &error.into());
            let text = failure.to_string();
            assert!(
                text.starts_with("crypto-watch-prod is deployed, and "),
                "{text}"
            );
            assert!(text.ends_with("ExpiredToken: it expired"), "{text}");
            let hint = failure.hint_text().unwrap_or_default();
            assert!(
                hint.starts_with("sign in again; then run `cargo xtask "),
                "{hint}"
            );
            assert!(hint.contains("--env prod`"), "{hint}");
            assert_eq!(failure::exit_of(&failure.into()), Exit::Failed);
        }
    }

    #[test]
    fn an_interrupted_plan_is_declined_and_an_interrupted_change_is_a_failure() {
        for (phase, exit, words) in [
            (
                Phase::Planning,
                Exit::Declined,
                "nothing was deployed: interrupted",
            ),
            (
                Phase::Changing,
                Exit::Failed,
                "interrupted; CloudFormation finishes",
            ),
            (
                Phase::Finishing(FinalStep::SmokeTest),
                Exit::Failed,
                "crypto-watch-dev is deployed",
            ),
        ] {
            let failure = phase.interrupted(Environment::Dev);
            assert!(failure.to_string().starts_with(words), "{failure}");
            assert_eq!(failure::exit_of(&failure.into()), exit);
        }
    }
}
