//! Escapes text that a terminal or GitHub Actions would interpret as a command.
//!
//! A terminal interprets control characters, and bidirectional marks change the order of a
//! line. Actions interprets `::command::` at the start of a line, after any blanks, and the
//! older `##[command]` anywhere in a line:
//! <https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>.

use std::fmt::{Display, Write as _};

/// Escapes text into one line. Tabs stay.
pub fn one_line(text: impl Display) -> String {
    let text = text.to_string();
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\t' || is_printable(character) {
            line.push(character);
        } else {
            line.extend(character.escape_debug());
        }
    }
    without_commands(&line)
}

/// Escapes text into one cell of a table: one line without tabs.
pub fn cell(text: impl Display) -> String {
    one_line(text).replace('\t', "\\t")
}

/// Quotes a name for a shell, so that the operator can paste a command with the name.
pub fn quoted(name: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "/_-.:@+=".contains(character);
    if name.chars().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", one_line(name.replace('\'', "'\\''")))
}

/// Escapes each line of a text.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(one_line).collect();
    lines.join("\n")
}

/// Escapes a line of JSON without changing its value: an unprintable character can only be in a
/// string, where an escape sequence means the same.
pub(super) fn json(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if is_printable(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped.replace("##[", "#\\u0023[")
}

/// Escapes the message of a command of Actions. Its line breaks become `%0A`
/// (<https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>).
pub(super) fn command_data(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| one_line(line).replace('%', "%25"));
    lines.collect::<Vec<_>>().join("%0A")
}

/// Escapes a property of a command of Actions.
pub(super) fn command_property(text: &str) -> String {
    command_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Returns true if a character is a space or visible. `Debug` escapes all other characters: control,
/// format, private-use and unassigned characters, and other blanks.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return character == ' ' || character.is_ascii_graphic();
    }
    // At the start of a text, `Debug` also escapes combining marks, so the text starts with `a`. An
    // escape sequence would have more than one character after the `a`.
    let text = format!("a{character}");
    text.escape_debug().nth(2).is_none()
}

fn without_commands(line: &str) -> String {
    let line = line.replace("##[", "#\\u{23}[");
    let text = line.trim_start();
    match text.strip_prefix("::") {
        Some(rest) => {
            let blanks = line.strip_suffix(text).unwrap_or_default();
            format!("{blanks}\\u{{3a}}:{rest}")
        }
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_is_not_changed() {
        for text in [
            "AWS::Lambda::Function \"quoted\" 'and' C:\\path",
            "a längerer name, 日本語, नमस्ते, e\u{301}, 🚀",
            "START RequestId: 1\tVersion: 2",
            "  indented",
            "",
        ] {
            assert_eq!(one_line(text), text);
            assert_eq!(lines(text), text);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(one_line("\u{1b}[2Jgone\u{7}"), "\\u{1b}[2Jgone\\u{7}");
        assert_eq!(one_line("\u{9b}2J\u{7f}"), "\\u{9b}2J\\u{7f}");
        assert_eq!(one_line("first\nsecond\r"), "first\\nsecond\\r");
        assert_eq!(
            one_line("a\u{202e}b\u{2066}c\u{200b}"),
            "a\\u{202e}b\\u{2066}c\\u{200b}"
        );
        assert_eq!(one_line("\u{feff}a\u{2028}b"), "\\u{feff}a\\u{2028}b");
        assert_eq!(cell("a\tb"), "a\\tb");
    }

    #[test]
    fn every_format_character_is_escaped() {
        // Unicode's category Cf.
        let format_characters = [
            '\u{ad}'..='\u{ad}',
            '\u{600}'..='\u{605}',
            '\u{61c}'..='\u{61c}',
            '\u{6dd}'..='\u{6dd}',
            '\u{70f}'..='\u{70f}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200f}',
            '\u{202a}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{feff}'..='\u{feff}',
            '\u{fff9}'..='\u{fffb}',
            '\u{110bd}'..='\u{110bd}',
            '\u{1bca0}'..='\u{1bca3}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0001}'..='\u{e0001}',
            '\u{e0020}'..='\u{e007f}',
        ];
        for character in format_characters.into_iter().flatten() {
            assert!(one_line(character).is_ascii(), "{character:?}");
        }
    }

    #[test]
    fn commands_of_github_actions_are_escaped() {
        assert_eq!(one_line("::stop-commands::x"), "\\u{3a}:stop-commands::x");
        assert_eq!(one_line(" \t::error::x"), " \t\\u{3a}:error::x");
        assert_eq!(one_line("a ##[add-mask]b"), "a #\\u{23}[add-mask]b");
        assert_eq!(one_line("###[group]"), "##\\u{23}[group]");
        assert_eq!(lines("a\n::add-mask::b\n"), "a\n\\u{3a}:add-mask::b\n");
    }

    #[test]
    fn no_message_or_property_ends_a_command_of_github_actions() {
        assert_eq!(command_data("50%,\r\n::a: b"), "50%25,\\r%0A\\u{3a}:a: b");
        assert_eq!(command_property("a:b,c%"), "a%3Ab%2Cc%25");
    }

    mod properties {
        use proptest::prelude::*;
        use serde_json::Value;

        use super::*;

        /// Text with many parts that a terminal or Actions interprets.
        fn hostile() -> impl Strategy<Value = String> {
            let parts = prop::sample::select(vec![
                ":",
                "::",
                "##[",
                "#",
                "[",
                "]",
                "\n",
                "\r",
                "\t",
                " ",
                "\u{a0}",
                "\u{2003}",
                "\u{1b}[31m",
                "\u{9b}",
                "\u{202e}",
                "\u{feff}",
                "\\",
                "error",
                "x",
            ]);
            let any = any::<char>().prop_map(String::from);
            let part = prop_oneof![3 => parts.prop_map(str::to_owned), 1 => any];
            prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
        }

        fn is_harmless(line: &str) -> bool {
            let is_shown = |character: char| {
                character == '\t' || !(character.is_control() || is_format(character))
            };
            line.chars().all(is_shown)
                && !line.trim_start().starts_with("::")
                && !line.contains("##[")
        }

        /// Returns true for marks that change the order of a line or are invisible.
        fn is_format(character: char) -> bool {
            matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        }

        proptest! {
            #[test]
            fn no_text_controls_a_terminal_or_github_actions(text in hostile()) {
                let line = one_line(&text);
                prop_assert!(is_harmless(&line), "{line:?}");
                prop_assert!(!cell(&text).contains('\t'));
                let all = lines(&text);
                prop_assert!(all.split('\n').all(is_harmless), "{all:?}");
                prop_assert_eq!(all.split('\n').count(), text.split('\n').count());
            }

            #[test]
            fn escaping_again_changes_nothing(text in hostile()) {
                let line = one_line(&text);
                prop_assert_eq!(one_line(&line), &*line);
                prop_assert_eq!(lines(&line), &*line);
            }

            #[test]
            fn json_keeps_its_meaning(text in hostile()) {
                let value = Value::from(vec![text.clone(), text]);
                let line = json(&value.to_string());
                prop_assert!(is_harmless(&line) && !line.contains('\t'), "{line:?}");
                prop_assert_eq!(lines(&line), &*line);
                prop_assert_eq!(serde_json::from_str::<Value>(&line).ok(), Some(value));
            }
        }
    }
}
