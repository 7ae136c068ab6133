//! What a deploy would change, shown and agreed to.

use aws_sdk_cloudformation::Client;
use infra::resources::Tags;
use xtask::failure::{Exit, Failure};
use xtask::output;

use super::change_set::{self, ChangeSet};
use crate::aws::Aws;
use crate::confirm::{self, Answer, Question};
use crate::report::{Event, Report};

/// What a stack is to become.
pub(crate) struct Target {
    pub(crate) stack: String,
    /// Minified JSON.
    pub(crate) template: String,
    pub(crate) tags: Tags,
}

/// The stacks of one deploy.
pub(crate) struct Targets {
    /// The bucket of the zips, which every environment shares.
    pub(crate) bucket: Target,
    pub(crate) service: Target,
}

/// What was agreed to; a stack without changes has no change set.
pub(crate) struct Plan {
    pub(crate) bucket: Option<ChangeSet>,
    pub(crate) service: Option<ChangeSet>,
}

/// What the operator has agreed to beforehand, and what is asked otherwise.
pub(crate) struct Terms {
    pub(crate) question: Question,
    /// Whether the answer is yes already.
    pub(crate) yes: bool,
    /// Whether a table may be lost.
    pub(crate) allow_table_replacement: bool,
}

impl Plan {
    /// Removes what was not executed.
    pub(crate) async fn discard(&self, aws: &Aws, report: &Report) -> anyhow::Result<()> {
        let client = aws.cloudformation();
        for change_set in [&self.service, &self.bucket].into_iter().flatten() {
            if let Err(error) = change_set.discard(&client).await {
                report.warn(&left_behind(&error))?;
            }
        }
        Ok(())
    }
}

fn left_behind(error: &anyhow::Error) -> String {
    format!("a change set is left behind: {error:#}; the next deploy does away with it")
}

/// Makes the change sets, shows them and asks. `None` when there is nothing to
/// change.
///
/// # Errors
///
/// When the answer is no, when nobody can be asked, when a table would be lost
/// that nobody has given up, or when a change set cannot be made. Nothing is left behind then.
pub(crate) async fn agree(
    aws: &Aws,
    targets: &Targets,
    report: &Report,
    terms: &Terms,
) -> anyhow::Result<Option<Plan>> {
    let client = aws.cloudformation();
    let name = change_set::unique_name();
    let agreed = tokio::select! {
        agreed = make_and_ask(&client, targets, &name, report, terms) => agreed,
        () = confirm::interrupted() => {
            // Ends the line of the question, or of the terminal's ^C.
            output::progress("");
            Err(declined("interrupted").into())
        }
    };
    if agreed.is_err() {
        for target in [&targets.service, &targets.bucket] {
            if let Err(error) = change_set::discard(&client, &target.stack, &name).await {
                report.warn(&left_behind(&error))?;
            }
        }
    }
    agreed
}

async fn make_and_ask(
    client: &Client,
    targets: &Targets,
    name: &str,
    report: &Report,
    terms: &Terms,
) -> anyhow::Result<Option<Plan>> {
    // Both to their end, so that what one of them makes can be removed when
    // the other fails.
    let (bucket, service) = tokio::join!(
        change_set::create(client, &targets.bucket, name),
        change_set::create(client, &targets.service, name),
    );
    let (bucket, service) = (bucket?, service?);
    for (target, change_set) in [(&targets.bucket, &bucket), (&targets.service, &service)] {
        show(target, change_set.as_ref(), report)?;
    }
    if bucket.is_none() && service.is_none() {
        return Ok(None);
    }
    if !terms.allow_table_replacement {
        keep_tables([&bucket, &service].into_iter().flatten())?;
    }
    if !terms.yes {
        match confirm::ask(&terms.question).await? {
            Answer::Yes => {}
            Answer::No => return Err(declined("the answer was no").into()),
            Answer::NobodyThere => {
                return Err(declined("there is no terminal to ask at")
                    .hint("--yes answers yes")
                    .into());
            }
        }
    }
    Ok(Some(Plan { bucket, service }))
}

/// Refuses to lose a table: no yes to a long list is meant for that.
fn keep_tables<'a>(change_sets: impl Iterator<Item = &'a ChangeSet>) -> Result<(), Failure> {
    let lost: Vec<String> = change_sets
        .flat_map(|change_set| &change_set.changes)
        .filter(|change| change.loses_table())
        .map(ToString::to_string)
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "nothing was deployed: it would take a table from the stack, or put an empty one in its place: {}",
        lost.join("; ")
    ))
    .hint("undo the change that causes it; where the data may go, or has a backup, --allow-table-replacement lets this deploy do it"))
}

fn declined(why: &str) -> Failure {
    Failure::new(format!("nothing was deployed: {why}")).exit(Exit::Declined)
}

fn show(target: &Target, change_set: Option<&ChangeSet>, report: &Report) -> anyhow::Result<()> {
    let changes = change_set.map_or(&[][..], |change_set| &change_set.changes);
    match change_set {
        None => output::progress(format_args!("{}: nothing to change", target.stack)),
        Some(change_set) => {
            output::progress(format_args!(
                "{}: {}, {} changes",
                target.stack,
                if change_set.creates {
                    "new stack"
                } else {
                    "update"
                },
                changes.len()
            ));
            for change in changes {
                output::progress(format_args!("  {change}"));
            }
        }
    }
    report.event(&Event::ChangeSet {
        stack: &target.stack,
        changes,
    })
}
