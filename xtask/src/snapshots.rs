//! Reads the committed snapshots of the templates, without insta.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Context as _;
use similar::TextDiff;

use crate::workspace;

/// Returns the path of a template's snapshot.
pub fn path(name: &str) -> PathBuf {
    workspace::root()
        .join("tests/snapshots")
        .join(format!("{name}.snap"))
}

/// Returns the unified diff from the committed snapshot to `rendered`, or `None` if they are
/// equal. A missing snapshot differs in every line.
pub fn difference(name: &str, rendered: &str) -> anyhow::Result<Option<String>> {
    let path = path(name);
    let committed = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
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
    fn the_header_of_a_snapshot_is_not_part_of_it() {
        assert_eq!(contents("---\nsource: a\n---\nb: 1\n"), "b: 1\n");
        assert_eq!(contents("b: 1\n"), "b: 1\n");
    }
}
