//! DynamoDB: serves dynoxide, an engine in this process, over HTTP.
//!
//! Unlike DynamoDB, the engine never throttles. Expired items are deleted within [`SWEEP_INTERVAL`]; in
//! DynamoDB, this takes up to some days.

use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::server::serve_with_shutdown;
use dynoxide::{Database, DynoxideError, ImportOptions};
use shared::history::Samples;
use shared::store::{Item, history_items};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use xtask::failure::Failure;
use xtask::output;

use crate::plan::TablePlan;
use crate::server::{self, Server, listen};

/// The time between two deletions of expired items.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The content of a new table.
pub enum Content {
    Empty,
    /// Samples of past prices and rates, by the partition key of their items.
    Past(Vec<(String, Samples)>),
}

/// The table that a command uses.
pub enum Table {
    /// A table that this process serves.
    Own(TableServer),
    /// The table at this base URL.
    At(String),
}

impl Table {
    /// Returns the table at `endpoint`. Without an endpoint, serves a table from `folder` or, if there
    /// is no folder, from memory. A new table gets `content`. The caller must be inside a tokio runtime.
    pub fn open(
        plan: &TablePlan,
        endpoint: Option<String>,
        folder: Option<&Path>,
        content: Content,
    ) -> anyhow::Result<Self> {
        Ok(match endpoint {
            Some(endpoint) => Self::At(endpoint),
            None => Self::Own(TableServer::start(plan, folder, content)?),
        })
    }

    /// Returns the base URL of the DynamoDB API.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Own(server) => &server.endpoint,
            Self::At(endpoint) => endpoint,
        }
    }

    /// Returns the address of the table if this process serves it.
    pub(crate) fn own_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Own(server) => server.endpoint.strip_prefix("http://")?.parse().ok(),
            Self::At(_) => None,
        }
    }

    /// Stops the server of this process, if there is one, after the open requests.
    pub async fn stop(self) {
        if let Self::Own(table) = self {
            table.sweeper.abort();
            table.server.stop().await;
        }
    }
}

pub struct TableServer {
    endpoint: String,
    server: Server,
    sweeper: JoinHandle<()>,
    /// The lock of the folder, held while the table is in use.
    _lock: Option<File>,
}

impl TableServer {
    fn start(plan: &TablePlan, folder: Option<&Path>, content: Content) -> anyhow::Result<Self> {
        let (database, lock) = match folder {
            None => (
                Database::memory().context("opening a table in memory")?,
                None,
            ),
            Some(folder) => {
                let (database, lock) = open(folder)?;
                (database, Some(lock))
            }
        };
        create(&database, plan, content).context("creating the table")?;
        let listener = listen(0)?;
        let endpoint = server::url(&listener)?;
        let served = database.clone();
        Ok(TableServer {
            endpoint,
            server: Server::spawn(|stop| async move {
                if let Err(error) = serve_with_shutdown(listener, served, stop).await {
                    output::progress(format_args!("error: serving the table: {error}"));
                }
            }),
            sweeper: tokio::spawn(sweep(database)),
            _lock: lock,
        })
    }
}

/// Opens the table in a folder and locks the folder against other local stacks.
fn open(folder: &Path) -> anyhow::Result<(Database, File)> {
    let failed = |reason: &dyn std::fmt::Display| {
        let message = format!("could not keep the table in {}: {reason}", folder.display());
        Failure::new(message)
            .hint("pass --persist with a writable folder on a disk that is not full")
    };
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let lock = File::create(folder.join("lock")).map_err(|error| failed(&error))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Failure::new(format!(
            "the table in {} is in use by another local stack",
            folder.display()
        ))
        .hint("stop the other local stack, or pass another folder to --persist"),
        TryLockError::Error(error) => failed(&error),
    })?;
    let path = folder.join("table.sqlite");
    let exists = path.exists();
    if exists {
        let access = File::options().read(true).write(true).open(&path);
        access.map_err(|error| failed(&error))?;
    }
    let text = path
        .to_str()
        .ok_or_else(|| failed(&"its name is not UTF-8"))?;
    let database = Database::new(text).map_err(|error| {
        if exists {
            // The engine's own message would not help an operator.
            Failure::new(format!(
                "{} is not a table of a local stack",
                path.display()
            ))
            .hint("move that file away, or pass another folder to --persist")
        } else {
            failed(&error)
        }
    })?;
    Ok((database, lock))
}

