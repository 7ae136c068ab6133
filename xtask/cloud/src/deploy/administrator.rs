//! Stacks that an administrator deploys: permissions boundaries and the pipeline's
//! roles. No pipeline role may change them.

use std::cell::Cell;
use std::convert::Infallible;

use anyhow::Context as _;
use aws_sdk_cloudformation::Client;
use cfn::resources::Tags;
use infra::Template;
use infra::environment::Protection;
use xtask::failure::Exit;
use xtask::{output, validate};

use super::change_set::{self, Drifted};
use super::plan::{self, NOTHING_DEPLOYED, Target, Terms};
use super::summary::Summary;
use super::{after, prepare, render, rollout};
use crate::aws::Aws;
use crate::confirm::{self, Expected, Question};
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::stack;

/// Renders and checks the template of a stack. CloudFormation creates it with the
/// caller's own permissions.
pub(super) fn target(stack: String, template: Template, tags: Tags) -> anyhow::Result<Target> {
    let template = template
        .render()
        .with_context(|| format!("rendering {stack}"))?;
    validate::refuse_faulty(&stack, template.as_value())?;
    Ok(render::target(stack, template.to_json(), tags))
}

/// Plans a stack, shows the plan, asks, executes the plan and turns termination
/// protection on. Returns the stack's outputs.
///
/// # Errors
///
/// When the operator declines, and when the stack cannot be deployed.
pub(super) async fn deploy(
    aws: &Aws,
    target: &Target,
    yes: bool,
    report: &Report,
) -> anyhow::Result<stack::Outputs> {
    let client = aws.cloudformation();
    let terms = terms(yes);
    let name = change_set::unique_name("deploy");
    let interrupt = Interrupt::listen(|| -> Infallible {
        output::progress("stopped at once: a change set may be left; the next deploy removes it");
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    let planned = Box::pin(interrupt.or(async {
        let prepared = prepare::prepare(&client, &target.stack, &terms, report).await?;
        let operation = prepared.operation;
        let change_set =
            change_set::create(&client, target, operation, Drifted::Stays, &name).await?;
        plan::show(&target.stack, change_set.as_ref(), report)?;
        if let Some(change_set) = &change_set {
            let security = plan::security(&client, target).await?;
            security.show();
            output::progress(Summary {
                changes: change_set.changes.iter().collect(),
                grants: &security.grants,
                weakened: security.weakened.len(),
                restored: 0,
                commit: None,
            });
            // Such a stack decides about the environment's security, so one keystroke is
            // not enough.
            let question = Question {
                text: format!("Deploy {} in {}?", target.stack, aws.region()),
                expected: Expected::Name(target.stack.clone()),
            };
            question.agreed(yes, NOTHING_DEPLOYED).await?;
        }
        anyhow::Ok(change_set)
    }));
    let change_set = match planned
        .await
        .unwrap_or_else(|| Err(terms.interrupted().into()))
    {
        Ok(change_set) => change_set,
        Err(error) => {
            plan::discard_of(aws, target, &name, report).await?;
            return Err(error);
        }
    };
    if let Some(change_set) = change_set {
        let executed = Box::pin(interrupt.or(rollout::execute(&client, &change_set, None, report)));
        let executed = executed.await;
        executed.unwrap_or_else(|| Err(plan::interrupted().into()))?;
    }
    protect(&client, &target.stack, report).await
}

/// Turns termination protection on. Returns the stack's outputs.
///
/// # Errors
///
/// Begins with the fact that the stack is deployed.
pub(super) async fn protect(
    client: &Client,
    name: &str,
    report: &Report,
) -> anyhow::Result<stack::Outputs> {
    let protected = async {
        let deployed = stack::existing_with_retries(client, name, report).await?;
        stack::protect(client, &deployed, Protection::Full, report).await?;
        anyhow::Ok(deployed.outputs)
    };
    protected.await.map_err(|error| {
        let missing = "it may not be protected from removal";
        let way_out = "run the same command again, which turns the protection on";
        after::is_deployed(name, missing, way_out, &error).into()
    })
}

/// The terms of a stack without data and without traffic.
pub(super) fn terms(yes: bool) -> Terms {
    let at_terminal = confirm::at_terminal();
    Terms {
        yes,
        asking: at_terminal && !yes,
        can_agree: at_terminal || yes,
        on_drift: None,
        replace_failed_stack: false,
        allow_table_replacement: false,
        ignore_alarms: false,
        mending: Cell::new(false),
    }
}
