//! The table: a DynamoDB engine in this process, which answers over HTTP.
//!
//! The functions reach it as they reach AWS. Throttling is not emulated, and
//! what has expired goes at the next sweep instead of within days.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use dynoxide::server::serve_with_shutdown;
use dynoxide::{Database, DynoxideError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use xtask::failure::Failure;
use xtask::output;

use crate::listener;
use crate::plan::TablePlan;
use crate::server::Server;

/// How often what has expired is removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The table that a command uses.
pub enum Table {
    /// One of its own.
    Own(TableServer),
    /// One that somebody else serves at this base URL.
    At(String),
}

impl Table {
    /// The table at `endpoint`; without one a new table in memory, or the one of
    /// a folder. Has to run inside a tokio runtime.
    pub fn open(
        plan: &TablePlan,
        endpoint: Option<String>,
        folder: Option<&Path>,
    ) -> anyhow::Result<Self> {
        Ok(match endpoint {
            Some(endpoint) => Self::At(endpoint),
            None => Self::Own(TableServer::start(plan, folder)?),
        })
    }

    /// Base URL of the DynamoDB API.
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Own(server) => &server.endpoint,
            Self::At(endpoint) => endpoint,
        }
    }

    /// Ends a server of its own once its open requests are done.
    pub async fn stop(self) {
        if let Self::Own(table) = self {
            table.sweeper.abort();
            table.server.stop().await;
        }
    }
}

/// A table that is being served.
pub struct TableServer {
    endpoint: String,
    server: Server,
    sweeper: JoinHandle<()>,
    /// Held for as long as the folder's table is in use.
    _lock: Option<File>,
}

impl TableServer {
    /// Opens the table, in memory or in a folder, makes it if it is new, and
    /// serves it on a free port.
    fn start(plan: &TablePlan, folder: Option<&Path>) -> anyhow::Result<Self> {
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
        create(&database, plan).context("creating the table")?;
        let listener = TcpListener::from_std(listener::bind(0)?).context("serving the table")?;
        let endpoint = listener::url(&listener)?;
        let served = database.clone();
        Ok(TableServer {
            endpoint,
            server: Server::spawn(|stop| async move {
                let ended = serve_with_shutdown(listener, served, stop.requested()).await;
                if let Err(error) = ended {
                    output::progress(format_args!("error: the table: {error}"));
                }
            }),
            sweeper: tokio::spawn(sweep(database)),
            _lock: lock,
        })
    }
}

/// Opens the table of a folder, which no other local stack may use meanwhile.
fn open(folder: &Path) -> anyhow::Result<(Database, File)> {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::new(format!(
            "could not keep the table in {}: {reason}",
            folder.display()
        ))
        .hint("--persist wants a folder that can be written to, on a disk with room")
    };
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let lock = File::create(folder.join("lock")).map_err(|error| failed(&error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Failure::new(format!(
                "the table in {} is in use by another local stack",
                folder.display()
            ))
            .hint("stop the other one, or give another folder to --persist")
            .into());
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error).into()),
    }
    let path = folder.join("table.sqlite");
    let was_there = path.exists();
    if was_there {
        let mut access = File::options();
        let access = access.read(true).write(true).open(&path);
        access.map_err(|error| failed(&error))?;
    }
    let text = path
        .to_str()
        .ok_or_else(|| failed(&"its name is not UTF-8"))?;
    let database = Database::new(text).map_err(|error| {
        if was_there {
            // The engine's own words are for programmers who link it.
            Failure::new(format!("{} is no table of a local stack", path.display()))
                .hint("move that file away, or give another folder to --persist")
        } else {
            failed(&error)
        }
    })?;
    Ok((database, lock))
}

/// Makes the table as the template has it, unless it is there already.
fn create(database: &Database, plan: &TablePlan) -> anyhow::Result<()> {
    let request = serde_json::from_value(plan.create.clone())?;
    match database.create_table(request) {
        Ok(_) => {}
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    if let Some(request) = &plan.time_to_live {
        database.update_time_to_live(serde_json::from_value(request.clone())?)?;
    }
    Ok(())
}

async fn sweep(database: Database) {
    let mut ticks = interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let database = database.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            output::progress(format_args!("error: removing expired items: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use serde_json::{Value, json};

    fn count(database: &Database, table: &str) -> usize {
        let scan = json!({"TableName": table});
        database
            .scan(serde_json::from_value(scan).unwrap())
            .unwrap()
            .count
    }

    #[test]
    fn what_has_expired_goes_at_a_sweep_and_the_rest_stays() {
        let plan = Plan::of_dev().unwrap().table;
        let database = Database::memory().unwrap();
        create(&database, &plan).unwrap();
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
    fn a_table_that_is_there_already_is_kept() {
        let plan = Plan::of_dev().unwrap().table;
        let database = Database::memory().unwrap();
        create(&database, &plan).unwrap();
        create(&database, &plan).unwrap();
    }
}
