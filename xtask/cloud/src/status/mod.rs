//! `cargo xtask status`: how an environment is, on one screen.

mod alarms;
mod parts;
mod screen;

use std::process::ExitCode;

use contract::Function;
use shared::timestamp::Timestamp;
use xtask::cloud::StatusArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::stack;
use parts::{FunctionStatus, Known, LastUpdate, Rollout, StackStatus, Status};

/// Runs the command. Only a stack that cannot be read ends it: of anything else
/// it says that it is not known, because half a screen helps in an incident.
pub(crate) async fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let environment = args.target.environment;
    let aws = Aws::to_read(&args.target.aws).await?;
    let now = Timestamp::now();
    let (stack, api, update, deployment, alarms, last_update) = tokio::join!(
        stack::deployed::read(&aws, environment),
        FunctionStatus::read(&aws, environment, Function::Api),
        FunctionStatus::read(&aws, environment, Function::Update),
        crate::shift::under_way(&aws, environment),
        alarms::read(&aws, environment),
        LastUpdate::read(&aws, environment, now),
    );
    let rollout = deployment.map(|id| id.map(|id| Rollout::new(id, api.as_ref().ok())));
    let status = Status {
        environment: environment.name(),
        region: aws.region().to_owned(),
        stack: StackStatus::from(stack?),
        api: Known::from(api),
        update: Known::from(update),
        rollout: Known::from(rollout),
        alarms: Known::from(alarms),
        last_update: Known::from(last_update),
    };
    match args.target.output {
        OutputFormat::Json => output::json_line(&status)?,
        OutputFormat::Text => output::text(&screen::text(&status))?,
    }
    Ok(ExitCode::SUCCESS)
}
