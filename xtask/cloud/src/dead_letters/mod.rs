//! `cargo xtask dead-letters`: the updates that were given up.

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
use crate::aws_error::explain;
use crate::confirm::Question;
use crate::table;

mod letter;

use letter::Letter;

const HEADINGS: [&str; 4] = ["SENT", "FROM", "CODE", "ERROR"];

/// The most messages that are read: one update in five minutes for 14 days is
/// four times as many, and nobody reads more than the first page.
const MOST: usize = 1_000;

/// The most messages of one call.
const BATCH: i32 = 10;

/// How long a message that was read is kept from the next call, in seconds:
/// longer than reading all of them takes. They are given back before that.
const HIDDEN_SECONDS: i32 = 60;

/// How long a call waits for messages, in seconds. With any wait SQS asks all
/// its servers, and an empty answer means that nothing is there.
const WAIT_SECONDS: i32 = 1;

/// Runs one command.
pub(crate) async fn run(command: &DeadLettersCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::Show(args) => show(&args.target).await?,
        DeadLettersCommand::Purge(args) => purge(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The queue of one environment.
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
                        "deploy first (`cargo xtask deploy --env {}`), or give the --region where the queue is",
                        target.environment
                    ))
                    .into());
            }
            Err(error) => return Err(explain(&format!("find the queue {name}"), &error).into()),
        };
        Ok(Self { client, name, url })
    }

    /// Every message that is there, as far as [`MOST`] goes.
    async fn read(&self) -> anyhow::Result<Vec<Message>> {
        let mut messages = Vec::new();
        while messages.len() < MOST {
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
                .map_err(|error| explain(&format!("read {}", self.name), &error))?;
            let batch = answer.messages.unwrap_or_default();
            if batch.is_empty() {
                break;
            }
            messages.extend(batch);
        }
        Ok(messages)
    }

    /// Lets messages be read again at once. Where that fails, they come back by
    /// themselves a little later.
    async fn give_back(&self, messages: &[Message]) {
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
            // Nothing is missing in them: every message has a receipt handle.
            let Ok(entries) = entries else { continue };
            let given_back = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await;
            if let Err(error) = given_back {
                output::progress(format_args!(
                    "warning: {}; they can be read again in {HIDDEN_SECONDS} seconds",
                    explain("give the messages back", &error)
                ));
                return;
            }
        }
    }

    /// About how many messages there are, as SQS counts them.
    async fn count(&self) -> anyhow::Result<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|error| explain(&format!("count what is in {}", self.name), &error))?;
        let count = answer.attributes.and_then(|mut all| all.remove(&name));
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }
}

async fn show(target: &EnvironmentArgs) -> anyhow::Result<()> {
    let queue = Queue::open(target, &Aws::to_read(&target.aws).await?).await?;
    let messages = queue.read().await?;
    queue.give_back(&messages).await;
    // SQS may deliver a message more than once.
    let letters: BTreeMap<_, _> = messages
        .iter()
        .map(Letter::of)
        .map(|letter| (letter.order(), letter))
        .collect();
    if letters.is_empty() {
        output::progress(format_args!("{} is empty", queue.name));
        return Ok(());
    }
    if messages.len() >= MOST {
        output::progress(format_args!("there may be more than these {MOST}"));
    }
    match target.output {
        OutputFormat::Json => letters.values().try_for_each(output::json_line),
        OutputFormat::Text => {
            let headings = std::iter::once(HEADINGS.map(str::to_owned));
            let rows = headings.chain(letters.values().map(Letter::cells));
            output::text(&table::text(rows))
        }
    }
}

/// What a purge prints for scripts.
#[derive(Serialize)]
struct Purged<'a> {
    queue: &'a str,
    purged: u64,
}

async fn purge(args: &DeadLettersPurgeArgs) -> anyhow::Result<()> {
    let settings = args.target.environment.settings();
    let aws = Aws::to_change_data(&args.target.aws, &settings).await?;
    let queue = Queue::open(&args.target, &aws).await?;
    let purged = queue.count().await?;
    let text = format!("Remove the {purged} messages of {} for good?", queue.name);
    let question = Question::before_changing(args.target.environment, text);
    question.agreed(args.yes, "nothing was removed").await?;
    let call = queue.client.purge_queue().queue_url(&queue.url).send();
    call.await.map_err(|error| {
        let in_progress = error
            .as_service_error()
            .is_some_and(PurgeQueueError::is_purge_queue_in_progress);
        let failure = explain(&format!("purge {}", queue.name), &error);
        if in_progress {
            failure.hint("SQS purges a queue once a minute: wait for one, then try again")
        } else {
            failure
        }
    })?;
    output::progress(format_args!(
        "{} is being emptied, which takes up to a minute",
        queue.name
    ));
    match args.target.output {
        OutputFormat::Text => Ok(()),
        OutputFormat::Json => output::json_line(&Purged {
            queue: &queue.name,
            purged,
        }),
    }
}
