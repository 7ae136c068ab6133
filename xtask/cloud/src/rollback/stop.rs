//! A rollback while CodeDeploy still moves the traffic: the deployment is
//! stopped, and `CloudFormation` rolls back with it.

use aws_sdk_cloudformation::types::StackStatus;
use infra::names;
use xtask::cloud::RollbackArgs;
use xtask::failure::Failure;
use xtask::output;

use super::RollbackEvent;
use crate::alias::{self, Live};
use crate::aws::Aws;
use crate::confirm::Question;
use crate::polling::poll;
use crate::report::Report;
use crate::shift::{self, SHIFTED};
use crate::stack::events::EventLog;
use crate::stack::{self, Stack, follow, outcome};

/// Stops a deployment once that is agreed to, and follows what comes of it
/// until the traffic is back. `place` is the account and region, in words.
pub(super) async fn stop(
    aws: &Aws,
    args: &RollbackArgs,
    stack: &Stack,
    deployment: &str,
    place: &str,
    report: &Report,
) -> anyhow::Result<()> {
    let environment = args.target.environment;
    if stack.status != StackStatus::UpdateInProgress && !stack::is_at_rest(&stack.status) {
        return Err(Failure::new(format!(
            "nothing was stopped: the deployment {deployment} belongs to an operation on {} that brings back what was there before ({})",
            stack.name, stack.status
        ))
        .hint(format!("look how far it is with `cargo xtask status --env {environment}`"))
        .into());
    }
    let function = names::function(SHIFTED, environment);
    let live = alias::read(&aws.lambda_configuration(), &function).await?;
    if args.to_version.is_some() {
        return Err(Failure::new(format!(
            "nothing was rolled back: the deployment {deployment} is moving the traffic of {function}"
        ))
        .hint("without --to-version it is stopped, and the traffic goes back to where it was")
        .into());
    }
    show(&function, &live, deployment, report)?;
    let text = format!("Stop the deployment and roll {} back {place}?", stack.name);
    Question::before_changing(environment, text)
        .agreed(args.yes, "nothing was stopped")
        .await?;

    let client = aws.cloudformation();
    let log = EventLog::from_now(&client, stack, report).await?;
    shift::stop(aws, deployment).await?;
    output::progress(format_args!("stopped the deployment {deployment}"));
    // A deployment that nobody began through the stack has no events there.
    if !stack::is_at_rest(&stack.status) {
        let ended = follow::to_the_end(&client, log, &stack.name, report).await?;
        match ended.stack.status {
            StackStatus::UpdateRollbackComplete => {}
            StackStatus::UpdateComplete => return Err(too_late(&ended.stack).into()),
            _ => outcome::judge(&ended)?,
        }
    }
    verify(aws, &function).await
}

fn show(function: &str, live: &Live, deployment: &str, report: &Report) -> anyhow::Result<()> {
    output::progress(format_args!("function     {function}"));
    output::progress(format_args!("deployment   {deployment}"));
    for weight in &live.weights {
        output::progress(format_args!("from         {weight}"));
    }
    // Without weights, the deployment is at its very beginning or its very end.
    let shifted = live.weights.first().map(|weight| &*weight.version);
    if shifted.is_some() {
        output::progress(format_args!("to           version {}", live.version));
    }
    report.emit(&RollbackEvent {
        function: SHIFTED.name(),
        from: shifted,
        to: shifted.map(|_| &*live.version),
        deployment: Some(deployment),
    })
}

fn too_late(stack: &Stack) -> Failure {
    Failure::new(format!(
        "nothing was rolled back: the deployment had ended before it was stopped ({})",
        stack.status
    ))
    .hint("run the command again: the alias is then moved back at once")
}

/// The stack may be back before CodeDeploy has told the alias.
async fn verify(aws: &Aws, function: &str) -> anyhow::Result<()> {
    let client = aws.lambda_configuration();
    let what = format_args!("waiting until {function} serves one version");
    let back = poll(shift::RETURN_LIMIT, what, async || {
        let live = alias::read(&client, function).await?;
        Ok(live.weights.is_empty().then_some(live))
    });
    let Some(live) = back.await? else {
        return Err(Failure::new(format!(
            "the deployment was stopped, but {function} still serves two versions after {} minutes",
            shift::RETURN_LIMIT.as_secs() / 60
        ))
        .hint("run the command again: the alias is then moved back at once")
        .into());
    };
    output::progress(format_args!(
        "{function} serves version {} alone",
        live.version
    ));
    Ok(())
}
