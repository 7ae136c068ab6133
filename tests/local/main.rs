//! The local stack end to end: the real command, the real binaries, over HTTP.

mod answers;
mod description;
mod feed_check;
mod hostile;
mod invoke;
mod keys;
mod limit;
mod outage;
mod process;
mod representations;
mod takeover;
