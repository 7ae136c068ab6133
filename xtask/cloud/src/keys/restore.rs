//! `cargo xtask keys restore`: copies missing keys from a point-in-time restore of the table.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::primitives::DateTime;
use aws_sdk_dynamodb::types::{TableDescription, TableStatus, Tag};
use shared::api_key::ApiKey;
use shared::store::{Created, Listed, Store};
use shared::timestamp::Timestamp;
use xtask::cloud::KeysRestoreArgs;
use xtask::failure::{self, Exit, Failure};
use xtask::output;

use super::table::KeysTable;
use super::{changed, read};
use crate::aws::Aws;
use crate::aws_error::{Explained as _, explain};
use crate::confirm::{Question, at_terminal};
use crate::interrupt::Interrupt;
use crate::polling;

/// The longest wait for the restored table. If the restore takes longer, a rerun waits for the same
/// table again.
const RESTORE_LIMIT: Duration = Duration::from_hours(2);

/// Restores an earlier state of the table under another name, copies the keys that the current table
/// lacks, and deletes the restored table. After a failure or an interruption, the restored table stays
/// for a rerun.
pub(super) async fn restore(args: &KeysRestoreArgs) -> anyhow::Result<()> {
    let time = Timestamp::parse(&args.from_time).map_err(|error| {
        Failure::usage(format!("--from-time cannot be used: {error}"))
            .hint("pass a time such as 2026-01-15T10:00:00Z")
    })?;
    let settings = args.table.environment.settings();
    let aws = Aws::to_change_data(&args.table.aws, &settings).await?;
    let keys = KeysTable::new(&args.table, &aws);
    if !args.yes && !at_terminal() {
        // Without a terminal, the operator cannot confirm the copy, so no restore is started.
        let question = Question::new(String::new());
        return question.agreed(false, "no key was restored").await;
    }
    let restored = RestoredTable::new(&keys, aws.dynamodb(), time);
    let hint = restored.leftover_hint();
    let interrupt = Interrupt::listen(move || -> Infallible {
        failure::print(&Failure::new("stopped at once").hint(hint).into());
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    let interrupted = || {
        Failure::new("interrupted")
            .hint(restored.leftover_hint())
            .into()
    };
    interrupt.run(interrupted, restored.begin()).await?;
    let copied = async {
        restored.wait_and_tag().await?;
        copy_missing(args, &keys, &restored).await
    };
    match interrupt
        .run(|| Failure::new("interrupted").into(), copied)
        .await
    {
        Ok(()) => restored.delete().await,
        Err(error) if failure::exit_of(&error) == Exit::Declined => {
            restored.delete().await?;
            Err(error)
        }
        Err(error) => {
            output::progress(restored.leftover_hint());
            Err(error)
        }
    }
}

/// A restored table: an earlier state of the table under another name. The name contains the time of
/// the state, so that a rerun with the same time finds the restored table.
struct RestoredTable<'a> {
    keys: &'a KeysTable<'a>,
    client: Client,
    name: String,
    time: Timestamp,
}

impl<'a> RestoredTable<'a> {
    fn new(keys: &'a KeysTable<'a>, client: Client, time: Timestamp) -> Self {
        let digits = time.to_string().replace([':', '-'], "");
        RestoredTable {
            keys,
            client,
            name: format!("{}-restored-{digits}", keys.name),
            time,
        }
    }

    /// Returns the hint for the operator if the restored table may still exist.
    fn leftover_hint(&self) -> String {
        format!(
            "{0} may still exist: rerun the same command to continue with it, or delete it with `aws dynamodb delete-table --table-name {0}`",
            self.name
        )
    }

    async fn describe(&self) -> anyhow::Result<Option<TableDescription>> {
        let call = self.client.describe_table().table_name(&self.name);
        match call.send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(explain(format_args!("describe {}", self.name), &error).into()),
        }
    }

    /// Starts the restore, unless an earlier run has started it.
    async fn begin(&self) -> anyhow::Result<()> {
        let (source, name, time) = (&self.keys.name, &self.name, self.time);
        if let Some(found) = self.describe().await? {
            let is_ours = found.restore_summary().is_some_and(|summary| {
                summary.restore_date_time.secs() == time.unix_seconds()
                    && summary
                        .source_table_arn()
                        .is_some_and(|arn| arn.ends_with(&format!(":table/{source}")))
            });
            if !is_ours || found.table_status == Some(TableStatus::Deleting) {
                return Err(Failure::new(format!(
                    "{name} exists and is not a usable restore of {source}"
                ))
                .hint("delete it, or wait until its deletion ends; then rerun")
                .into());
            }
            output::progress(format_args!(
                "continuing with {name}, which an earlier run restored"
            ));
            return Ok(());
        }
        let call = self
            .client
            .restore_table_to_point_in_time()
            .source_table_name(source)
            .target_table_name(name)
            .restore_date_time(DateTime::from_secs(time.unix_seconds()));
        call.send().await.map_err(|error| {
            let failure = explain(format_args!("restore {source} as of {time}"), &error);
            match error.code() {
                Some("InvalidRestoreTimeException" | "PointInTimeRecoveryUnavailableException") => {
                    failure.hint(format!(
                        "`aws dynamodb describe-continuous-backups --table-name {source}` shows whether \
                         point-in-time recovery is on, and the earliest and the latest time that can be restored"
                    ))
                }
                Some("TableNotFoundException") => {
                    failure.hint("restore the table as docs/operating.md#replace-a-deleted-table describes")
                }
                _ => failure,
            }
        })?;
        output::progress(format_args!("restoring {source} as of {time} to {name}"));
        Ok(())
    }

    /// Waits until the table can be read, and adds the environment's tags, which a restore does not
    /// copy:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html>.
    async fn wait_and_tag(&self) -> anyhow::Result<()> {
        let what = format!("restoring {}", self.name);
        let table = polling::wait(RESTORE_LIMIT, what, async || {
            let table = self.describe().await?;
            Ok(table.filter(|table| table.table_status == Some(TableStatus::Active)))
        });
        let table = table.await?;
        let tags = self.keys.args.environment.tags().map();
        let tags = tags
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        let call = self
            .client
            .tag_resource()
            .set_resource_arn(table.table_arn)
            .set_tags(Some(tags.collect::<Result<_, _>>()?));
        call.send()
            .await
            .explained(format_args!("tag {}", self.name))?;
        Ok(())
    }

    /// Begins the deletion of the restored table, and does not wait for its end.
    async fn delete(&self) -> anyhow::Result<()> {
        let call = self.client.delete_table().table_name(&self.name).send();
        call.await.map_err(|error| {
            explain(format_args!("delete {}", self.name), &error).hint(self.leftover_hint())
        })?;
        output::progress(format_args!("deleting {}", self.name));
        Ok(())
    }
}

