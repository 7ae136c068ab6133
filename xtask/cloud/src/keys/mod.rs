//! `cargo xtask keys`: the API keys of an environment.

mod change;
mod create;
mod read;
mod table;

use xtask::cloud::KeysCommand;

/// Runs one command.
pub(crate) async fn run(command: &KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(args) => create::create(args).await,
        KeysCommand::List(args) => read::list(args).await,
        KeysCommand::Show(args) => read::show(args).await,
        KeysCommand::Disable(args) => change::set_enabled(args, false).await,
        KeysCommand::Enable(args) => change::set_enabled(args, true).await,
        KeysCommand::Rotate(args) => create::rotate(args).await,
        KeysCommand::Delete(args) => change::delete(args).await,
    }
}

#[cfg(test)]
pub(crate) use {change::ChangedKey, create::CreatedKey, read::KeyRow};
