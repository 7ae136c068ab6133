//! The result of a change of one key.

use serde::Serialize;
use xtask::cloud::KeysTableArgs;
use xtask::options::OutputFormat;
use xtask::output;

use crate::report::print_event;

/// A key that was changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangedKey<'a> {
    key_id: &'a str,
    /// `enabled`, `disabled`, `deleted` or `restored`.
    state: &'a str,
}

/// Prints the new state of a key. The API caches keys for 60 seconds.
pub(super) fn print(args: &KeysTableArgs, key_id: &str, state: &str) -> anyhow::Result<()> {
    output::progress(format_args!(
        "{key_id} is {state}, effective within 60 seconds"
    ));
    match args.output {
        OutputFormat::Text => Ok(()),
        OutputFormat::Json => print_event(&ChangedKey { key_id, state }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{Example, line};

    impl Example for ChangedKey<'_> {
        fn examples() -> Vec<String> {
            let (key_id, state) = ("4fKq7ZpR2mXa", "disabled");
            vec![line(&ChangedKey { key_id, state })]
        }
    }
}
