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

/// The longest wait for a restored table. A rerun continues with a table that takes longer.
const RESTORE_LIMIT: Duration = Duration::from_hours(2);

/// Restores the table as of a time under another name, copies keys that are missing now, and
/// deletes the restored table. An interrupted or failed command leaves it to a rerun.
pub(super) async fn restore(args: &KeysRestoreArgs) -> anyhow::Result<()> {
    let time = Timestamp::parse(&args.from_time).map_err(|error| {
        Failure::usage(format!("--from-time cannot be used: {error}"))
            .hint("pass a time such as 2026-01-15T10:00:00Z")
    })?;
    let settings = args.table.environment.settings();
    let aws = Aws::to_change_data(&args.table.aws, &settings).await?;
    let keys = KeysTable::new(&args.table, &aws);
    if !args.yes && !at_terminal() {
        // Fails before the restore, because no operator can confirm the copy.
        let question = Question::new(String::new());
        return question.agreed(false, "no key was restored").await;
    }
    let restored = RestoredTable::new(&keys, aws.dynamodb(), time);
    let left = restored.left();
    let interrupt = Interrupt::listen(move || -> Infallible {
        failure::print(&Failure::new("stopped at once").hint(left).into());
        std::process::exit(i32::from(Exit::Failed.code()))
    });
    let interrupted = || Failure::new("interrupted").hint(restored.left()).into();
    interrupt.run(interrupted, restored.begin()).await?;
    let copied = async {
        restored.wait().await?;
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
            output::progress(restored.left());
            Err(error)
        }
    }
}

/// The table as of a time, under a name that a rerun with the same time finds again.
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

    /// Names the two ways out while the table exists.
    fn left(&self) -> String {
        format!(
            "{0} may be left: rerun to continue with it, or delete it with `aws dynamodb delete-table --table-name {0}`",
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

    /// Starts the restore, or finds the table of an earlier run.
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
                .hint("wait until it is deleted, or delete it; then rerun")
                .into());
            }
            output::progress(format_args!("continuing with {name} of an earlier run"));
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
                         point-in-time recovery is on, and the earliest and the latest time"
                    ))
                }
                Some("TableNotFoundException") => {
                    failure.hint("restore the deleted table as docs/operating.md describes")
                }
                _ => failure,
            }
        })?;
        output::progress(format_args!("restoring {source} as of {time} to {name}"));
        Ok(())
    }

    /// Waits until the table can be read, and gives it the environment's tags, which a restore
    /// does not bring along:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html>.
    async fn wait(&self) -> anyhow::Result<()> {
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

    async fn delete(&self) -> anyhow::Result<()> {
        let call = self.client.delete_table().table_name(&self.name).send();
        call.await.map_err(|error| {
            explain(format_args!("delete {}", self.name), &error).hint(self.left())
        })?;
        output::progress(format_args!("{} is deleted", self.name));
        Ok(())
    }
}

/// Shows the keys that are missing, asks, and stores them. No key that exists is changed.
async fn copy_missing(
    args: &KeysRestoreArgs,
    keys: &KeysTable<'_>,
    restored: &RestoredTable<'_>,
) -> anyhow::Result<()> {
    let store = Store::new(restored.client.clone(), &restored.name);
    let then = store.list_api_keys().await;
    let then = then.map_err(|error| keys.explain("list the restored keys", &error))?;
    let now = keys.store.list_api_keys().await;
    let now = now.map_err(|error| keys.explain("list the keys", &error))?;
    let existing: BTreeSet<&str> = now.iter().map(Listed::key_id).collect();
    let mut missing: Vec<&ApiKey> = Vec::new();
    for listed in &then {
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
    if missing.is_empty() {
        output::progress(format_args!(
            "nothing to restore: of the {} keys as of {time}, none that you asked for is missing",
            then.len()
        ));
        return Ok(());
    }
    let count = missing.len();
    output::message(format_args!(
        "{count} keys as of {time} are missing:\n{}",
        read::table_of(&missing)
    ));
    let environment = args.table.environment;
    let text = format!("Restore these {count} keys of {environment}, as they were at {time}?");
    let question = Question::before_changing(environment, text);
    question.agreed(args.yes, "no key was restored").await?;
    for key in missing {
        let created = keys.store.create_api_key(key).await;
        let id = &key.key_id;
        match created.map_err(|error| keys.explain("restore a key", &error))? {
            Created::Created => changed::print(&args.table, id.as_str(), "restored")?,
            Created::AlreadyExists => {
                output::progress(format_args!("{id} exists by now and stays as it is"));
            }
        }
    }
    Ok(())
}
