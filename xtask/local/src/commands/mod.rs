//! The commands of `xtask-local`.

mod feed;
mod feed_check;
mod invoke;
mod local;

use xtask::local::LocalCommand;

/// Runs a command.
pub fn run(command: LocalCommand) -> anyhow::Result<()> {
    match command {
        LocalCommand::Local(args) => local::run(args),
        LocalCommand::Invoke(args) => invoke::run(&args),
        LocalCommand::Feed(args) => feed::run(&args),
    }
}
