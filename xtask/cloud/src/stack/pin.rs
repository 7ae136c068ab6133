//! Pins an alias in a template: the one edit of `--realign`.

use std::fmt;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

const ALIAS: &str = "AWS::Lambda::Alias";

/// An alias of a template and the version that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) logical_id: String,
    pub(crate) version: String,
}

/// Writes an alias's version into a template as a literal, and removes the alias's
/// `UpdatePolicy`. No other byte changes.
///
/// # Errors
///
/// If the template has no such alias.
pub(crate) fn pin(template: &str, pin: &Pin) -> anyhow::Result<String> {
    let id = &pin.logical_id;
    let attempted = || format!("pinning {id} in the deployed template");
    let object = |text| serde_json::from_str::<Object<'_>>(text).with_context(attempted);
    let missing = |what: &str| format!("the deployed template has no {what} of {id}");

    let root = object(template)?;
    let resources = root.get("Resources").with_context(|| missing("resource"))?;
    let resources = object(resources)?;
    let alias = resources.get(id).with_context(|| missing("resource"))?;
    let alias = object(alias)?;
    let is_alias = alias.get("Type") == Some(&format!("\"{ALIAS}\""));
    anyhow::ensure!(is_alias, "{id} is no {ALIAS} in the deployed template");
    let properties = alias.get("Properties");
    let properties = object(properties.with_context(|| missing("properties"))?)?;
    let version = properties.get("FunctionVersion");
    let version = version.with_context(|| missing("FunctionVersion"))?;

    let mut edits = vec![Edit {
        span: span(template, version),
        text: serde_json::to_string(&pin.version).with_context(attempted)?,
    }];
    edits.extend(alias.removal(template, "UpdatePolicy"));
    // From the end, so that the spans of earlier edits stay valid.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.0));
    let mut edited = template.to_owned();
    for Edit {
        span: (start, end),
        text,
    } in edits
    {
        edited.replace_range(start..end, &text);
    }
    Ok(edited)
}

/// The version at which a template pins an alias; `None` if the template refers to
/// a version resource.
pub(crate) fn pinned<'a>(template: &'a Value, logical_id: &str) -> Option<&'a str> {
    template["Resources"][logical_id]["Properties"]["FunctionVersion"].as_str()
}

/// A replacement of a part of a text.
struct Edit {
    span: (usize, usize),
    text: String,
}

/// The members of a JSON object in their order, with the raw text of each value.
struct Object<'a> {
    members: Vec<(String, &'a str)>,
}

impl<'a> Object<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let member = self.members.iter().find(|(known, _)| known == name);
        member.map(|(_, value)| *value)
    }

    /// The edit that removes one of several members, with the comma before or after it.
    fn removal(&self, whole: &str, name: &str) -> Option<Edit> {
        let index = self.members.iter().position(|(known, _)| known == name)?;
        let (start, end) = span(whole, self.members[index].1);
        let span = if let Some(before) = index.checked_sub(1) {
            (span(whole, self.members[before].1).1, end)
        } else {
            let brace = whole[..start].rfind('{')?;
            let comma = whole[end..].find(',')?;
            (brace + 1, end + comma + 1)
        };
        Some(Edit {
            span,
            text: String::new(),
        })
    }
}

