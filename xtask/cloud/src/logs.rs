//! `cargo xtask logs`: the logs of the functions, by time.

mod line;
mod tail;

use std::collections::VecDeque;
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
use crate::keys::key_id;
use crate::polling;
use crate::report::event_line;
use crate::times::from_milliseconds;
use tail::{LogEvent, Tail};

/// The pause between two searches. CloudWatch Logs throttles more than a few searches per second and
/// account.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let functions = functions(args.target.environment, args.function)?;
    let aws = Aws::to_read(&args.target.aws).await?;
    let search = Search {
        client: aws.cloudwatch_logs(),
        pattern: filter_pattern(args)?,
        args,
    };
    let since = i64::try_from(args.since.as_millis()).unwrap_or(i64::MAX);
    let begins_ms = now_ms().saturating_sub(since).max(0);
    let mut logs: Vec<Log> = functions
        .into_iter()
        .map(|function| Log {
            function,
            group: names::function_log_group(function, args.target.environment),
            tail: Tail::new(begins_ms),
            events: VecDeque::new(),
        })
        .collect();
    if args.follow {
        tokio::select! {
            followed = search.follow(&mut logs) => followed?,
            _ = tokio::signal::ctrl_c() => {}
        }
    } else {
        search.print_new(&mut logs).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the chosen function, or all functions that the environment has.
fn functions(environment: Environment, chosen: Option<Function>) -> Result<Vec<Function>, Failure> {
    let settings = environment.settings();
    let functions = Function::ALL.into_iter();
    let mut functions: Vec<_> = functions
        .filter(|function| settings.has_function(*function))
        .collect();
    let Some(chosen) = chosen else {
        return Ok(functions);
    };
    if !functions.contains(&chosen) {
        let others: Vec<&str> = functions.into_iter().map(Function::name).collect();
        return Err(Failure::usage(format!(
            "{environment} has no pre-traffic check and no probe, and so no function {}",
            chosen.name()
        ))
        .hint(format!("pass --function {}", others.join(" or "))));
    }
    functions.retain(|function| *function == chosen);
    Ok(functions)
}

/// Returns the pattern that events must match; `None` for all events.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
fn filter_pattern(args: &LogsArgs) -> Result<Option<String>, Failure> {
    // Text in quotes also matches lines that are not JSON, such as Lambda's own.
    if let Some(id) = &args.request_id {
        return Ok(Some(format!("\"{id}\"")));
    }
    let mut conditions = Vec::new();
    if let Some(statuses) = &args.status {
        let (first, last) = (statuses.start(), statuses.end());
        conditions.push(format!("$.status >= {first} && $.status <= {last}"));
    }
    if let Some(key) = &args.key {
        // The log contains the masked id, which ends with asterisks. In a pattern, they match any end.
        let masked = key_id(key)?.masked();
        conditions.push(format!("$.keyId = \"{masked}\""));
    }
    if conditions.is_empty() {
        return Ok(args.filter.clone());
    }
    Ok(Some(format!("{{ {} }}", conditions.join(" && "))))
}

struct Log {
    function: Function,
    group: String,
    tail: Tail,
    /// The events that were found but not printed yet, sorted by time.
    events: VecDeque<LogEvent>,
}

struct Search<'a> {
    client: Client,
    pattern: Option<String>,
    args: &'a LogsArgs,
}

impl Search<'_> {
    /// Prints new events while stdout has a reader. Retries after throttling and lost connections,
    /// with one warning for each such outage.
    async fn follow(&self, logs: &mut [Log]) -> anyhow::Result<()> {
        let warn = |text: &str| {
            output::progress(format_args!("warning: {text}"));
            Ok(())
        };
        // A failed first search is not retried, because wrong arguments or permissions are likely.
        let mut has_reader = self.print_new(logs).await?;
        while has_reader {
            sleep(POLL_INTERVAL).await;
            let search = async || self.print_new(logs).await;
            has_reader = polling::while_transient(warn, search).await?;
        }
        Ok(())
    }

    /// Prints the events of all logs that were not printed yet, sorted by time. AWS sorts the events of
    /// each log, across streams and pages, so only the first unprinted event of each log is compared.
    /// Returns false if stdout no longer has a reader.
    async fn print_new(&self, logs: &mut [Log]) -> Result<bool, FailedCall> {
        let now = now_ms();
        let mut searches = Vec::new();
        for log in &mut *logs {
            log.tail.prepare_search(now);
            let call = self.client.filter_log_events();
            let call = call
                .log_group_name(&log.group)
                .start_time(log.tail.begins_ms())
                .set_filter_pattern(self.pattern.clone());
            searches.push(Some(call.into_paginator().send()));
        }
        loop {
            for (log, search) in logs.iter_mut().zip(&mut searches) {
                while log.events.is_empty()
                    && let Some(pages) = search
                {
                    let Some(page) = pages.next().await else {
                        *search = None;
                        break;
                    };
                    let page = page.map_err(|error| {
                        let attempted = format_args!("read the log {}", log.group);
                        let FailedCall { kind, failure } = FailedCall::new(attempted, &error);
                        let failure = self.with_hint(failure, error.as_service_error());
                        FailedCall { kind, failure }
                    })?;
                    let events = page.events.unwrap_or_default().into_iter();
                    log.events = log.tail.unseen(events.map(LogEvent::from)).into();
                }
            }
            let next = logs
                .iter_mut()
                .filter_map(|log| Some((log.events.front()?.time_ms, log)))
                .min_by_key(|(time_ms, _)| *time_ms);
            let Some((_, log)) = next else {
                return Ok(true);
            };
            if let Some(event) = log.events.pop_front()
                && let Some(line) = self.line(log.function, &event)?
                && !output::reaches_reader(&line)?
            {
                return Ok(false);
            }
        }
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

    /// Formats an event. Returns `None` for a routine event, which text output omits.
    fn line(&self, function: Function, event: &LogEvent) -> anyhow::Result<Option<String>> {
        let time = from_milliseconds(event.time_ms);
        let function = function.name();
        let message = event.message.trim_end();
        match self.args.target.output {
            OutputFormat::Text if self.args.filter.is_none() && line::is_routine(message) => {
                Ok(None)
            }
            OutputFormat::Text => {
                let message = output::one_line(line::readable(message));
                Ok(Some(format!("{time}  {function:<6}  {message}\n")))
            }
            OutputFormat::Json => event_line(&LogLine {
                time,
                function,
                stream: &event.stream,
                message,
            })
            .map(Some),
        }
    }
}

/// One event of a function's log.
#[derive(Serialize)]
pub(crate) struct LogLine<'a> {
    /// The time of the log event, RFC 3339 with milliseconds.
    time: String,
    function: &'a str,
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
                time: from_milliseconds(1_768_473_000_007),
                function: "update",
                stream: "2026/01/15/crypto-watch-update-prod[7]0a1b2c3d",
                message: r#"{"level":"INFO","message":"update done"}"#,
            })]
        }
    }

    #[test]
    fn a_function_that_an_environment_lacks_is_refused_with_a_hint() {
        let refused = functions(Environment::Dev, Some(Function::Verify)).expect_err("dev");
        assert_eq!(
            refused.to_string(),
            "dev has no pre-traffic check and no probe, and so no function verify"
        );
        assert_eq!(refused.hint_text(), Some("pass --function api or update"));
        let all = functions(Environment::Prod, None).expect("prod has every function");
        assert_eq!(all, Function::ALL);
    }
}
