//! The commands: what is typed, and the order in which it is done.

mod feed;
mod feed_check;
mod invoke;
mod local;

use contract::Function;
use tokio::runtime::{Builder, Runtime};
use xtask::cargo::{self, Profile};
use xtask::local::LocalCommand;

use crate::stack::Binaries;

pub fn run(command: LocalCommand) -> anyhow::Result<()> {
    match command {
        LocalCommand::Local(args) => local::run(args),
        LocalCommand::Invoke(args) => invoke::run(&args),
        LocalCommand::Feed(args) => feed::run(&args),
    }
}

/// Builds the binaries of the functions that dev has. Both at once whichever is wanted: cargo
/// would resolve features for one alone differently, and build twice. For the same reason a
/// release build is that of all functions, as `cargo xtask build` and `bench` make it.
fn build(release: bool) -> anyhow::Result<Binaries> {
    let functions = if release {
        &Function::ALL[..]
    } else {
        &Function::SERVING[..]
    };
    let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
    let paths = cargo::build_binaries(&names, Profile::from_flag(release))?;
    Ok(functions.iter().copied().zip(paths).collect())
}

/// Starts an asynchronous runtime with a thread for each core.
pub fn runtime() -> anyhow::Result<Runtime> {
    use anyhow::Context as _;

    Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the asynchronous runtime")
}
