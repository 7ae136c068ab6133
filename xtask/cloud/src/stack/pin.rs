//! Pins an alias in a template at a version. This is the only edit of a template by `--realign`.

use anyhow::Context as _;
use serde_json::Value;

/// Writes an alias's version into a template as a literal, and removes the alias's
/// `UpdatePolicy`. Every other value and the order of all members stay.
pub(crate) fn pin(template: &mut Value, logical_id: &str, version: &str) -> anyhow::Result<()> {
    let missing = || format!("the deployed template has no alias with the id {logical_id}");
    let alias = template.pointer_mut(&format!("/Resources/{logical_id}"));
    let alias = alias.filter(|alias| alias["Type"] == "AWS::Lambda::Alias");
    let alias = alias.and_then(Value::as_object_mut).with_context(missing)?;
    alias.shift_remove("UpdatePolicy");
    let properties = alias.get_mut("Properties").and_then(Value::as_object_mut);
    let pinned = properties.and_then(|properties| properties.get_mut("FunctionVersion"));
    *pinned.with_context(missing)? = version.into();
    Ok(())
}

/// Returns the version at which a template pins an alias; `None` if the template refers to
/// a version resource.
pub(crate) fn pinned<'a>(template: &'a Value, logical_id: &str) -> Option<&'a str> {
    template["Resources"][logical_id]["Properties"]["FunctionVersion"].as_str()
}

#[cfg(test)]
mod tests {
    use infra::environment::TrafficShifting;
    use infra::{Artifacts, Environment};
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_version_and_the_update_policy_of_the_alias_change() {
        for environment in Environment::ALL {
            let settings = environment.settings();
            let template = infra::stack::service(&settings, &Artifacts::placeholder());
            let before = template.render().unwrap().to_json();
            let mut edited: Value = serde_json::from_str(&before).unwrap();
            // Reading and writing the template changes no byte.
            assert_eq!(edited.to_string(), before);
            assert_eq!(pinned(&edited, "ApiAlias"), None);
            let mut expected = edited.clone();
            let alias = &mut expected["Resources"]["ApiAlias"];
            alias["Properties"]["FunctionVersion"] = json!("7");
            let policy = alias.as_object_mut().unwrap().shift_remove("UpdatePolicy");
            let shifts = settings.traffic_shifting != TrafficShifting::None;
            assert_eq!(policy.is_some(), shifts);
            pin(&mut edited, "ApiAlias", "7").unwrap();
            assert_eq!(edited.to_string(), expected.to_string());
            assert_eq!(pinned(&edited, "ApiAlias"), Some("7"));
            pin(&mut edited, "ApiAlias", "8").unwrap();
            assert_eq!(pinned(&edited, "ApiAlias"), Some("8"));
        }
    }

    #[test]
    fn a_template_without_the_alias_is_refused() {
        for resources in [
            json!({"Other": {}}),
            json!({"ApiAlias": {}}),
            json!({"ApiAlias": {"Type": "AWS::Lambda::Alias", "Properties": {}}}),
            json!({"ApiAlias": {"Type": "AWS::Lambda::Version", "Properties": {}}}),
            json!([]),
        ] {
            let mut template = json!({"Resources": resources});
            let refused = pin(&mut template, "ApiAlias", "7").unwrap_err().to_string();
            assert!(
                refused.contains("no alias with the id ApiAlias"),
                "{refused}"
            );
        }
    }
}
