//! JSON documents that a property contains as text, such as the body of a dashboard.

use serde_json::Value as Json;

use super::expression::Expression;
use super::value::{Text, Value};

/// Returns the text of a JSON document as a `Fn::Sub` that contains the document's
/// references. A reference must resolve to a text that JSON does not have to escape. Ids,
/// names and ARNs are such texts.
pub fn json_text(json: &Json) -> Value<Text> {
    let mut parts = Vec::new();
    write(json, &mut parts);
    Value::sub(parts)
}

fn write(json: &Json, parts: &mut Vec<Expression<'static>>) {
    if let Some(function) = Expression::function(json) {
        parts.push("\"".into());
        write_inside_quotes(&function, parts);
        parts.push("\"".into());
        return;
    }
    match json {
        Json::Object(map) => {
            parts.push("{".into());
            for (i, (name, value)) in map.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                parts.push(format!("{comma}{}:", Json::from(name.as_str())).into());
                write(value, parts);
            }
            parts.push("}".into());
        }
        Json::Array(items) => {
            parts.push("[".into());
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    parts.push(",".into());
                }
                // Each widget and each metric is on a line of its own, so that a diff shows only
                // changed widgets and metrics.
                if item.is_array() || item.is_object() {
                    parts.push("\n".into());
                }
                write(item, parts);
            }
            parts.push("]".into());
        }
        scalar => parts.push(scalar.to_string().into()),
    }
}

/// Writes a function as a part of a JSON string.
fn write_inside_quotes(function: &Expression<'_>, parts: &mut Vec<Expression<'static>>) {
    match function {
        Expression::Literal(text) => {
            let quoted = Json::from(text.as_ref()).to_string();
            parts.push(quoted[1..quoted.len() - 1].to_owned().into());
        }
        Expression::Ref(target) => parts.push(Expression::Ref(target.to_string().into())),
        Expression::GetAtt(target, attribute) => {
            let (target, attribute) = (target.to_string(), attribute.to_string());
            parts.push(Expression::GetAtt(target.into(), attribute.into()));
        }
        Expression::Sub(inner) => inner
            .iter()
            .for_each(|part| write_inside_quotes(part, parts)),
        // Rendering rejects this reference, because no handle created it.
        Expression::Other(name, _) => parts.push(Expression::Ref((*name).to_owned().into())),
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
    fn references_stay_references_and_all_other_text_is_literal() {
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
