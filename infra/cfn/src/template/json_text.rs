//! JSON that a property takes as text, such as a dashboard's body.

use serde_json::{Map, Value as Json};

use super::{Text, Value};

/// The text of `json` as a `Fn::Sub`: references among its values are put into
/// the text where they stand. They must not resolve to anything that JSON would
/// have to escape; ids, names and ARNs do not.
pub fn json_text(json: &Json) -> Value<Text> {
    let mut text = String::new();
    write(json, &mut text);
    Value::sub_text(text)
}

fn write(json: &Json, text: &mut String) {
    match json {
        Json::Object(map) => {
            if let Some(reference) = reference(map) {
                // What is inside is in the notation of `Fn::Sub` already.
                text.push_str(&Json::from(reference).to_string());
                return;
            }
            text.push('{');
            for (i, (name, value)) in map.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                literal(&Json::from(name.as_str()), text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                // One widget, or one metric, a line: a reviewer sees which one
                // has changed.
                if item.is_array() || item.is_object() {
                    text.push('\n');
                }
                write(item, text);
            }
            text.push(']');
        }
        other => literal(other, text),
    }
}

/// JSON without references; `${` in it stays what it is.
fn literal(json: &Json, text: &mut String) {
    text.push_str(&json.to_string().replace("${", "${!"));
}

/// An intrinsic function, in the notation of `Fn::Sub`.
fn reference(map: &Map<String, Json>) -> Option<String> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    match (name.as_str(), argument) {
        ("Ref", Json::String(target)) => Some(format!("${{{target}}}")),
        ("Fn::Sub", Json::String(text)) => Some(text.clone()),
        ("Fn::GetAtt", Json::Array(parts)) => match parts.as_slice() {
            [Json::String(target), Json::String(attribute)] => {
                Some(format!("${{{target}.{attribute}}}"))
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logical_id;
    use crate::resources::sns::Topic;
    use crate::template::Template;
    use serde_json::json;

    #[test]
    fn references_are_put_into_the_text_and_everything_else_stays_literal() {
        let mut template = Template::new("test");
        let topic = template.add(
            logical_id!("Topic"),
            Topic {
                topic_name: "alarms".to_owned(),
                tags: Vec::new(),
            },
        );
        let body = json!({ "a \"quoted\" ${name}": [topic.reference(), 1, null] });
        let text = json_text(&body);
        template.output(logical_id!("Text"), "text", &text);
        let rendered = template.render().expect("no problem");
        assert_eq!(
            rendered.as_value()["Outputs"]["Text"]["Value"]["Fn::Sub"],
            "{\"a \\\"quoted\\\" ${!name}\":[\n\"${Topic}\",1,null]}"
        );
    }
}
