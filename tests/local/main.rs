//! The local stack end to end: the real command, the real binaries, over HTTP.

mod answers;
mod invoke;
mod limit;
mod outage;
mod process;
