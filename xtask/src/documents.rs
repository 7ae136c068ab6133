//! The parts of the documents that are generated from the templates.

use std::fs;

use anyhow::Context as _;
use infra::{Environment, RenderedTemplate};

use crate::failure::Failure;
use crate::{files, flowchart, runbook, scale, workspace};

/// A part of a document, between two markers.
struct Part {
    file: &'static str,
    name: &'static str,
    text: String,
}

/// Returns every part, from the service's templates in the order of [`Environment::ALL`].
fn parts(templates: &[RenderedTemplate]) -> Vec<Part> {
    let template = |environment: Environment| &templates[environment as usize];
    let diagram = |file, environment| Part {
        file,
        name: "diagram",
        text: format!(
            "```mermaid\n{}```\n",
            flowchart::mermaid(template(environment))
        ),
    };
    let pages = [
        Part {
            file: "docs/runbook.md",
            name: "alarms",
            text: runbook::table(template(Environment::Prod).as_value()),
        },
        diagram("README.md", Environment::Dev),
        diagram("ARCHITECTURE.md", Environment::Prod),
    ];
    let costs = scale::tables(templates).map(|(name, text)| Part {
        file: "docs/scale.md",
        name,
        text,
    });
    pages.into_iter().chain(costs).collect()
}

impl Part {
    /// Returns the current text of the document, and its text with this part updated.
    fn read(&self) -> anyhow::Result<(String, String)> {
        let file = self.file;
        let path = workspace::root().join(file);
        let current = fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
        let begin = format!(
            "<!-- {}, written by cargo xtask test snapshots --accept -->\n",
            self.name
        );
        let end = format!("<!-- end of {} -->\n", self.name);
        let places = current.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(&end)?;
            Some((before, after))
        });
        let (before, after) = places.ok_or_else(|| {
            let (begin, end) = (begin.trim(), end.trim());
            Failure::new(format!(
                "could not find the markers of the part `{}` in {file}",
                self.name
            ))
            .hint(format!("add the lines {begin} and {end}"))
        })?;
        let written = format!("{before}{begin}{}{end}{after}", self.text);
        Ok((current, written))
    }
}

/// Lists the documents with a part that differs from the service's templates.
///
/// # Errors
///
/// If a document cannot be read or lacks the markers of a part.
pub fn outdated(templates: &[RenderedTemplate]) -> anyhow::Result<Vec<&'static str>> {
    let mut outdated = Vec::new();
    for part in parts(templates) {
        let (current, written) = part.read()?;
        if current != written && !outdated.contains(&part.file) {
            outdated.push(part.file);
        }
    }
    Ok(outdated)
}

/// Writes every part.
///
/// # Errors
///
/// If a document cannot be read or written, or lacks the markers of a part.
pub fn update(templates: &[RenderedTemplate]) -> anyhow::Result<()> {
    for part in parts(templates) {
        let (current, written) = part.read()?;
        if current != written {
            files::replace(&workspace::root().join(part.file), written, files::PUBLIC)?;
        }
    }
    Ok(())
}
