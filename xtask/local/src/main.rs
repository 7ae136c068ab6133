//! The commands that run the service on this machine: `cargo xtask local`,
//! `invoke` and `feed`.

use std::process::ExitCode;

use xtask_local::commands;

fn main() -> ExitCode {
    xtask::start(|command| commands::run(command).map(|()| ExitCode::SUCCESS))
}