/// Shows the missing keys and, after a confirmation, stores them. Does not change existing keys.
async fn copy_missing(
    args: &KeysRestoreArgs,
    keys: &KeysTable<'_>,
    restored: &RestoredTable<'_>,
) -> anyhow::Result<()> {
    let store = Store::new(restored.client.clone(), &restored.name);
    let restored_keys = store.list_api_keys().await;
    let restored_keys =
        restored_keys.map_err(|error| keys.explain("list the restored keys", &error))?;
    let current_keys = keys.store.list_api_keys().await;
    let current_keys = current_keys.map_err(|error| keys.explain("list the keys", &error))?;
    let existing: BTreeSet<&str> = current_keys.iter().map(Listed::key_id).collect();
    let mut missing: Vec<&ApiKey> = Vec::new();
    for listed in &restored_keys {
        let id = listed.key_id();
        let is_wanted = args.keys.is_empty() || args.keys.iter().any(|wanted| wanted == id);
        match listed {
            _ if existing.contains(id) || !is_wanted => {}
            Listed::Key(key) => missing.push(key),
            Listed::Malformed { error, .. } => {
                output::progress(format_args!("warning: {id} cannot be restored: {error}"));
            }
        }
    }
    let time = restored.time;
    for wanted in &args.keys {
        if existing.contains(&**wanted) {
            output::progress(format_args!("{wanted} exists now and is not changed"));
        } else if !restored_keys.iter().any(|key| key.key_id() == wanted) {
            output::progress(format_args!(
                "warning: {wanted} did not exist at {time}: check the id and --from-time"
            ));
        }
    }
    if missing.is_empty() {
        output::progress(format_args!(
            "nothing to restore: the table had {} at {time}",
            number_of_keys(restored_keys.len())
        ));
        return Ok(());
    }
    let count = number_of_keys(missing.len());
    output::message(format_args!(
        "{count} as of {time} can be restored:\n{}",
        read::table_of(&missing)
    ));
    let environment = args.table.environment;
    let text = format!("Restore {count} of {environment} as of {time}?");
    let question = Question::before_changing(environment, text);
    question.agreed(args.yes, "no key was restored").await?;
    for key in missing {
        let created = keys.store.create_api_key(key).await;
        let id = &key.key_id;
        match created.map_err(|error| keys.explain("restore a key", &error))? {
            Created::Created => changed::print(&args.table, id.as_str(), "restored")?,
            Created::AlreadyExists => {
                output::progress(format_args!("{id} exists now and is not changed"));
            }
        }
    }
    Ok(())
}

fn number_of_keys(count: usize) -> String {
    let noun = if count == 1 { "key" } else { "keys" };
    format!("{count} {noun}")
}
