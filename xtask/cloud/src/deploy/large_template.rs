//! A template that is too large for a request: CloudFormation reads it from the
//! artifact bucket, which then has to be there before anything can be planned.

use std::time::{SystemTime, UNIX_EPOCH};

use infra::names::TEMPLATES_PREFIX;
use xtask::failure::Failure;

use super::bucket::Bucket;
use super::change_set::{self, ChangeSet, Drifted};
use super::plan::{self, Target, Targets, Terms};
use super::{prepare, rollout};
use crate::aws::Aws;
use crate::confirm::{self, Answer, Expected, Question};
use crate::identity::Identity;
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::stack::next_step::Operation;

/// How old a template is that nobody waits for any more, in seconds.
const LEFT_OVER_AFTER: u64 = 60 * 60;

/// Whether CloudFormation takes a template in a request.
pub(crate) fn fits_a_request(target: &Target) -> bool {
    target.template.len() <= target.bytes_in_a_request
}

/// Creates the bucket where a template needs it and it is not there. That lasts
/// whatever becomes of the deploy, so it is agreed to by itself.
///
/// # Errors
///
/// When it is declined, and when the bucket cannot be created.
pub(crate) async fn bucket_first(
    aws: &Aws,
    identity: &Identity,
    targets: &Targets,
    terms: &Terms,
    interrupt: &Interrupt,
    report: &Report,
) -> anyhow::Result<()> {
    if fits_a_request(&targets.service) {
        return Ok(());
    }
    let client = aws.cloudformation();
    let name = change_set::unique_name("bucket");
    let agreed = interrupt.or(Box::pin(async {
        let bucket = prepare::prepare(&client, &targets.bucket.stack, terms, report).await?;
        if bucket.operation == Operation::Update {
            return Ok(None);
        }
        let planned = change_set::create(
            &client,
            &targets.bucket,
            None,
            bucket.operation,
            Drifted::Stays,
            &name,
        );
        let planned = planned.await?;
        plan::show(&targets.bucket.stack, planned.as_ref(), report)?;
        agree(aws, identity, targets, terms).await?;
        anyhow::Ok(planned)
    }));
    let agreed = agreed.await;
    match agreed.unwrap_or_else(|| Err(terms.interrupted().into())) {
        Ok(None) => Ok(()),
        Ok(Some(planned)) => create(aws, &planned, interrupt, report).await,
        Err(error) => {
            plan::discard_of(aws, &targets.bucket, &name, report).await?;
            Err(error)
        }
    }
}

async fn agree(
    aws: &Aws,
    identity: &Identity,
    targets: &Targets,
    terms: &Terms,
) -> anyhow::Result<()> {
    if terms.yes {
        return Ok(());
    }
    let Targets {
        bucket, service, ..
    } = targets;
    let question = Question {
        text: format!(
            "The template of {} has {} bytes, and CloudFormation takes more than {} only from a bucket.\nCreate {} in account {}, {} first?",
            service.stack,
            service.template.len(),
            service.bytes_in_a_request,
            bucket.stack,
            identity.account,
            aws.region()
        ),
        expected: Expected::Yes,
    };
    match confirm::ask(&question).await? {
        Answer::Yes => Ok(()),
        Answer::No => Err(plan::declined("the answer was no").into()),
        Answer::NobodyThere => Err(plan::declined(
            "the template is too large for a request, and there is nobody to ask for the bucket",
        )
        .hint("`cargo xtask deploy` with --yes, or at a terminal, creates the bucket first")
        .into()),
    }
}

async fn create(
    aws: &Aws,
    planned: &ChangeSet,
    interrupt: &Interrupt,
    report: &Report,
) -> anyhow::Result<()> {
    let client = aws.cloudformation();
    let created = interrupt.or(Box::pin(rollout::execute(&client, planned, None, report)));
    let created = created.await;
    let created = created.unwrap_or_else(|| Err(plan::interrupted().into()));
    let created = created.map(|_| ());
    if created.is_err() {
        plan::discard_change_set(aws, planned, report).await?;
    }
    created
}

/// Puts the service's template into the bucket if it is too large for a request, for
/// the change set of this name. The answer is its URL, none for any other template.
pub(crate) async fn upload(
    aws: &Aws,
    identity: &Identity,
    targets: &Targets,
    change_set: &str,
) -> anyhow::Result<Option<String>> {
    if fits_a_request(&targets.service) {
        return Ok(None);
    }
    let bucket = Bucket::of(aws, identity, targets.environment);
    let key = key(change_set);
    let template = targets.service.template.clone().into_bytes();
    bucket.put(&key, "application/json", template).await?;
    Ok(Some(bucket.url(aws, &key)))
}

/// Removes what [`upload`] has put there, if anything: a change set keeps the
/// template that it was made of.
pub(crate) async fn remove(
    aws: &Aws,
    identity: &Identity,
    targets: &Targets,
    change_set: &str,
    report: &Report,
) -> anyhow::Result<()> {
    if fits_a_request(&targets.service) {
        return Ok(());
    }
    let bucket = Bucket::of(aws, identity, targets.environment);
    match bucket.remove(&key(change_set)).await {
        Ok(()) => Ok(()),
        Err(error) => report.warn(&format!(
            "a template stays in the bucket: {error:#}; a later deploy removes it"
        )),
    }
}

/// The object's key: it contains the name of the change set, which is unique.
fn key(change_set: &str) -> String {
    format!("{TEMPLATES_PREFIX}{change_set}.json")
}

/// The templates among these keys that a killed deploy has left.
pub(crate) fn left_over(keys: Vec<String>) -> anyhow::Result<Vec<String>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now
        .map_err(|error| Failure::new(format!("the clock is before 1970: {error}")))?
        .as_secs();
    let is_old = |key: &String| made_at(key).is_some_and(|made| made + LEFT_OVER_AFTER < now);
    Ok(keys.into_iter().filter(is_old).collect())
}

/// When the change set of a template was named, in seconds since 1970; none
/// where it is no template of ours.
fn made_at(key: &str) -> Option<u64> {
    let (_, name) = key.strip_suffix(".json")?.rsplit_once('/')?;
    let (_, time_and_number) = name.split_once('-')?;
    time_and_number.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_left_over_when_its_change_set_was_named_long_ago() {
        let of_now = key(&change_set::unique_name("deploy"));
        let old = key("plan-1500000000-0badcafe");
        let notes = key("notes");
        let keys = [&of_now, &old, &notes, "templates/", "x"];
        let found = left_over(keys.map(str::to_owned).to_vec());
        assert_eq!(found.ok(), Some(vec![old.clone()]));
    }
}
