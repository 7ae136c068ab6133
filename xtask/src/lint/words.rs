//! Plain English: rejects banned words, and doc comments that begin with a question word.

use std::path::Path;

use super::files::File;

/// The banned words. This lint skips only their file.
const WORDS: &str = include_str!("words.txt");
const WORDS_FILE: &str = "xtask/src/lint/words.txt";

/// Lists the violations in all files, as `FILE:LINE: PROBLEM`.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let phrases = phrases();
    let mut broken = Vec::new();
    for File { path, text } in files {
        let mut found = Vec::new();
        if path != Path::new(WORDS_FILE) {
            found.extend(check_words(&phrases, text));
        }
        if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(check_docs(text));
        }
        let path = path.display();
        broken.extend(
            found
                .iter()
                .map(|(line, problem)| format!("{path}:{line}: {problem}")),
        );
    }
    broken
}

/// A word or phrase with the words to write instead.
struct Phrase {
    words: Vec<&'static str>,
    instead: &'static str,
}

fn phrases() -> Vec<Phrase> {
    let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
    let phrases = lines.filter_map(|line| line.split_once(" -> "));
    phrases
        .flat_map(|(forms, instead)| {
            forms.split(", ").map(move |form| Phrase {
                words: form.split(' ').collect(),
                instead,
            })
        })
        .collect()
}

/// Reads the words with which no doc comment may begin.
fn questions() -> impl Iterator<Item = &'static str> {
    let lines = WORDS.lines().filter_map(|line| line.strip_prefix("? "));
    lines.flat_map(|line| line.split(", "))
}

/// Lists the banned words of a text with their lines.
fn check_words(phrases: &[Phrase], text: &str) -> Vec<(usize, String)> {
    let text = text.to_ascii_lowercase();
    let words = words(&text);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let matches = |phrase: &&Phrase| {
            let mut expected = phrase.words.iter().enumerate();
            expected.all(|(offset, expected)| {
                let word = words.get(at + offset);
                word.is_some_and(|word| word.text == *expected && (offset == 0 || word.follows))
            })
        };
        if let Some(Phrase { words, instead }) = phrases.iter().find(matches) {
            let words = words.join(" ");
            found.push((word.line, format!("`{words}`: write `{instead}`")));
        }
    }
    found
}

struct Word<'a> {
    text: &'a str,
    line: usize,
    /// Whether this word can continue a phrase: only spaces, line ends, underscores and comment marks
    /// are between the previous word and this one.
    follows: bool,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut follows = false;
    for (number, line) in text.lines().enumerate() {
        for part in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if !word.is_empty() {
                words.push(Word {
                    text: word,
                    line: number + 1,
                    follows,
                });
                follows = true;
            }
            let gap = &part[word.len()..];
            follows &= gap
                .chars()
                .all(|c| c.is_whitespace() || "_/!#*\\".contains(c));
        }
    }
    words
}

