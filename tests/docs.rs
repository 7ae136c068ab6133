//! Tests of the documents: commands parse, link targets and named files exist, and quoted messages are
//! in the code.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use contract::Function;
use serde_json::Value;
use xtask::{Cli, Command, workspace};

struct Page {
    path: PathBuf,
    text: String,
}

/// Reads every page of the repository's root and of `docs`.
fn pages() -> Vec<Page> {
    let root = workspace::root();
    let mut paths: Vec<PathBuf> = [root.to_owned(), root.join("docs")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| Page {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root).unwrap().to_owned(),
        })
        .collect()
}

impl Page {
    fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Returns the lines inside and the lines outside of fenced blocks. A line that ends in a backslash
    /// is joined with the next line.
    fn lines(&self) -> (Vec<String>, Vec<String>) {
        let (mut fenced, mut prose) = (Vec::new(), Vec::new());
        let mut is_fenced = false;
        for line in self.text.replace("\\\n", " ").lines() {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            } else if is_fenced {
                fenced.push(line.to_owned());
            } else {
                prose.push(line.to_owned());
            }
        }
        (fenced, prose)
    }

    /// Returns the texts in backticks, which may extend over the end of a line.
    fn code_spans(&self) -> Vec<String> {
        let (_, prose) = self.lines();
        let prose = prose.join("\n");
        let paragraphs = prose.split("\n\n");
        paragraphs
            .flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2))
            .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// Returns the anchors of the headings, as GitHub writes them.
    fn anchors(&self) -> BTreeSet<String> {
        let (_, prose) = self.lines();
        let headings = prose.iter().filter(|line| line.starts_with('#'));
        headings
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }
}

/// Returns a heading's anchor: lower case, hyphens for spaces, no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Splits a command as a shell does, up to a comment, a pipe or a redirection.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, '|' | '>' | ';' | '&' | '#') => break,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Returns an example value for a placeholder in the documents, or the word itself.
fn example_value(word: &str) -> &str {
    match word {
        "ENV" => "prod",
        "ID" => "111122223333",
        "NAME" => "rate-limit",
        "KEY_ID" => "0123456789Ab",
        "N" => "7",
        word => word,
    }
}

fn parse_error(command: &str) -> Option<clap::Error> {
    let words = words(command);
    let words = words.iter().map(|word| example_value(word));
    Cli::<Command>::try_parse_from(std::iter::once("cargo xtask").chain(words)).err()
}

#[test]
fn xtask_accepts_every_command_in_a_code_block() {
    let mut commands = 0;
    for page in pages() {
        let (fenced, _) = page.lines();
        for line in fenced {
            let Some((_, command)) = line.split_once("cargo xtask ") else {
                continue;
            };
            commands += 1;
            if let Some(error) = parse_error(command) {
                panic!("{}: {line}\n{error}", page.name());
            }
        }
    }
    assert!(commands > 30, "{commands}");
}

/// A command in running text may omit required arguments.
#[test]
fn xtask_accepts_every_command_in_running_text() {
    let mut commands = 0;
    for page in pages() {
        for span in page.code_spans() {
            let Some(command) = span.strip_prefix("cargo xtask ") else {
                continue;
            };
            commands += 1;
            let allowed = [
                ErrorKind::DisplayHelp,
                ErrorKind::DisplayVersion,
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                ErrorKind::MissingRequiredArgument,
            ];
            if let Some(error) = parse_error(command)
                && !allowed.contains(&error.kind())
            {
                panic!("{}: {span}\n{error}", page.name());
            }
        }
    }
    assert!(commands > 30, "{commands}");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let mut links = 0;
    for page in &pages {
        let (_, prose) = page.lines();
        let prose = prose.join("\n");
        for target in prose.split("](").skip(1) {
            let target = target.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.path.parent().unwrap();
            let file = match (file, file.strip_prefix("../")) {
                ("", _) => page.path.clone(),
                (_, Some(file)) => folder.parent().unwrap().join(file),
                (file, None) => folder.join(file),
            };
            let exists = workspace::root().join(&file).exists();
            assert!(exists, "{}: {target}", page.name());
            if !heading.is_empty() {
                let linked = pages.iter().find(|page| page.path == file).unwrap();
                let known = linked.anchors().contains(heading);
                assert!(known, "{}: {target}", page.name());
            }
        }
    }
    assert!(links > 30, "{links}");
}

