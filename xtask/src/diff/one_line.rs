//! Formatting of a template's values on one line.

use std::fmt;

use cfn::template::Expression;
use serde_json::Value;

/// A value as one line: intrinsic functions in their short forms (`!Ref`), text without quotes,
/// and any other value as JSON.
pub struct OneLine<'a>(pub &'a Value);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = Expression::function(self.0);
        if let Some((tag, text)) = function.as_ref().and_then(Expression::short_form) {
            write!(f, "!{tag} ")?;
            return write_text(f, &text);
        }
        match (function, self.0) {
            (Some(Expression::Other(name, argument)), _) => {
                let name = name.strip_prefix("Fn::").unwrap_or(name);
                write!(f, "!{name} {}", OneLine(argument))
            }
            (_, Value::String(text)) => write_text(f, text),
            (_, other) => write!(f, "{other}"),
        }
    }
}

/// Writes a text; an empty text and a text with control characters are quoted.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.is_empty() || text.contains(char::is_control) {
        write!(f, "{text:?}")
    } else {
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_one_line_with_short_forms() {
        for (value, expected) in [
            (json!({"Ref": "Table"}), "!Ref Table"),
            (json!({"Fn::GetAtt": ["Table", "Arn"]}), "!GetAtt Table.Arn"),
            (json!({"Fn::Sub": "${A}:*"}), "!Sub ${A}:*"),
            (json!("a b"), "a b"),
            (json!("a\nb"), r#""a\nb""#),
            (json!(""), r#""""#),
            (json!(["x"]), r#"["x"]"#),
            (json!({"A": 1, "B": true}), r#"{"A":1,"B":true}"#),
        ] {
            assert_eq!(OneLine(&value).to_string(), expected);
        }
    }
}