/// Lists the doc comments of a source file that begin with a question word, with their lines.
pub(super) fn check_docs(source: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let doc = |at: usize| {
        let line = lines.get(at)?;
        line.strip_prefix("/// ")
            .or_else(|| line.strip_prefix("//! "))
    };
    let mut found = Vec::new();
    for at in 0..lines.len() {
        let Some(text) = doc(at) else { continue };
        if at > 0 && lines[at - 1].starts_with("//") {
            continue;
        }
        let begins_with = |words: &str| {
            let rest = text.strip_prefix(words);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        if let Some(question) = questions().find(|words| begins_with(words)) {
            found.push((
                at + 1,
                format!("a doc comment begins with `{question}`: state the fact"),
            ));
        } else if begins_with("Whether") && !is_boolean(&lines[at..]) {
            found.push((
                at + 1,
                "`Whether` begins the comment of a boolean only".to_owned(),
            ));
        }
    }
    found
}

/// Returns true if the item after a doc comment has a boolean in its declaration.
fn is_boolean(lines: &[&str]) -> bool {
    let item = lines
        .iter()
        .skip_while(|line| line.starts_with("//") || line.starts_with("#["));
    let mut declaration = String::new();
    for line in item.take(12) {
        declaration.push_str(line);
        let is_field = line.ends_with(',') && line.contains(": ") && !declaration.contains("fn ");
        if is_field || line.ends_with(['{', ';', '}']) {
            break;
        }
    }
    declaration.to_ascii_lowercase().contains("bool")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Returns the lines of the violations in a file of this name.
    fn lines(name: &str, text: &str) -> Vec<String> {
        let file = File {
            path: PathBuf::from(name),
            text: text.to_owned(),
        };
        let problems = check(&[file]);
        let lines = problems
            .iter()
            .filter_map(|problem| problem.split(':').nth(1));
        lines.map(str::to_owned).collect()
    }

    /// Returns the banned phrase with these letters. This file must not contain the phrase itself.
    fn banned(form: &str) -> String {
        let is_form = |phrase: &&Phrase| phrase.words.concat() == form;
        let phrases = phrases();
        let phrase = phrases.iter().find(is_form).expect("a phrase of the file");
        phrase.words.join(" ")
    }

    #[test]
    fn a_banned_word_is_found_in_every_kind_of_text() {
        let word = banned(&["no", "body"].concat());
        for (name, text) in [
            ("a.rs", format!("// {word} reads it.")),
            ("a.rs", format!("fn {word}_reads_it() {{}}")),
            ("a.rs", format!("let text = \"{}\";", word.to_uppercase())),
            ("a.md", format!("and {word}'s.")),
            ("a.yaml", format!("- fault: {word}")),
            ("Cargo.toml", format!("# {word}")),
            (".ci/run", format!("#!/bin/sh\n# {word}").replace('\n', " ")),
        ] {
            assert_eq!(lines(name, &text), ["1"], "{text}");
        }
        assert!(lines("a.rs", &format!("NotificationOf{word}x, x{word}")).is_empty());
        assert!(lines(WORDS_FILE, &word).is_empty());
    }

    #[test]
    fn a_banned_phrase_may_continue_on_the_next_line_of_a_comment() {
        let phrase = banned("isnoneof");
        let (first, rest) = phrase.split_once(' ').expect("several words");
        for text in [
            format!("a\n/// x {first}\n/// {rest} y"),
            format!("a\n# x {first}\n#   {rest} y"),
            format!("a\n\"x {first} \\\n  {rest} y\""),
        ] {
            assert_eq!(lines("a.rs", &text), ["2"], "{text}");
        }
        for text in [format!("{first}. {rest}"), format!("{first}, {rest}")] {
            assert!(lines("a.rs", &text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_doc_comment_must_not_begin_with_a_question_word() {
        for text in [
            "/// What it is.",
            "//! How.",
            "    /// With what.",
            "/// Why not?",
        ] {
            assert_eq!(lines("a.rs", text), ["1"], "{text}");
            assert!(lines("a.md", text).is_empty(), "{text}");
        }
        for text in [
            "/// Whatever.",
            "/// The key.\n/// What follows.",
            "// What now?",
        ] {
            assert!(lines("a.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn only_the_comment_of_a_boolean_begins_with_whether() {
        for item in [
            "pub is_up: bool,",
            "#[serde(default)]\nis_up: Option<bool>,",
            "fn is_up(\n    a: u8,\n) -> bool {",
        ] {
            let text = format!("/// Whether it is up.\n{item}\n");
            assert!(lines("a.rs", &text).is_empty(), "{item}");
        }
        for item in [
            "state: State,\n    up: bool,",
            "fn up() -> u8 {",
            "enum Up {",
        ] {
            let text = format!("/// Whether it is up.\n{item}\n");
            assert_eq!(lines("a.rs", &text), ["1"], "{item}");
        }
    }
}
