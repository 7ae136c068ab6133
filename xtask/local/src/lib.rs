//! The service on one machine.
//!
//! The local stack interprets the same rendered template that a deploy ships:
//! [`plan`] reads it; [`table`], [`lambda`], [`gateway`], [`schedule`] and
//! [`provider`] stand in for DynamoDB, Lambda, API Gateway, EventBridge
//! Scheduler and the price provider; [`stack`] puts them together.
//!
//! The re-exports are the parts that `xtask/bench` measures the functions with.

pub mod api_key;
pub mod commands;
mod feed;
mod gateway;
mod lambda;
pub mod listener;
mod overrides;
mod plan;
mod provider;
mod schedule;
mod server;
mod signals;
mod stack;
mod table;

pub use commands::runtime;
pub use feed::Faults;
pub use plan::{FunctionPlan, Plan, REGION, TablePlan};
pub use provider::FeedServer;
pub use server::Server;
pub use signals::Signals;
pub use table::Table;
