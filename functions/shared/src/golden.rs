//! Committed files that tests keep true to the code.

use std::fs;

/// Compares a committed file with what it should hold, or writes it where
/// `INSTA_UPDATE` is `always`, as the workspace's snapshots are.
///
/// # Panics
///
/// The file holds something else; the message has the command that mends it,
/// for which `selection` is the package and the filter of the test that asks.
pub fn assert_committed(path: &str, text: &str, selection: &str) {
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, text).unwrap_or_else(|error| panic!("writing {path}: {error}"));
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let line = committed
        .lines()
        .zip(text.lines())
        .take_while(|(committed, current)| committed == current)
        .count();
    assert!(
        committed == text,
        "{path} is not what the code says, from line {} on\n  committed: {:?}\n  current:   {:?}\n\
         hint: run `INSTA_UPDATE=always cargo test --package {selection}`",
        line + 1,
        committed.lines().nth(line),
        text.lines().nth(line),
    );
}
