//! The cost of a month of an environment, from its rendered templates and a number of requests.
//!
//! The crate does no I/O. [`prices`] is the price list, [`usage`] what a request and a run use, and
//! [`Stack`] what a template pays for. Free tiers are left out: an account has them once.

mod bill;
mod load;
pub mod prices;
mod stack;
pub mod usage;

pub use bill::{Bill, Line};
pub use load::{InvalidLoad, Load};
pub use stack::Stack;
