//! JSON that a property takes as text, such as a dashboard's body.

use std::mem;

use serde_json::Value as Json;

use super::expression::Expression;
use super::value::{Text, Value};

/// Returns the text of `json` as a `Fn::Sub`, with the references of its values in their
/// places. A reference must not resolve to anything that JSON would have to escape; ids,
/// names and ARNs do not.
pub fn json_text(json: &Json) -> Value<Text> {
    let mut writer = Writer::default();
    writer.write(json);
    writer.end_literal();
    Value::sub(writer.parts)
}

/// The parts so far, and the literal after them.
#[derive(Default)]
struct Writer {
    parts: Vec<Expression<'static>>,
    literal: String,
}

impl Writer {
    fn write(&mut self, json: &Json) {
        if let Some(function) = Expression::function(json) {
            self.literal.push('"');
            self.function(&function);
            self.literal.push('"');
            return;
        }
        match json {
            Json::Object(map) => {
                self.literal.push('{');
                for (i, (name, value)) in map.iter().enumerate() {
                    if i > 0 {
                        self.literal.push(',');
                    }
                    self.literal
                        .push_str(&Json::from(name.as_str()).to_string());
                    self.literal.push(':');
                    self.write(value);
                }
                self.literal.push('}');
            }
            Json::Array(items) => {
                self.literal.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.literal.push(',');
                    }
                    // One widget, or one metric, on each line, so that a reviewer sees the
                    // one that has changed.
                    if item.is_array() || item.is_object() {
                        self.literal.push('\n');
                    }
                    self.write(item);
                }
                self.literal.push(']');
            }
            other => self.literal.push_str(&other.to_string()),
        }
    }

    /// Writes a function inside the quotes of a JSON text.
    fn function(&mut self, function: &Expression<'_>) {
        match function {
            Expression::Literal(text) => {
                let quoted = Json::from(text.as_ref()).to_string();
                let inner = quoted
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'));
                self.literal.push_str(inner.unwrap_or_default());
            }
            Expression::Ref(target) => {
                self.end_literal();
                self.parts
                    .push(Expression::Ref(target.clone().into_owned().into()));
            }
            Expression::GetAtt(target, attribute) => {
                self.end_literal();
                self.parts.push(Expression::GetAtt(
                    target.clone().into_owned().into(),
                    attribute.clone().into_owned().into(),
                ));
            }
            Expression::Sub(parts) => parts.iter().for_each(|part| self.function(part)),
            // Rendering refuses the reference that this text becomes.
            Expression::Other(name, _) => {
                self.end_literal();
                self.parts.push(Expression::Ref((*name).to_owned().into()));
            }
        }
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            let literal = mem::take(&mut self.literal);
            self.parts.push(Expression::Literal(literal.into()));
        }
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
