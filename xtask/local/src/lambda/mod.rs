//! Lambda: runs the functions' binaries behind Runtime APIs. Each process serves one request at a
//! time, and simultaneous requests get separate processes.

mod environment;
mod function;
mod instance;
mod logs;
mod table_calls;
#[cfg(test)]
pub(crate) mod tests;

pub use environment::environment_variables;
pub(crate) use function::Function;
pub(crate) use instance::{FunctionConfig, InvocationFailure};
