//! A template's values as people write them in YAML, on one line.

use std::fmt;

use serde_json::{Map, Value};

/// Writes a value with the short forms `!Ref`, `!GetAtt` and `!Sub`; text
/// without quotes, anything else as JSON.
pub struct Expression<'a>(pub &'a Value);

/// Whether a map is an intrinsic function, such as `{"Ref": ..}`, and so one value.
pub(super) fn is_function(map: &Map<String, Value>) -> bool {
    map.len() == 1
        && map
            .keys()
            .all(|key| key == "Ref" || key.starts_with("Fn::"))
}

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => write_text(f, text),
            Value::Object(map) if is_function(map) => {
                for (name, argument) in map {
                    let name = name.strip_prefix("Fn::").unwrap_or(name);
                    write!(f, "!{name} ")?;
                    match argument {
                        Value::Array(parts) if name == "GetAtt" => {
                            let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
                            f.write_str(&parts.join("."))?;
                        }
                        other => write!(f, "{}", Expression(other))?,
                    }
                }
                Ok(())
            }
            other => write!(f, "{other}"),
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
            assert_eq!(Expression(&value).to_string(), expected);
        }
    }
}
