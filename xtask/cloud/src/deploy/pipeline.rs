//! `cargo xtask pipeline deploy`: the roles with which GitHub deploys, made by
//! an administrator, because nobody may give them to themselves.

use std::cell::Cell;
use std::convert::Infallible;
use std::process::ExitCode;

use anyhow::Context as _;
use infra::environment::Protection;
use infra::resources::Tags;
use infra::stack::Pipeline;
use infra::{Environment, Place, names};
use xtask::cloud::PipelineDeployArgs;
use xtask::failure::{Exit, Failure};
use xtask::options::OutputFormat;
use xtask::{output, validate};

use super::change_set::{self, Drifted};
use super::outcome;
use super::plan::{self, NOTHING_DEPLOYED, Target, Terms};
use super::prepare;
use super::render;
use crate::aws::{Aws, guard};
use crate::confirm::{self, Expected, Question};
use crate::interrupt::Interrupt;
use crate::report::Report;
use crate::stack::events::EventLog;
use crate::stack::{self, follow};

/// Runs the command.
pub(crate) async fn run(args: &PipelineDeployArgs) -> anyhow::Result<ExitCode> {
    let (aws, identity) = Aws::to_change_stack(&args.aws, names::PIPELINE_STACK).await?;
    let environments = environments(&aws, &identity.account, &args.environments)?;
    let template = infra::stack::pipeline(&Pipeline {
        repository: args.repository.clone(),
        provider: args.oidc_provider.into(),
        environments: environments
            .into_iter()
            .map(Environment::settings)
            .collect(),
    });
    let template = template
        .render()
        .context("rendering the pipeline's stack")?;
    validate::refuse_faulty(names::PIPELINE_STACK, template.as_value())?;
    let target = render::target(
        names::PIPELINE_STACK.to_owned(),
        template.to_json(),
        Tags::new([("Project", names::PROJECT)]),
    );
    let outputs = Box::pin(deploy(&aws, &target, args)).await?;
    output::text(&outcome::table(&outputs))?;
    Ok(ExitCode::SUCCESS)
}

/// The environments whose roles belong to this account and region. Those that were
/// not asked for by name are left out if they are bound to another place.
fn environments(
    aws: &Aws,
    account: &str,
    asked: &[Environment],
) -> Result<Vec<Environment>, Failure> {
    let mut environments = Vec::new();
    for environment in Environment::ALL {
        let settings = environment.settings();
        let is_elsewhere =
            settings.place != Place::Anywhere && !settings.place.admits(account, aws.region());
        let is_wanted = match asked {
            [] => aws.is_loopback() || !is_elsewhere,
            asked => asked.contains(&environment),
        };
        if is_wanted {
            if !aws.is_loopback() {
                guard::refuse_other_place(account, aws.region(), &settings)?;
            }
            environments.push(environment);
        }
    }
    Ok(environments)
}

async fn deploy(
    aws: &Aws,
    target: &Target,
    args: &PipelineDeployArgs,
) -> anyhow::Result<stack::Outputs> {
    let client = aws.cloudformation();
    let report = Report::new(OutputFormat::Text);
    let at_terminal = confirm::at_terminal();
    let terms = Terms {
        yes: args.yes,
        asking: at_terminal && !args.yes,
        can_agree: at_terminal || args.yes,
        on_drift: None,
        replace_failed_stack: false,
        allow_table_replacement: false,
        ignore_alarms: false,
        mending: Cell::new(false),
    };
    let name = change_set::unique_name("deploy");
    let interrupt = Interrupt::listen(|| -> Infallible {
        output::progress("stopped at once: a change set may be left; the next deploy removes it");
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    let planned = Box::pin(interrupt.or(async {
        let prepared = prepare::prepare(&client, &target.stack, &terms, &report).await?;
        let operation = prepared.operation;
        let change_set =
            change_set::create(&client, target, None, operation, Drifted::Stays, &name).await?;
        plan::show(&target.stack, change_set.as_ref(), &report)?;
        if change_set.is_some() {
            for line in plan::grants(&client, target).await?.to_string().lines() {
                output::progress(line);
            }
            // Whoever has these roles has the environments: more than a key
            // pressed by habit.
            let question = Question {
                text: format!("Deploy {} in {}?", target.stack, aws.region()),
                expected: Expected::Name(target.stack.clone()),
            };
            question.agreed(args.yes, NOTHING_DEPLOYED).await?;
        }
        anyhow::Ok(change_set)
    }));
    let change_set = match planned
        .await
        .unwrap_or_else(|| Err(terms.interrupted().into()))
    {
        Ok(change_set) => change_set,
        Err(error) => {
            change_set::discard(&client, &target.stack, &name).await?;
            return Err(error);
        }
    };
    if let Some(change_set) = change_set {
        let carried_out = Box::pin(interrupt.or(async {
            let log = EventLog::from_now(&client, &change_set.stack_id).await?;
            output::progress(format_args!("deploying {}", target.stack));
            change_set.execute(&client).await?;
            let (stack, events) = follow::to_the_end(&client, log, &target.stack, &report).await?;
            stack::outcome::judge(&stack, &events)
        }));
        let carried_out = carried_out.await;
        carried_out.unwrap_or_else(|| Err(plan::interrupted().into()))?;
    }
    let deployed = stack::existing(&client, &target.stack).await?;
    stack::protect(&client, &deployed, Protection::Full).await?;
    Ok(deployed.outputs)
}
