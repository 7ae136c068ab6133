//! Which resources an expression of a template refers to.

use serde_json::Value;

/// The logical ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` name anywhere in a
/// value, pseudo parameters such as `AWS::Region` among them.
pub(crate) fn targets(value: &Value) -> impl Iterator<Item = &str> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.into_iter()
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            for (name, argument) in map {
                match (name.as_str(), argument) {
                    ("Ref", Value::String(target)) => found.push(target),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str));
                    }
                    ("Fn::Sub", Value::String(text)) => found.extend(in_text(text)),
                    _ => collect(argument, found),
                }
            }
        }
        _ => {}
    }
}

/// The ids between `${` and `}` or `.`; `${!` is a literal.
fn in_text(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(expression, _)| expression.split('.').next().unwrap_or_default())
        .filter(|id| !id.starts_with('!'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_reference_is_found() {
        let value = json!({"A": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}],
            "B": {"Fn::Sub": "${Three}:${Four.Arn}/${!literal}/${AWS::Region}"}});
        let found: Vec<&str> = targets(&value).collect();
        assert_eq!(found, ["One", "Two", "Three", "Four", "AWS::Region"]);
    }
}