/// Returns true if a text in backticks must be the path of a committed file or folder. A path with
/// `NAME` is the path of a file that the reader adds.
fn is_path(span: &str) -> bool {
    let Some((first, _)) = span.split_once('/') else {
        return false;
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    let folders = [
        ".cargo",
        ".ci",
        ".config",
        ".github",
        "docs",
        "functions",
        "infra",
        "tests",
        "xtask",
    ];
    let is_literal = span.chars().all(is_plain) && !span.contains("NAME");
    is_literal && (folders.contains(&first) || is_source(span))
}

fn is_source(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
}

#[test]
fn every_path_that_a_page_names_exists() {
    let mut paths = 0;
    for page in pages() {
        for span in page.code_spans().iter().filter(|span| is_path(span)) {
            paths += 1;
            let path = workspace::root().join(span.replace("ENV", "prod"));
            assert!(path.exists(), "{}: {span}", page.name());
        }
    }
    assert!(paths > 50, "{paths}");
}

/// Returns true if a text in backticks is a message of the service or of the command line:
/// several words in lower case, and no command.
fn is_message(span: &str) -> bool {
    let is_lower = |c: char| c.is_ascii_lowercase() || " ,'".contains(c);
    let commands = ["aws ", "cargo ", "deploy ", "gh ", "plan "];
    span.contains(' ')
        && span.chars().all(is_lower)
        && !commands.iter().any(|command| span.starts_with(command))
}

/// Operators look up messages that they read in a log or at the terminal, so these two pages must
/// quote the current messages.
#[test]
fn every_message_in_the_runbook_and_the_operating_guide_is_in_the_code() {
    let root = workspace::root();
    let mut files = Vec::new();
    for folder in ["functions", "xtask"] {
        collect_files(&root.join(folder), &mut files);
    }
    let sources = files.iter().map(|file| fs::read_to_string(file).unwrap());
    // A backslash at the end of a line continues a string without the spaces before the next word.
    let sources: Vec<String> = sources
        .map(|source| {
            let lines = source.split("\\\n").map(str::trim_start);
            lines.collect::<Vec<_>>().concat()
        })
        .collect();
    let mut messages = 0;
    for page in pages() {
        let is_lookup = page.path.ends_with("runbook.md") || page.path.ends_with("operating.md");
        let spans = page.code_spans();
        for span in spans.iter().filter(|span| is_lookup && is_message(span)) {
            messages += 1;
            let known = sources.iter().any(|source| source.contains(span.as_str()));
            assert!(known, "{}: {span}", page.name());
        }
    }
    assert!(messages > 20, "{messages}");
}

/// Collects the files of a folder that can contain messages or name pages.
fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            collect_files(&path, files);
        } else if ["rs", "yml", "yaml", "toml", "snap", "json"].contains(&&*extension) {
            files.push(path);
        }
    }
}

/// Hints, comments, workflows and templates name pages as `docs/NAME.md`, and sections as
/// `docs/NAME.md#anchor` or `docs/NAME.md, "Heading"`.
#[test]
fn every_page_and_section_that_code_names_exists() {
    let root = workspace::root();
    let mut files = vec![root.join("Cargo.toml")];
    for folder in [".github", "functions", "infra", "tests", "xtask"] {
        collect_files(&root.join(folder), &mut files);
    }
    let pages = pages();
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("docs/") {
            let rest = &text[at..];
            let Some(end) = rest.find(".md") else {
                continue;
            };
            let path = &rest[..end + ".md".len()];
            let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
            if !rest["docs/".len()..end].chars().all(is_name) {
                continue;
            }
            named += 1;
            let page = pages.iter().find(|page| page.path == Path::new(path));
            let page = page.unwrap_or_else(|| panic!("{}: {path}", file.display()));
            let after = &rest[path.len()..];
            let section = if let Some(anchor) = after.strip_prefix('#') {
                anchor
                    .split(|c: char| !c.is_alphanumeric() && c != '-')
                    .next()
            } else {
                let heading = after.strip_prefix(", \\\"").or(after.strip_prefix(", \""));
                heading.and_then(|heading| heading.split(['"', '\\']).next())
            };
            if let Some(section) = section.filter(|section| !section.is_empty()) {
                let known = page.anchors().contains(&anchor(section));
                assert!(known, "{}: {path}, {section}", file.display());
            }
        }
    }
    assert!(named > 20, "{named}");
}

/// Reads a settings file of VS Code, without the lines with comments.
fn settings(name: &str) -> Value {
    let text = fs::read_to_string(workspace::root().join(".vscode").join(name)).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    serde_json::from_str(&lines.collect::<String>()).unwrap()
}

#[test]
fn the_settings_of_vs_code_name_a_command_and_binaries_of_this_workspace() {
    let task = settings("tasks.json")["tasks"][0].clone();
    let command = task["command"].as_str().unwrap();
    let command = command.strip_prefix("cargo xtask ").unwrap();
    assert!(parse_error(command).is_none(), "{command}");

    let launch = settings("launch.json");
    let all = launch["configurations"].as_array().unwrap();
    assert_eq!(all[0]["preLaunchTask"], task["label"]);
    let programs = all.iter().filter_map(|launch| launch["program"].as_str());
    let expected = Function::SERVING.map(|function| format!("target/debug/{}", function.name()));
    for program in programs {
        let path = program.strip_prefix("${workspaceFolder}/").unwrap();
        assert!(expected.iter().any(|known| known == path), "{program}");
    }
}
