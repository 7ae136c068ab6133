//! References in an expression of a template.

use serde_json::Value;

/// The logical ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` name anywhere in a
/// value, pseudo parameters such as `AWS::Region` among them.
pub(crate) fn targets(value: &Value) -> impl Iterator<Item = &str> {
    expressions(value).map(|(target, _)| target)
}

/// The logical ids that are named without an attribute: by `Ref`, or as `${Id}`.
pub(crate) fn refs(value: &Value) -> impl Iterator<Item = &str> {
    expressions(value)
        .filter(|(_, attribute)| attribute.is_none())
        .map(|(target, _)| target)
}

/// Each reference in a value: a logical id and an attribute, if any.
fn expressions(value: &Value) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.into_iter()
}

fn collect<'a>(value: &'a Value, found: &mut Vec<(&'a str, Option<&'a str>)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            for (name, argument) in map {
                match (name.as_str(), argument) {
                    ("Ref", Value::String(target)) => found.push((target, None)),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        let mut parts = parts.iter().filter_map(Value::as_str);
                        found.extend(parts.next().map(|target| (target, parts.next())));
                    }
                    ("Fn::Sub", Value::String(text)) => found.extend(in_text(text)),
                    _ => collect(argument, found),
                }
            }
        }
        _ => {}
    }
}

/// The references between `${` and `}`; `${!` is a literal.
fn in_text(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(expression, _)| expression)
        .filter(|expression| !expression.starts_with('!'))
        .map(|expression| match expression.split_once('.') {
            Some((target, attribute)) => (target, Some(attribute)),
            None => (expression, None),
        })
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
        let without_attribute: Vec<&str> = refs(&value).collect();
        assert_eq!(without_attribute, ["One", "Three", "AWS::Region"]);
    }
}
