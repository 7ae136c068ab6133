//! The permissions of a statement: its actions, resources and conditions.

use cfn::template::substitution;
use contract::items;
use infra::{names, stack};
use serde_json::Value;

use super::super::super::template::{Checked, Resource, each, texts};
use super::duty::Duty;
use super::escalation;

/// The text in a message for a resource that is a reference and not a pattern.
const REFERENCE: &str = "a reference";

const WRITES: [&str; 3] = [
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
];

pub(super) fn check(
    checked: &mut Checked<'_>,
    holder: Resource<'_>,
    duty: Duty,
    statement: &Value,
) {
    if statement["Effect"] != "Allow" {
        return;
    }
    let actions = texts(&statement["Action"]);
    let condition = &statement["Condition"];
    checked.require(
        !actions.is_empty() && actions.iter().all(|action| !action.contains('*')),
        "iam-wildcard",
        holder.id,
        "an action with a wildcard allows future actions of AWS",
    );
    for resource in each(&statement["Resource"]) {
        let text = match resource {
            Value::String(text) => text.clone(),
            other => substitution(other).unwrap_or_else(|| REFERENCE.to_owned()),
        };
        match duty {
            Duty::Run | Duty::Limit => checked.require(
                !is_everything(&text),
                "iam-wildcard",
                holder.id,
                format_args!("{} on {text} applies to all resources", actions.join(", ")),
            ),
            Duty::Deploy => deploy(checked, holder, &actions, &text, condition),
        }
    }
    if duty == Duty::Deploy {
        escalation::check(checked, holder, statement);
        let services = texts(&condition["StringEquals"]["iam:PassedToService"]);
        checked.require(
            !actions.contains(&"iam:PassRole") || !services.is_empty(),
            "iam-pass-role",
            holder.id,
            "a statement that passes roles must name the services that get them",
        );
    }
    if duty != Duty::Limit && actions.iter().any(|action| WRITES.contains(action)) {
        table_writes(checked, holder, duty, condition);
    }
}

fn table_writes(checked: &mut Checked<'_>, holder: Resource<'_>, duty: Duty, condition: &Value) {
    let keys = texts(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
    let is_prefix = |key: &&str| key.contains('#') && !key.starts_with('*');
    checked.require(
        !keys.is_empty() && keys.iter().all(is_prefix),
        "iam-leading-keys",
        holder.id,
        "a statement that writes to the table must name the partition keys",
    );
    let every_key = format!("{}*", items::API_KEY_PREFIX);
    let attributes = texts(&condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]);
    checked.require(
        duty != Duty::Run || !keys.contains(&&*every_key) || attributes == items::API_WRITES,
        "iam-attributes",
        holder.id,
        "a statement that writes to every API key must name the attributes",
    );
}

fn deploy(
    checked: &mut Checked<'_>,
    holder: Resource<'_>,
    actions: &[&str],
    resource: &str,
    condition: &Value,
) {
    if !is_everything(resource) {
        checked.require(
            is_of_this_project(resource, actions),
            "iam-scope",
            holder.id,
            format_args!(
                "{} on {resource} includes resources of other projects",
                actions.join(", ")
            ),
        );
        return;
    }
    for action in actions {
        checked.require(
            stack::wildcard_actions().any(|known| known.name() == *action),
            "iam-unscoped",
            holder.id,
            format_args!("{action} applies to all resources, although AWS can restrict it"),
        );
    }
    checked.require(
        !condition["StringEquals"]["aws:RequestedRegion"].is_null(),
        "iam-unscoped",
        holder.id,
        "actions on all resources must be restricted to the stack's region",
    );
}

/// Returns true if a resource's name contains the project, or if the resource has one of the few types
/// without the project in their names.
fn is_of_this_project(resource: &str, actions: &[&str]) -> bool {
    resource == REFERENCE
        || resource.contains(names::PROJECT)
        || resource.contains("deploymentconfig:CodeDeployDefault.")
        || actions == ["cloudformation:DescribeEvents"] && resource.contains(":changeSet/")
        // API Gateway chooses the ids of APIs.
        || resource.contains(":apigateway:")
            && ["::/apis*", "::/tags/*"].iter().any(|path| resource.ends_with(path))
        || is_of_a_domain(resource, actions)
}

/// Returns true if a deploy of a custom domain name acts on the resource. Domain names, hosted zones and
/// service-linked roles must be named without a wildcard.
fn is_of_a_domain(resource: &str, actions: &[&str]) -> bool {
    let after = |prefix| resource.split_once(prefix).map(|(_, rest)| rest);
    if let Some(name) = after("::/domainnames") {
        let one = name.strip_suffix("/*").unwrap_or(name);
        return !one.contains('*') && (one == name || !one.is_empty());
    }
    if let Some(zone) = after(":route53:::hostedzone/") {
        return !zone.contains('*');
    }
    if after(":role/aws-service-role/").is_some() {
        return !resource.contains('*') && actions == ["iam:CreateServiceLinkedRole"];
    }
    resource.ends_with(":route53:::change/*") && actions == ["route53:GetChange"]
}

/// Returns true for an empty text, for `*`, and for an ARN with only `*` after the account.
fn is_everything(resource: &str) -> bool {
    // A pseudo parameter such as `${AWS::Region}` contains colons.
    let plain = resource.replace("${AWS::", "${");
    let after_account = plain.splitn(6, ':').nth(5);
    resource.is_empty() || resource == "*" || after_account == Some("*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_instead_of_a_domain_name_or_hosted_zone_is_refused() {
        let gateway = "arn:${AWS::Partition}:apigateway:${AWS::Region}";
        for path in [
            "::/domainnames",
            "::/domainnames/a.example.com",
            "::/domainnames/a.example.com/*",
        ] {
            assert!(
                is_of_this_project(&format!("{gateway}{path}"), &["apigateway:PUT"]),
                "{path}"
            );
        }
        assert!(!is_of_this_project(
            &format!("{gateway}::/domainnames*"),
            &["apigateway:PUT"]
        ));
        assert!(!is_of_this_project(
            &format!("{gateway}::/domainnames/*"),
            &["apigateway:PUT"]
        ));
        let route53 = |resource: &str| format!("arn:${{AWS::Partition}}:route53:::{resource}");
        let change = &["route53:ChangeResourceRecordSets"];
        assert!(is_of_this_project(
            &route53("hostedzone/Z0123456789"),
            change
        ));
        assert!(!is_of_this_project(&route53("hostedzone/*"), change));
        assert!(is_of_this_project(
            &route53("change/*"),
            &["route53:GetChange"]
        ));
        assert!(!is_of_this_project(&route53("change/*"), change));
    }
}
