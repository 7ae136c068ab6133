//! Reads the committed snapshots of the templates, without insta.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use similar::TextDiff;

use crate::workspace;

pub fn path(name: &str) -> PathBuf {
    workspace::root()
        .join("tests/snapshots")
        .join(format!("{name}.snap"))
}

/// Returns the unified diff from the committed snapshot to `rendered`, or `None` if they are
/// equal. A missing snapshot differs in every line.
pub fn difference(name: &str, rendered: &str) -> anyhow::Result<Option<String>> {
    let committed = read(name)?;
    let committed = format!("{}\n", contents(&committed).trim());
    let rendered = format!("{}\n", rendered.trim());
    if committed == rendered {
        return Ok(None);
    }
    let diff = TextDiff::from_lines(&committed, &rendered);
    Ok(Some(
        diff.unified_diff()
            .header(&format!("committed/{name}"), &format!("rendered/{name}"))
            .to_string(),
    ))
}

/// Returns the line number of a resource or a section in a template's snapshot, or 1 if the snapshot
/// lacks it.
pub fn line_of(name: &str, key: &str) -> anyhow::Result<usize> {
    let snapshot = read(name)?;
    let is_start = |line: &str| {
        let text = line.strip_prefix("  ").unwrap_or(line);
        text.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(':'))
    };
    Ok(snapshot.lines().position(is_start).map_or(1, |at| at + 1))
}

/// Returns the number of lines above the template in its snapshot.
pub fn header_lines(name: &str) -> anyhow::Result<usize> {
    let snapshot = read(name)?;
    Ok(snapshot.lines().count() - contents(&snapshot).lines().count())
}

/// Reads a snapshot. Returns an empty text if there is none.
fn read(name: &str) -> anyhow::Result<String> {
    let path = path(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// Returns the text after insta's header, which is between two `---` lines.
pub(crate) fn contents(snapshot: &str) -> &str {
    snapshot
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .map_or(snapshot, |(_, contents)| contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contents_of_a_snapshot_exclude_its_header() {
        assert_eq!(contents("---\nsource: a\n---\nb: 1\n"), "b: 1\n");
        assert_eq!(contents("b: 1\n"), "b: 1\n");
    }

    #[test]
    fn a_resource_has_a_line_in_the_snapshot() {
        let snapshot = fs::read_to_string(path("prod")).expect("a snapshot");
        let line = |key| {
            let number = line_of("prod", key).expect("a snapshot");
            snapshot.lines().nth(number - 1).expect("a line")
        };
        assert_eq!(line("Table"), "  Table:");
        assert_eq!(line("Outputs"), "Outputs:");
        assert_eq!(line("NoSuchResource"), "---");
        let template = header_lines("prod").expect("a snapshot");
        let first = snapshot.lines().nth(template).expect("a line");
        assert_eq!(first, "AWSTemplateFormatVersion: 2010-09-09");
        assert_eq!(line_of("no-such-template", "Table").expect("no error"), 1);
    }
}
