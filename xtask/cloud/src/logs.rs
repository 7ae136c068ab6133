//! `cargo xtask logs`: a function's log.

mod tail;

use std::process::ExitCode;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use contract::Function;
use infra::{Environment, names};
use serde::Serialize;
use shared::timestamp::Timestamp;
use tokio::time::sleep;
use xtask::cloud::LogsArgs;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::FailedCall;
use crate::polling;
use crate::report::event_line;
use crate::times::of_milliseconds;
use tail::{LogEvent, Tail};

/// The time between two searches. `CloudWatch` Logs allows an account a few searches a second.
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
            _ = tokio::signal::ctrl_c() => {}
        }
    } else {
        search.print_new(&mut tail).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses a function that the environment does not have.
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

/// A search of one log.
struct Search<'a> {
    client: Client,
    group: String,
    args: &'a LogsArgs,
}

impl Search<'_> {
    /// Prints new events while stdout has a reader. Waits out throttling and a lost connection,
    /// with one warning each time.
    async fn follow(&self, tail: &mut Tail) -> anyhow::Result<()> {
        let warn = |text: &str| {
            output::progress(format_args!("warning: {text}"));
            Ok(())
        };
        // A failure of the first search is an error of the arguments or the permissions.
        let mut has_reader = self.print_new(tail).await?;
        while has_reader {
            sleep(POLL_INTERVAL).await;
            let search = async || self.print_new(tail).await;
            has_reader = polling::while_transient(warn, search).await?;
        }
        Ok(())
    }

    /// Prints the events that were not printed yet, page by page: AWS sorts the events of all
    /// streams and pages by time. Returns false if stdout has no reader any more.
    async fn print_new(&self, tail: &mut Tail) -> Result<bool, FailedCall> {
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
                let attempted = format_args!("read the log {}", self.group);
                let FailedCall { kind, failure } = FailedCall::new(attempted, &error);
                let failure = self.with_hint(failure, error.as_service_error());
                FailedCall { kind, failure }
            })?;
            let events = page.events.unwrap_or_default().into_iter();
            for event in tail.unseen(events.map(LogEvent::from)) {
                if !output::reaches_reader(&self.line(&event)?)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn with_hint(&self, failure: Failure, refused: Option<&FilterLogEventsError>) -> Failure {
        let environment = self.args.target.environment;
        match refused {
            Some(FilterLogEventsError::ResourceNotFoundException(_)) => failure.hint(format!(
                "deploy first (`cargo xtask deploy --env {environment}`), or pass the --region, --profile or --endpoint-url of the function"
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
            OutputFormat::Json => event_line(&LogLine {
                time: of_milliseconds(event.time_ms),
                stream: &event.stream,
                message: event.message.trim_end(),
            }),
        }
    }
}

/// One event of a function's log.
#[derive(Serialize)]
pub(crate) struct LogLine<'a> {
    /// RFC 3339, with milliseconds.
    time: String,
    /// The log stream, one per instance of the function.
    stream: &'a str,
    /// The text of the log event, which is JSON itself if the function wrote it.
    message: &'a str,
}

fn now_ms() -> i64 {
    Timestamp::now().unix_seconds().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for LogLine<'_> {
        fn examples() -> Vec<String> {
            vec![line(&LogLine {
                time: of_milliseconds(1_768_473_000_007),
                stream: "2026/01/15/crypto-watch-update-prod[7]0a1b2c3d",
                message: r#"{"level":"INFO","message":"update done"}"#,
            })]
        }
    }

    #[test]
    fn a_function_that_the_environment_does_not_have_is_refused_with_a_hint_to_the_others() {
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
