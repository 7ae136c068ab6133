//! Errors of the JSON parser that quote nothing of the input.

use serde_json::error::Category;

/// An error of the JSON parser without its text, which may contain a secret: serde quotes a value,
/// and the Lambda runtime's parser also names the members that contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{category} error at line {line}, column {column}")]
pub struct JsonError {
    category: &'static str,
    /// 0 if the parser names no position.
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self {
            category: match error.classify() {
                Category::Io => "input",
                Category::Syntax => "syntax",
                Category::Data => "data",
                Category::Eof => "end of file",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_kind_and_the_line_and_nothing_of_the_input() {
        let data = serde_json::from_str::<bool>("\n \"secret\"").unwrap_err();
        assert!(data.to_string().contains("secret"), "{data}");
        let parse = |text| serde_json::from_str::<serde_json::Value>(text).unwrap_err();
        let deep = format!("{}1{}", "{\"secret\":".repeat(200), "}".repeat(200));
        for (error, expected) in [
            (data, "data error at line 2"),
            (parse("{\"secret\": secret}"), "syntax error at line 1"),
            (parse("[\"secret\", "), "end of file error at line 1"),
            (parse(&deep), "syntax error at line 1"),
        ] {
            let error = JsonError::from(error);
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
