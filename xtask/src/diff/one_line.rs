//! A template's values as people write them in YAML, on one line.

use std::fmt;

use cfn::template::Expression;
use serde_json::Value;

/// A value on one line: with the short forms `!Ref`, `!GetAtt` and `!Sub`, text without
/// quotes, and anything else as JSON.
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

/// Text with a line break in it, or none in it at all, is quoted: a line is one value.
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
    fn functions_have_their_short_forms_and_text_stays_on_its_line() {
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