/// The beginning and the end of a part of a text.
fn span(whole: &str, part: &str) -> (usize, usize) {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    (start, start + part.len())
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Object { members })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use infra::environment::TrafficShifting;
    use infra::{Artifacts, Environment};
    use serde_json::json;

    use super::*;

    fn pinned_at(template: &str, version: &str) -> anyhow::Result<String> {
        let edit = Pin {
            logical_id: "ApiAlias".to_owned(),
            version: version.to_owned(),
        };
        pin(template, &edit)
    }

    #[test]
    fn the_alias_gets_a_literal_and_loses_its_update_policy_and_nothing_else_changes() {
        for environment in Environment::ALL {
            let settings = environment.settings();
            let template = infra::stack::service(&settings, &Artifacts::placeholder());
            let template = template.render().unwrap();
            let mut expected = template.as_value().clone();
            assert_eq!(pinned(&expected, "ApiAlias"), None);
            let alias = &mut expected["Resources"]["ApiAlias"];
            alias["Properties"]["FunctionVersion"] = json!("7");
            let policy = alias.as_object_mut().unwrap().shift_remove("UpdatePolicy");
            let shifts = settings.traffic_shifting != TrafficShifting::None;
            assert_eq!(policy.is_some(), shifts);
            let edited = pinned_at(&template.to_json(), "7").unwrap();
            assert_eq!(edited, serde_json::to_string(&expected).unwrap());
            assert_eq!(pinned(&expected, "ApiAlias"), Some("7"));
        }
    }

    #[test]
    fn an_edit_of_an_edited_template_only_changes_the_version() {
        let template = r#"{"Resources":{"ApiAlias":{"Type":"AWS::Lambda::Alias","Properties":{"FunctionVersion":"7"}}}}"#;
        assert_eq!(pinned_at(template, "7").unwrap(), template);
        let other = template.replace("\"7\"", "\"8\"");
        assert_eq!(pinned_at(template, "8").unwrap(), other);
    }

    #[test]
    fn a_template_without_the_alias_is_refused() {
        for (resource, words) in [
            (r#""Other":{}"#, "no resource of ApiAlias"),
            (
                r#""ApiAlias":{"Type":"AWS::Lambda::Version"}"#,
                "ApiAlias is no",
            ),
            (
                r#""ApiAlias":{"Type":"AWS::Lambda::Alias"}"#,
                "no properties of ApiAlias",
            ),
            (
                r#""ApiAlias":{"Type":"AWS::Lambda::Alias","Properties":{}}"#,
                "no FunctionVersion of ApiAlias",
            ),
        ] {
            let template = format!("{{\"Resources\":{{{resource}}}}}");
            let refused = pinned_at(&template, "7").unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(pinned_at("Resources: {}", "7").is_err());
    }

    mod properties {
        use proptest::prelude::*;
        use proptest::sample::select;

        use super::*;

        /// A value with spaces, escapes and numbers that a serializer would write
        /// differently.
        fn any_text() -> impl Strategy<Value = String> {
            let leaf = select(vec![
                "null",
                "1.50",
                "1e3",
                "-0",
                r#""\u0041""#,
                r#""a,}{]:""#,
                "\"\\\"\"",
                "[ ]",
                "{}",
            ]);
            leaf.prop_map(str::to_owned)
                .prop_recursive(2, 8, 3, |inner| {
                    prop_oneof![
                        prop::collection::vec(inner.clone(), 0..3)
                            .prop_map(|items| format!("[{}]", items.join(", "))),
                        prop::collection::vec(inner, 0..3).prop_map(|values| {
                            let member = |(index, value)| format!("\"k{index}\" : {value}");
                            let members: Vec<String> =
                                values.into_iter().enumerate().map(member).collect();
                            format!("{{ {} }}", members.join(","))
                        }),
                    ]
                })
        }

        fn space() -> impl Strategy<Value = &'static str> {
            select(vec!["", " ", "\n  "])
        }

        prop_compose! {
            /// The members of an object with raw values, in any order.
            fn members(fixed: Vec<(&'static str, String)>)(
                others in prop::collection::btree_map("[a-z]{1,4}", any_text(), 0..3),
                fixed in Just(fixed),
            )(
                all in Just(
                    fixed
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .chain(others)
                        .collect::<Vec<_>>()
                ).prop_shuffle()
            ) -> Vec<(String, String)> { all }
        }

        fn object(members: &[(String, String)], space: &str) -> String {
            let member =
                |(name, value): &(String, String)| format!("{space}\"{name}\":{space}{value}");
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}{space}}}", members.join(&format!("{space},")))
        }

        /// A template around an alias with these properties and members.
        fn template(
            properties: &[(String, String)],
            alias: &[(String, String)],
            around: &[(String, String)],
            space: &str,
        ) -> String {
            let filled = |members: &[(String, String)], name: &str, value: String| {
                let fill = |(known, old): &(String, String)| {
                    let value = if known == name {
                        value.clone()
                    } else {
                        old.clone()
                    };
                    (known.clone(), value)
                };
                members.iter().map(fill).collect::<Vec<_>>()
            };
            let alias = filled(alias, "Properties", object(properties, space));
            let resources = filled(around, "ApiAlias", object(&alias, space));
            let resources = object(&resources, space);
            format!("{{{space}\"Resources\":{space}{resources}{space}}}")
        }

        proptest! {
            #[test]
            fn no_other_byte_changes(
                properties in any_text().prop_flat_map(|old| members(vec![("FunctionVersion", old)])),
                alias in any_text().prop_flat_map(|policy| members(vec![
                    ("Type", format!("\"{ALIAS}\"")),
                    ("Properties", String::new()),
                    ("UpdatePolicy", policy),
                ])),
                around in members(vec![("ApiAlias", String::new())]),
                space in space(),
                version in 1_u64..,
            ) {
                let before = template(&properties, &alias, &around, space);
                let edited = pinned_at(&before, &version.to_string())
                    .map_err(|error| TestCaseError::fail(format!("{error:#}: {before}")))?;
                let mut properties = properties;
                for (name, value) in &mut properties {
                    if name == "FunctionVersion" {
                        *value = format!("\"{version}\"");
                    }
                }
                let mut alias = alias;
                alias.retain(|(name, _)| name != "UpdatePolicy");
                prop_assert_eq!(edited, template(&properties, &alias, &around, space));
            }
        }
    }
}
