//! The service on one machine.
//!
//! The local stack interprets the template that a deploy ships. [`plan`] reads the template.
//! [`table`] replaces DynamoDB, [`lambda`] Lambda, [`gateway`] API Gateway, [`schedule`]
//! EventBridge Scheduler, and [`feed`] the price providers. [`stack`] starts and stops them
//! together. [`page`] shows them in a browser. [`watch`] swaps the functions when their sources
//! change.
//!
//! `xtask/bench` uses the public parts to run the functions that it measures.

pub mod api_key;
mod binaries;
pub mod commands;
mod endpoint;
mod feed;
mod gateway;
mod lambda;
mod overrides;
mod page;
mod plan;
mod provider;
mod recent;
mod runtime;
mod schedule;
mod server;
mod signals;
mod stack;
mod table;
mod tls;
mod watch;

pub use feed::{Faults, FeedServer};
pub use lambda::environment_variables;
pub use plan::{FunctionPlan, Plan, TablePlan};
pub use runtime::runtime;
pub use server::{Server, listen};
pub use signals::Signals;
pub use table::{Content, Table};
pub use tls::Certificate;
