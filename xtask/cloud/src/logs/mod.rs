//! `cargo xtask logs`: what a function has written.

mod tail;

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, sleep};
use xtask::cloud::LogsArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::{FailedCall, FailureKind};
use crate::retry::{RETRY_LIMIT, next_pause};
use crate::times::of_milliseconds;
use tail::{LogEvent, Tail};

/// `CloudWatch` Logs allows an account few searches a second, all together.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Runs the command.
pub(crate) async fn run(args: &LogsArgs) -> anyhow::Result<ExitCode> {
    refuse_missing(args.target.environment, args.function)?;
    let aws = Aws::to_read(&args.target.aws).await?;
    let search = Search {
        client: aws.cloudwatch_logs(),
        group: names::function_log_group(args.function, args.target.environment),
        args,
    };
    let since = i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let mut tail = Tail::new(now_ms().saturating_sub(since).max(0));
    if args.follow {
        tokio::select! {
            followed = search.follow(&mut tail) => followed?,
            // Nothing is under way that would have to be ended in good order.
            _ = tokio::signal::ctrl_c() => {}
        }
    } else {
        search.print_new(&mut tail).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a function that the environment never has.
fn refuse_missing(environment: Environment, function: Function) -> Result<(), Failure> {
    let settings = environment.settings();
    if settings.has_function(function) {
        return Ok(());
    }
    let others: Vec<&str> = Function::ALL
        .into_iter()
        .filter(|function| settings.has_function(*function))
        .map(Function::name)
        .collect();
    Err(Failure::usage(format!(
        "{environment} has no pre-traffic check and no probe, and so no function {}",
        function.name()
    ))
    .hint(format!("pass --function {}", others.join(" or "))))
}

/// Whether there is somebody who reads.
#[derive(PartialEq, Eq)]
enum Reader {
    Reads,
    HasGone,
}

/// The reason for which nothing was printed.
enum NotPrinted {
    Call(FailedCall),
    Output(anyhow::Error),
}

impl From<anyhow::Error> for NotPrinted {
    fn from(error: anyhow::Error) -> Self {
        NotPrinted::Output(error)
    }
}

impl From<NotPrinted> for anyhow::Error {
    fn from(error: NotPrinted) -> Self {
        match error {
            NotPrinted::Call(failed) => failed.into(),
            NotPrinted::Output(error) => error,
        }
    }
}

/// Where is searched, and for what.
struct Search<'a> {
    client: Client,
    group: String,
    args: &'a LogsArgs,
}

impl Search<'_> {
    /// Prints for as long as there is a reader. Waits out throttling and a lost connection,
    /// with one warning each time.
    async fn follow(&self, tail: &mut Tail) -> anyhow::Result<()> {
        // What is wrong with the very first search stays wrong.
        let mut printed = self.print_new(tail).await?;
        let mut lost_since: Option<Instant> = None;
        let mut pause = POLL_INTERVAL;
        while printed == Reader::Reads {
            sleep(pause).await;
            match self.print_new(tail).await {
                Ok(reader) => {
                    lost_since = None;
                    pause = POLL_INTERVAL;
                    printed = reader;
                }
                Err(NotPrinted::Call(failed)) if failed.kind == FailureKind::Transient => {
                    match lost_since {
                        Some(since) if since.elapsed() >= RETRY_LIMIT => return Err(failed.into()),
                        Some(_) => {}
                        None => output::progress(format_args!(
                            "warning: {}; trying again",
                            failed.failure
                        )),
                    }
                    lost_since.get_or_insert_with(Instant::now);
                    pause = next_pause(pause);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Prints what has not been printed yet. AWS sorts the events by time over
    /// all streams and pages, so that a page is printed when it is there.
    async fn print_new(&self, tail: &mut Tail) -> Result<Reader, NotPrinted> {
        tail.search_at(now_ms());
        let mut pages = self
            .client
            .filter_log_events()
            .log_group_name(&self.group)
            .start_time(tail.begins_ms())
            .set_filter_pattern(self.args.filter.clone())
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let FailedCall { kind, failure } =
                    FailedCall::new(&format!("read the log {}", self.group), &error);
                let failure = self.with_way_out(failure, error.as_service_error());
                NotPrinted::Call(FailedCall { kind, failure })
            })?;
            let events = page.events.unwrap_or_default().into_iter();
            for event in tail.unseen(events.map(LogEvent::from)) {
                if !output::reaches_reader(&self.line(&event)?)? {
                    return Ok(Reader::HasGone);
                }
            }
        }
        Ok(Reader::Reads)
    }

    fn with_way_out(&self, failure: Failure, refused: Option<&FilterLogEventsError>) -> Failure {
        let environment = self.args.target.environment;
        match refused {
            Some(FilterLogEventsError::ResourceNotFoundException(_)) => failure.hint(format!(
                "deploy first (`cargo xtask deploy --env {environment}`), or give the --region, --profile or --endpoint-url where the function is"
            )),
            Some(FilterLogEventsError::InvalidParameterException(_))
                if self.args.filter.is_some() =>
            {
                failure.hint("check --filter: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html")
            }
            _ => failure,
        }
    }

    fn line(&self, event: &LogEvent) -> anyhow::Result<String> {
        match self.args.target.output {
            OutputFormat::Text => Ok(format!(
                "{}  {}\n",
                of_milliseconds(event.time_ms),
                output::one_line(event.message.trim_end())
            )),
            OutputFormat::Json => output::to_json_line(&Printed {
                time: of_milliseconds(event.time_ms),
                stream: &event.stream,
                message: event.message.trim_end(),
            }),
        }
    }
}

/// What a machine reads of an event.
#[derive(Serialize)]
struct Printed<'a> {
    /// RFC 3339, with milliseconds.
    time: String,
    stream: &'a str,
    message: &'a str,
}

fn now_ms() -> i64 {
    Timestamp::now().unix_seconds().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_the_environment_never_has_is_refused_with_those_that_it_has() {
        let refused = refuse_missing(Environment::Dev, Function::Verify).expect_err("dev");
        assert_eq!(
            refused.to_string(),
            "dev has no pre-traffic check and no probe, and so no function verify"
        );
        assert_eq!(refused.hint_text(), Some("pass --function api or update"));
        for function in Function::ALL {
            refuse_missing(Environment::Prod, function).expect("prod has every function");
        }
    }
}
