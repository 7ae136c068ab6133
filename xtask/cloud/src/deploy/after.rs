//! Failures after a stack was deployed: the parts of a deploy that are then missing, and
//! the commands that make up for them.

use infra::{Environment, names};
use xtask::failure::{self, Failure};

/// A part of a deploy that follows the execution of its change sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything up to the smoke test, and the smoke test itself.
    SmokeTest,
    Baseline,
    /// The end of the record, and the removal of old zips.
    Record,
    /// The outputs on stdout.
    Outputs,
}

impl Part {
    /// The failure of this part: the environment is deployed, and something was not
    /// checked. Keeps the hint of the error.
    pub(super) fn failure(self, environment: Environment, error: &anyhow::Error) -> Failure {
        let missing = match self {
            Part::SmokeTest => "its smoke test has not passed",
            Part::Baseline => "no baseline was recorded",
            Part::Record => "the end of the deployment is not in its record",
            Part::Outputs => "its outputs could not be printed",
        };
        let way_out = match self {
            Part::SmokeTest => {
                format!("`cargo xtask deploy --env {environment}` makes the smoke test")
            }
            Part::Baseline => format!(
                "`cargo xtask drift --env {environment}` lists the differences; the next deploy may count some as drift that AWS itself makes"
            ),
            Part::Record => {
                format!("`cargo xtask status --env {environment}` says how the environment is")
            }
            Part::Outputs => format!("`cargo xtask outputs --env {environment}` prints them"),
        };
        is_deployed(&names::stack(environment), missing, &way_out, error)
    }
}

/// A failure that begins with the fact that the stack is deployed.
pub(super) fn is_deployed(
    stack: &str,
    missing: &str,
    way_out: &str,
    error: &anyhow::Error,
) -> Failure {
    let cause = error.downcast_ref::<Failure>().and_then(Failure::hint_text);
    let hint = match cause {
        Some(cause) => format!("{cause}; then {way_out}"),
        None => way_out.to_owned(),
    };
    Failure::new(format!("{stack} is deployed, and {missing}: {error:#}"))
        .hint(hint)
        .exit(failure::exit_of(error))
}

#[cfg(test)]
mod tests {
    use xtask::failure::Exit;

    use super::*;

    #[test]
    fn every_part_begins_with_is_deployed_and_names_a_command() {
        for part in [Part::SmokeTest, Part::Baseline, Part::Record, Part::Outputs] {
            let error = Failure::new("could not read the stack: ExpiredToken: it expired");
            let error = error.hint("sign in again");
            let failure = part.failure(Environment::Prod, &error.into());
            let text = failure.to_string();
            assert!(
                text.starts_with("crypto-watch-prod is deployed, and "),
                "{text}"
            );
            assert!(text.ends_with("ExpiredToken: it expired"), "{text}");
            let hint = failure.hint_text().unwrap_or_default();
            assert!(
                hint.starts_with("sign in again; then `cargo xtask "),
                "{hint}"
            );
            assert!(hint.contains("--env prod`"), "{hint}");
            assert_eq!(failure::exit_of(&failure.into()), Exit::Failed);
        }
    }
}
