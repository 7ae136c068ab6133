//! Templates as YAML, with the short forms that people write by hand.

use serde_json::Value as Json;
use serde_yaml::Value as Yaml;
use serde_yaml::value::{Tag, TaggedValue};

/// Words that are booleans in YAML 1.1, which CloudFormation and its linters
/// read, and plain text in YAML 1.2, which our library writes.
const YAML_1_1_BOOLEANS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];

/// The template as YAML, ending with a line break.
pub(super) fn to_string(template: &Json) -> String {
    // Strings, numbers, lists and string-keyed maps always have a YAML form.
    let yaml = serde_yaml::to_string(&convert(template)).unwrap_or_default();
    // The mark that `string` has put before such a word has made the library
    // quote it, and is taken out again.
    yaml.replace("\"\\t", "\"")
}

/// Text that begins with a tab is always quoted, with the tab as an escape. A
/// template that has such text of its own would lose the tab.
const QUOTE_MARK: char = '\t';

fn string(text: &str) -> Yaml {
    let lower = text.to_ascii_lowercase();
    if YAML_1_1_BOOLEANS.contains(&lower.as_str()) {
        Yaml::String(format!("{QUOTE_MARK}{text}"))
    } else {
        Yaml::String(text.to_owned())
    }
}

fn convert(json: &Json) -> Yaml {
    match json {
        Json::Object(map) => {
            let function = map.iter().next().filter(|_| map.len() == 1);
            if let Some(tagged) = function.and_then(|(name, argument)| short_form(name, argument)) {
                return tagged;
            }
            Yaml::Mapping(
                map.iter()
                    .map(|(name, value)| (Yaml::String(name.clone()), convert(value)))
                    .collect(),
            )
        }
        Json::Array(items) => Yaml::Sequence(items.iter().map(convert).collect()),
        Json::String(text) => string(text),
        Json::Bool(flag) => Yaml::Bool(*flag),
        Json::Null => Yaml::Null,
        Json::Number(number) => number
            .as_i64()
            .map(Yaml::from)
            .or_else(|| number.as_f64().map(Yaml::from))
            .unwrap_or(Yaml::Null),
    }
}

/// `!Ref X`, `!GetAtt X.Y` and `!Sub text`.
fn short_form(name: &str, argument: &Json) -> Option<Yaml> {
    let (tag, text) = match (name, argument) {
        ("Ref", Json::String(target)) => ("Ref", target.clone()),
        ("Fn::Sub", Json::String(text)) => ("Sub", text.clone()),
        ("Fn::GetAtt", Json::Array(parts)) => match parts.as_slice() {
            [Json::String(target), Json::String(attribute)] => {
                ("GetAtt", format!("{target}.{attribute}"))
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(Yaml::Tagged(Box::new(TaggedValue {
        tag: Tag::new(tag),
        value: Yaml::String(text),
    })))
}
