//! Templates as YAML, with the short forms of intrinsic functions.

use serde_json::{Map, Value as Json, json};
use serde_yaml::Value as Yaml;
use serde_yaml::value::{Tag, TaggedValue};

use super::expression::Expression;

/// Words that are booleans in YAML 1.1 and texts in YAML 1.2. The library writes YAML 1.2, and
/// CloudFormation reads YAML 1.1.
const YAML_1_1_BOOLEANS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];

/// Writes a template as YAML with a line break at the end.
pub(super) fn to_string(template: &Json) -> String {
    // The default is unreachable: JSON always has a YAML form.
    let yaml = serde_yaml::to_string(&convert(template)).unwrap_or_default();
    // Removes `QUOTE_MARK`, which made the library quote the word.
    yaml.replace("\"\\t", "\"")
}

/// A tab at the start of a text. The library always quotes such a text, and writes the tab as `\t`.
/// If a template contained a text with a tab at the start, the tab would be lost.
const QUOTE_MARK: char = '\t';

fn yaml_text(text: &str) -> Yaml {
    let lower = text.to_ascii_lowercase();
    if YAML_1_1_BOOLEANS.contains(&lower.as_str()) {
        Yaml::String(format!("{QUOTE_MARK}{text}"))
    } else {
        Yaml::String(text.to_owned())
    }
}

fn convert(json: &Json) -> Yaml {
    let function = Expression::function(json);
    if let Some((tag, text)) = function.and_then(|function| function.short_form()) {
        return Yaml::Tagged(Box::new(TaggedValue {
            tag: Tag::new(tag),
            value: Yaml::String(text),
        }));
    }
    match json {
        Json::Object(map) => Yaml::Mapping(
            map.iter()
                .map(|(name, value)| (Yaml::String(name.clone()), convert(value)))
                .collect(),
        ),
        Json::Array(items) => Yaml::Sequence(items.iter().map(convert).collect()),
        Json::String(text) => yaml_text(text),
        Json::Bool(flag) => Yaml::Bool(*flag),
        Json::Null => Yaml::Null,
        Json::Number(number) => number
            .as_i64()
            .map(Yaml::from)
            .or_else(|| number.as_f64().map(Yaml::from))
            .unwrap_or(Yaml::Null),
    }
}

/// Reads a template from YAML with the short forms of intrinsic functions.
pub fn from_yaml(text: &str) -> Result<Json, serde_yaml::Error> {
    long_form(serde_yaml::from_str(text)?)
}

fn long_form(yaml: Yaml) -> Result<Json, serde_yaml::Error> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let name = name.trim_start_matches('!');
            match (name, long_form(tagged.value)?) {
                ("Ref", Json::String(target)) => json!(Expression::Ref(target.into())),
                ("GetAtt", Json::String(path)) => {
                    let (target, attribute) = path.split_once('.').unwrap_or((&path, ""));
                    json!(Expression::GetAtt(target.into(), attribute.into()))
                }
                (name, argument) => json!({ format!("Fn::{name}"): argument }),
            }
        }
        Yaml::Mapping(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                object.insert(serde_yaml::from_value(key)?, long_form(value)?);
            }
            Json::Object(object)
        }
        Yaml::Sequence(items) => {
            Json::Array(items.into_iter().map(long_form).collect::<Result<_, _>>()?)
        }
        scalar => serde_yaml::from_value(scalar)?,
    })
}
