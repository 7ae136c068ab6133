//! Excerpts of text from outside the function, bounded for logs and errors.

use std::fmt::{self, Write as _};

/// The maximum number of characters of a provider's text.
const SHORT: usize = 200;

/// The maximum number of characters of an error of the table. IAM's errors name the role, the
/// action and the table before the reason.
const LONG: usize = 500;

/// Text from a provider or a connection, or an error of the table: one line of bounded length
/// without control and format characters, for logs and errors.
///
/// No other type carries such text into an error. So the record of a failed run, which Lambda sends
/// to the dead-letter queue, stays far below the 1 MiB of an SQS message. Lambda drops a larger
/// record.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>,
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Shortens the text of a provider or a connection to 200 characters.
    pub fn new(text: impl fmt::Display) -> Self {
        Self::of(text, SHORT)
    }

    /// Shortens an error of the table to 500 characters.
    pub fn of_store(text: impl fmt::Display) -> Self {
        Self::of(text, LONG)
    }

    fn of(text: impl fmt::Display, limit: usize) -> Self {
        let mut shortened = Shortened {
            line: String::new(),
            left: limit,
            space: false,
        };
        // `write!` stops at the limit, so the rest of a longer text is not even formatted.
        let is_whole = write!(shortened, "{text}").is_ok();
        let mut line = shortened.line;
        if !is_whole {
            line.pop();
            line.push('…');
        }
        Self(line)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A writer of one line with a limited number of characters. A sequence of spaces and
/// unprintable characters becomes one space.
struct Shortened {
    line: String,
    /// The number of characters that still fit.
    left: usize,
    /// Whether a space precedes the next character.
    space: bool,
}

impl Shortened {
    fn push(&mut self, character: char) -> fmt::Result {
        self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
        self.line.push(character);
        Ok(())
    }
}

impl fmt::Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character == ' ' || !is_printable(character) {
                self.space = !self.line.is_empty();
                continue;
            }
            if std::mem::take(&mut self.space) {
                self.push(' ')?;
            }
            self.push(character)?;
        }
        Ok(())
    }
}

/// Returns true unless the character is a control, format, private-use or unassigned character, a
/// separator or a combining mark. `escape_debug` escapes all of these, and quotes and backslashes.
fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().eq([character])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str) -> String {
        Excerpt::new(text).to_string()
    }

    #[test]
    fn a_short_line_is_unchanged() {
        for text in [
            "",
            "API key \"demo\" isn't valid \\ für München 東京",
            &"x".repeat(SHORT),
        ] {
            assert_eq!(excerpt(text), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_ends_with_an_ellipsis() {
        let cut = excerpt(&"é".repeat(1_500_000));
        assert_eq!(cut, format!("{}…", "é".repeat(SHORT - 1)));
        let cut = Excerpt::of_store("x".repeat(LONG + 1)).to_string();
        assert_eq!(cut, format!("{}…", "x".repeat(LONG - 1)));
    }

    #[test]
    fn a_sequence_of_unprintable_characters_becomes_one_space() {
        for (text, expected) in [
            ("one\r\ntwo\tthree", "one two three"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred [0m"),
            ("\u{202e}back\u{2066}wards\u{200b}", "back wards"),
            ("a\u{2028}b\u{2029}c\u{feff}d\u{ad}e\u{a0}f", "a b c d e f"),
            ("e\u{301}\u{301}\u{301}", "e"),
            ("  \0  ", ""),
        ] {
            assert_eq!(excerpt(text), expected, "{text:?}");
        }
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_text_becomes_one_bounded_printable_line(text in "(?s).{0,400}") {
                let excerpt = excerpt(&text);
                prop_assert!(excerpt.chars().count() <= SHORT);
                prop_assert!(excerpt.chars().all(|c| c == ' ' || c == '…' || is_printable(c)));
                prop_assert!(!excerpt.chars().any(char::is_control));
                prop_assert_eq!(excerpt.trim(), &excerpt);
            }
        }
    }
}
