//! The monthly cost of an environment, from its rendered templates and a number of requests.
//!
//! The crate does no I/O. [`prices`] is the price list, and [`Stack`] is the billed part of a
//! template. [`usage`] is the usage of one request and of one run of a scheduled function. Free
//! tiers are left out, because they apply once per account.

mod bill;
mod load;
pub mod prices;
mod stack;
pub mod usage;

pub use bill::{Bill, Line};
pub use load::{InvalidLoad, Load};
pub use stack::Stack;
