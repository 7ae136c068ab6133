//! `cargo xtask dead-letters`: the messages in the dead-letter queue.

mod message;

use std::collections::BTreeMap;
use std::process::ExitCode;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::operation::purge_queue::PurgeQueueError;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName,
};
use infra::names;
use serde::Serialize;
use xtask::cloud::{DeadLettersCommand, DeadLettersPurgeArgs, EnvironmentArgs};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::output;

use crate::aws::Aws;
use crate::aws_error::{Explained as _, explain};
use crate::confirm::Question;
use crate::report::print_event;
use crate::table;
pub(crate) use message::DeadLetter;

const HEADINGS: [&str; 4] = ["SENT", "FROM", "CODE", "ERROR"];

/// The limit on messages that are read. The queue can hold four times as many: one failed update
/// every five minutes, kept for 14 days.
const MAX_MESSAGES: usize = 1_000;

/// SQS's limit on messages per call.
const BATCH: i32 = 10;

/// SQS's visibility timeout: the seconds for which a message is not returned again after it was read.
/// Reading all messages takes less time.
const HIDDEN_SECONDS: i32 = 60;

/// The seconds that a call waits for messages. With a wait, SQS queries all its servers, so that an
/// empty answer means an empty queue.
const WAIT_SECONDS: i32 = 1;

pub(crate) async fn run(command: &DeadLettersCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::Show(target) => show(target).await?,
        DeadLettersCommand::Purge(args) => purge(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

struct Queue {
    client: Client,
    name: String,
    url: String,
}

impl Queue {
    async fn open(target: &EnvironmentArgs, aws: &Aws) -> anyhow::Result<Self> {
        let client = aws.sqs();
        let name = names::dead_letters(target.environment);
        let found = client.get_queue_url().queue_name(&name).send().await;
        let url = match found {
            Ok(found) => found.queue_url.unwrap_or_default(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetQueueUrlError::is_queue_does_not_exist) =>
            {
                return Err(Failure::new(format!("there is no queue {name}"))
                    .hint(format!(
                        "deploy first (`cargo xtask deploy --env {}`), or pass the --region of the queue",
                        target.environment
                    ))
                    .into());
            }
            Err(error) => return Err(explain(format_args!("find the queue {name}"), &error).into()),
        };
        Ok(Self { client, name, url })
    }

    /// Reads the messages, up to [`MAX_MESSAGES`].
    async fn read(&self) -> anyhow::Result<Vec<Message>> {
        let mut messages = Vec::new();
        while messages.len() < MAX_MESSAGES {
            let answer = self
                .client
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(BATCH)
                .visibility_timeout(HIDDEN_SECONDS)
                .wait_time_seconds(WAIT_SECONDS)
                .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
                .message_attribute_names("All")
                .send()
                .await
                .explained(format_args!("read {}", self.name))?;
            let batch = answer.messages.unwrap_or_default();
            if batch.is_empty() {
                break;
            }
            messages.extend(batch);
        }
        Ok(messages)
    }

    /// Makes messages visible again. A failure is only a warning, because SQS makes the messages
    /// visible after [`HIDDEN_SECONDS`] anyway.
    async fn make_visible(&self, messages: &[Message]) {
        for batch in messages.chunks(BATCH.unsigned_abs() as usize) {
            let entries: Result<Vec<_>, _> = batch
                .iter()
                .enumerate()
                .map(|(at, message)| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(at.to_string())
                        .set_receipt_handle(message.receipt_handle.clone())
                        .visibility_timeout(0)
                        .build()
                })
                .collect();
            // Every received message has a receipt handle, so the entries are always complete.
            let Ok(entries) = entries else { continue };
            let changed = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await;
            if let Err(error) = changed {
                output::progress(format_args!(
                    "warning: {}; SQS makes them visible again within {HIDDEN_SECONDS} seconds",
                    explain("make the messages visible again", &error)
                ));
                return;
            }
        }
    }

    /// Reads the approximate number of messages.
    async fn count(&self) -> anyhow::Result<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(name.clone())
            .send()
            .await
            .explained(format_args!("count the messages in {}", self.name))?;
        let count = answer.attributes.and_then(|mut all| all.remove(&name));
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }
}

async fn show(target: &EnvironmentArgs) -> anyhow::Result<()> {
    let queue = Queue::open(target, &Aws::to_read(&target.aws).await?).await?;
    let messages = queue.read().await?;
    queue.make_visible(&messages).await;
    // The map drops duplicates: SQS can deliver a message more than once.
    let letters: BTreeMap<_, _> = messages
        .iter()
        .map(DeadLetter::new)
        .map(|letter| (letter.sort_key(), letter))
        .collect();
    if letters.is_empty() {
        output::progress(format_args!("{} is empty", queue.name));
        return Ok(());
    }
    if messages.len() >= MAX_MESSAGES {
        output::progress(format_args!(
            "there may be more than these {MAX_MESSAGES} messages"
        ));
    }
    match target.output {
        OutputFormat::Json => letters.values().try_for_each(print_event),
        OutputFormat::Text => {
            let headings = std::iter::once(HEADINGS.map(str::to_owned));
            let rows = headings.chain(letters.values().map(DeadLetter::cells));
            output::text(&table::text(rows))
        }
    }
}

/// A purge of the dead-letter queue, which takes up to a minute.
#[derive(Serialize)]
pub(crate) struct PurgedQueue<'a> {
    /// The name of the queue.
    queue: &'a str,
    /// The approximate number of messages before the purge.
    purged: u64,
}

async fn purge(args: &DeadLettersPurgeArgs) -> anyhow::Result<()> {
    let settings = args.target.environment.settings();
    let aws = Aws::to_change_data(&args.target.aws, &settings).await?;
    let queue = Queue::open(&args.target, &aws).await?;
    let purged = queue.count().await?;
    let text = format!(
        "Delete all messages in {} (about {purged}) permanently?",
        queue.name
    );
    let question = Question::before_changing(args.target.environment, text);
    question.agreed(args.yes, "nothing was deleted").await?;
    let call = queue.client.purge_queue().queue_url(&queue.url).send();
    call.await.map_err(|error| {
        let in_progress = error
            .as_service_error()
            .is_some_and(PurgeQueueError::is_purge_queue_in_progress);
        let failure = explain(format_args!("purge {}", queue.name), &error);
        if in_progress {
            failure.hint("SQS purges a queue once a minute: wait a minute, then rerun")
        } else {
            failure
        }
    })?;
    output::progress(format_args!(
        "{} is being purged, which takes up to a minute",
        queue.name
    ));
    match args.target.output {
        OutputFormat::Text => Ok(()),
        OutputFormat::Json => print_event(&PurgedQueue {
            queue: &queue.name,
            purged,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for PurgedQueue<'_> {
        fn examples() -> Vec<String> {
            vec![line(&PurgedQueue {
                queue: "crypto-watch-update-dead-letters-prod",
                purged: 3,
            })]
        }
    }
}
