//! Every reference leads to something in the template.

use serde_json::Value;

use super::super::template::Checked;
use crate::reference;

pub(super) fn check(checked: &mut Checked<'_>) {
    let known: Vec<&str> = checked.resources().map(|resource| resource.id).collect();
    let resolves = |target: &str| known.contains(&target) || target.starts_with("AWS::");
    for resource in checked.resources() {
        for target in reference::targets(resource.body) {
            checked.require(
                resolves(target),
                "reference",
                resource.id,
                format!("it refers to {target}, which is not there"),
            );
        }
        let after = &resource.body["DependsOn"];
        let after = after
            .as_array()
            .map_or(std::slice::from_ref(after), Vec::as_slice);
        for target in after.iter().filter_map(Value::as_str) {
            checked.require(
                known.contains(&target),
                "reference",
                resource.id,
                format!("it depends on {target}, which is not there"),
            );
        }
    }
    for target in reference::targets(&checked.template["Outputs"]) {
        checked.require(
            resolves(target),
            "reference",
            "Outputs",
            format!("an output refers to {target}, which is not there"),
        );
    }
}
