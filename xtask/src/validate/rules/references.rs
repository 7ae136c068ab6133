//! Every reference leads to something in the template.

use serde_json::Value;

use super::super::template::Checked;
use crate::reference;

pub(super) fn check(checked: &mut Checked<'_>) {
    let resources = &checked.template["Resources"];
    let is_there = |id: &str| resources.get(id).is_some();
    let resolves = |target: &str| is_there(target) || target.starts_with("AWS::");
    for resource in checked.resources {
        for target in reference::targets(resource.body) {
            checked.require(
                resolves(target),
                "reference",
                resource.id,
                format_args!("it refers to {target}, which is not there"),
            );
        }
        let after = &resource.body["DependsOn"];
        let after = after
            .as_array()
            .map_or(std::slice::from_ref(after), Vec::as_slice);
        for target in after.iter().filter_map(Value::as_str) {
            checked.require(
                is_there(target),
                "reference",
                resource.id,
                format_args!("it depends on {target}, which is not there"),
            );
        }
    }
    for target in reference::targets(&checked.template["Outputs"]) {
        checked.require(
            resolves(target),
            "reference",
            "Outputs",
            format_args!("an output refers to {target}, which is not there"),
        );
    }
}
