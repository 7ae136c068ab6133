//! `cargo xtask status`: the status of an environment.

mod parts;
mod screen;

use std::process::ExitCode;

use contract::Function;
use infra::{Environment, names};
use shared::timestamp::Timestamp;
use xtask::cloud::EnvironmentArgs;
use xtask::failure::Exit;
use xtask::options::OutputFormat;
use xtask::output;

use crate::alarms;
use crate::artifact_bucket::Bucket;
use crate::aws::Aws;
use crate::codedeploy;
use crate::deployment_records;
use crate::history::RecordedDeployment;
use crate::report::print_event;
use crate::stack::{self, Stack};
pub(crate) use parts::Status;
use parts::{FunctionStatus, Known, LastUpdate, RolloutStatus, StackStatus};

/// Shows the status. A part that cannot be read is shown as unknown, because the other parts help in an
/// incident. If the stack cannot be read, the exit code is 1.
///
/// # Errors
///
/// If there is no stack, or if neither the stack nor the functions nor the last update can be read.
pub(crate) async fn run(args: &EnvironmentArgs) -> anyhow::Result<ExitCode> {
    let environment = args.environment;
    let aws = Aws::to_read(&args.aws).await?;
    let now = Timestamp::now();
    let client = aws.cloudformation();
    let name = names::stack(environment);
    let (stack, api, update, running, alarms, last_update) = tokio::join!(
        stack::describe(&client, &name),
        FunctionStatus::read(&aws, environment, Function::Api),
        FunctionStatus::read(&aws, environment, Function::Update),
        codedeploy::find_running(&aws, environment),
        alarms::read_all(&aws, environment),
        LastUpdate::read(&aws, environment, now),
    );
    let (stack, exit) = match stack {
        Ok(None) => return Err(stack::not_found(&aws, environment).into()),
        Ok(Some(stack)) => (Ok(stack), ExitCode::SUCCESS),
        Err(error) if api.is_err() && update.is_err() && last_update.is_err() => {
            return Err(error.into());
        }
        Err(error) => (Err(error.into()), ExitCode::from(Exit::Failed.code())),
    };
    let live = api.as_ref().ok().map(|api| &*api.version);
    let deployment = match &stack {
        Ok(stack) => read_deployment(&aws, stack, environment, live).await,
        Err(_) => Err(anyhow::anyhow!("the stack could not be read")),
    };
    let rollout = running.map(|id| id.map(|id| RolloutStatus::new(id, api.as_ref().ok())));
    let status = Status {
        environment: environment.name(),
        region: aws.region().to_owned(),
        stack: Known::from(stack.map(|stack| StackStatus::new(stack, environment))),
        deployment: Known::from(deployment),
        api: Known::from(api),
        update: Known::from(update),
        rollout: Known::from(rollout),
        alarms: Known::from(alarms.map_err(anyhow::Error::from)),
        last_update: Known::from(last_update),
    };
    match args.output {
        OutputFormat::Json => print_event(&status)?,
        OutputFormat::Text => output::text(&screen::text(&status))?,
    }
    Ok(exit)
}

/// Reads the record of the deployment whose version of the API is live. If no record names this version,
/// reads the newest record that names any versions.
async fn read_deployment(
    aws: &Aws,
    stack: &Stack,
    environment: Environment,
    live: Option<&str>,
) -> anyhow::Result<Option<RecordedDeployment>> {
    let bucket = Bucket::in_account(aws, stack.account(), environment);
    let record =
        deployment_records::find_by_version_or_newest(&bucket, Function::Api, live).await?;
    Ok(record.map(RecordedDeployment::from))
}