/// Creates the table of the template with `content`, unless the table exists.
fn create(database: &Database, plan: &TablePlan, content: Content) -> anyhow::Result<()> {
    match database.create_table(serde_json::from_value(plan.create.clone())?) {
        Ok(_) => {}
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    database.update_time_to_live(serde_json::from_value(plan.time_to_live.clone())?)?;
    if let Content::Past(past) = content {
        let items = past
            .iter()
            .flat_map(|(pk, samples)| history_items(pk, samples));
        let items = items.map(engine_item).collect();
        database.import_items(&plan.name, items, ImportOptions::default())?;
    }
    Ok(())
}

/// Converts an item of texts and numbers from the SDK's form to the engine's.
fn engine_item(item: Item) -> dynoxide::Item {
    let attributes = item.into_iter().filter_map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => dynoxide::AttributeValue::S(text),
            AttributeValue::N(number) => dynoxide::AttributeValue::N(number),
            _ => return None,
        };
        Some((name, value))
    });
    attributes.collect()
}

async fn sweep(database: Database) {
    let mut ticks = interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let database = database.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            output::progress(format_args!("error: deleting expired items: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use serde_json::{Value, json};
    use shared::decimal::Decimal;
    use shared::history::Slot;
    use shared::timestamp::Timestamp;

    fn count(database: &Database, table: &str) -> usize {
        let scan = json!({"TableName": table});
        database
            .scan(serde_json::from_value(scan).unwrap())
            .unwrap()
            .count
    }

    #[test]
    fn a_sweep_deletes_expired_items_and_keeps_the_others() {
        let plan = Plan::of_dev().unwrap().table;
        let database = Database::memory().unwrap();
        create(&database, &plan, Content::Empty).unwrap();
        for (key, ttl) in [
            ("expired", Some("1")),
            ("later", Some("99999999999")),
            ("never", None),
        ] {
            let mut item = json!({"PK": {"S": key}, "SK": {"S": key}});
            if let Some(ttl) = ttl {
                item["ttl"] = json!({"N": ttl});
            }
            let put: Value = json!({"TableName": plan.name, "Item": item});
            database
                .put_item(serde_json::from_value(put).unwrap())
                .unwrap();
        }
        assert_eq!(count(&database, &plan.name), 3);
        assert_eq!(database.sweep_ttl().unwrap(), 1);
        assert_eq!(count(&database, &plan.name), 2);
    }

    #[test]
    fn an_existing_table_keeps_its_content() {
        let plan = Plan::of_dev().unwrap().table;
        let database = Database::memory().unwrap();
        let past = |pk: &str| {
            let noon = Timestamp::parse("2026-01-15T12:00:00Z").unwrap();
            let price = Decimal::parse("1").unwrap();
            let samples = Samples::from([(Slot::of(noon), price)]);
            Content::Past(vec![(pk.to_owned(), samples)])
        };
        create(&database, &plan, past("PRICE#BTC")).unwrap();
        create(&database, &plan, past("PRICE#ETH")).unwrap();
        let scan = json!({"TableName": plan.name});
        let found = database.scan(serde_json::from_value(scan).unwrap());
        let found = serde_json::to_value(found.unwrap()).unwrap();
        assert_eq!(found["Count"], 1);
        assert_eq!(found["Items"][0]["PK"]["S"], "PRICE#BTC");
    }
}
