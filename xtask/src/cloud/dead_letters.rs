//! What is typed for `cargo xtask dead-letters`.

use clap::{Args, Subcommand};

use super::EnvironmentArgs;

/// `cargo xtask dead-letters`
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Show the updates that were given up, the oldest first; they stay in the
    /// queue
    Show(DeadLettersShowArgs),
    /// Remove every one of them
    Purge(DeadLettersPurgeArgs),
}

/// `cargo xtask dead-letters show`
#[derive(Debug, Args)]
pub struct DeadLettersShowArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
}

/// `cargo xtask dead-letters purge`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 removed; 1 failed; 2 usage; 3 declined")]
pub struct DeadLettersPurgeArgs {
    /// Which environment, where.
    #[command(flatten)]
    pub target: EnvironmentArgs,
    /// Answer yes: needed where there is no terminal to ask at
    #[arg(long)]
    pub yes: bool,
}
