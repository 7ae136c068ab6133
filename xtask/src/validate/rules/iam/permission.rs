//! What a statement of a role's policy allows.

use cfn::template::substitution;
use contract::items;
use infra::{names, stack};
use serde_json::Value;

use super::super::super::template::{Checked, Resource, each, texts};
use super::duty::Duty;
use super::escalation;

/// The text in the place of a resource that is a reference and no pattern.
const REFERENCE: &str = "a reference";

pub(super) fn check(
    checked: &mut Checked<'_>,
    holder: Resource<'_>,
    duty: Duty,
    statement: &Value,
) {
    let allows = statement["Effect"] == "Allow";
    if !allows {
        return;
    }
    let actions = texts(&statement["Action"]);
    checked.require(
        !actions.is_empty() && actions.iter().all(|action| !action.contains('*')),
        "iam-wildcard",
        holder.id,
        "an action with a wildcard allows what AWS adds later",
    );
    for resource in each(&statement["Resource"]) {
        let text = match resource {
            Value::String(text) => text.clone(),
            other => substitution(other).unwrap_or_else(|| REFERENCE.to_owned()),
        };
        match duty {
            Duty::Run | Duty::Limit => run(checked, holder, &actions, &text),
            Duty::Deploy => deploy(checked, holder, &actions, &text, &statement["Condition"]),
        }
    }
    if duty == Duty::Deploy {
        escalation::check(checked, holder, statement);
    }
    let passes = actions.contains(&"iam:PassRole") && duty == Duty::Deploy;
    let services = texts(&statement["Condition"]["StringEquals"]["iam:PassedToService"]);
    checked.require(
        !passes || !services.is_empty(),
        "iam-pass-role",
        holder.id,
        "what passes a role on names the service that is to get it",
    );
    let writes = actions.iter().any(|action| {
        [
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ]
        .contains(action)
    });
    checked.require(
        !writes || duty == Duty::Limit || leading_keys(&statement["Condition"]),
        "iam-leading-keys",
        holder.id,
        "what writes to the table names the partition keys that it may write",
    );
    let every_key = format!("{}*", items::API_KEY_PREFIX);
    let keys = texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
    let rewrites = writes && duty == Duty::Run && keys.contains(&&*every_key);
    let attributes =
        texts(&statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]);
    checked.require(
        !rewrites || attributes == items::API_WRITES,
        "iam-attributes",
        holder.id,
        "what writes to every API key names the attributes that it may write",
    );
}

fn run(checked: &mut Checked<'_>, role: Resource<'_>, actions: &[&str], resource: &str) {
    if is_everything(resource) {
        let actions = actions.join(", ");
        checked.note(
            "iam-wildcard",
            role.id,
            format!("{actions} on {resource} is on everything"),
        );
    }
}

fn deploy(
    checked: &mut Checked<'_>,
    holder: Resource<'_>,
    actions: &[&str],
    resource: &str,
    condition: &Value,
) {
    if !is_everything(resource) {
        if !is_of_this_project(resource, actions) {
            let actions = actions.join(", ");
            checked.note(
                "iam-scope",
                holder.id,
                format!("{actions} on {resource} reaches what others have"),
            );
        }
        return;
    }
    for action in actions {
        checked.require(
            stack::wildcard_actions().any(|known| known.name() == *action),
            "iam-unscoped",
            holder.id,
            format_args!(
                "{action} is on everything, and is none of those that AWS cannot restrict"
            ),
        );
    }
    checked.require(
        !condition["StringEquals"]["aws:RequestedRegion"].is_null(),
        "iam-unscoped",
        holder.id,
        "what is on everything is held to the stack's region",
    );
}

/// Whether a resource is one of ours by its name, or one of the few kinds that
/// have no name to go by.
fn is_of_this_project(resource: &str, actions: &[&str]) -> bool {
    resource == REFERENCE
        || resource.contains(names::PROJECT)
        || resource.contains("deploymentconfig:CodeDeployDefault.")
        || actions == ["cloudformation:DescribeEvents"] && resource.contains(":changeSet/")
        // API Gateway makes the ids of APIs up.
        || resource.contains(":apigateway:")
            && ["::/apis*", "::/tags/*"].iter().any(|path| resource.ends_with(path))
        || is_of_a_domain(resource, actions)
}

/// Whether a resource is one domain name, the collection that it is made in, or
/// the zone with its record: it is called as the settings say.
fn is_of_a_domain(resource: &str, actions: &[&str]) -> bool {
    let behind = |prefix| resource.split_once(prefix).map(|(_, rest)| rest);
    if let Some(name) = behind("::/domainnames") {
        let one = name.strip_suffix("/*").unwrap_or(name);
        return !one.contains('*') && (one == name || !one.is_empty());
    }
    if let Some(zone) = behind(":route53:::hostedzone/") {
        return !zone.contains('*');
    }
    if behind(":role/aws-service-role/").is_some() {
        return !resource.contains('*') && actions == ["iam:CreateServiceLinkedRole"];
    }
    resource.ends_with(":route53:::change/*") && actions == ["route53:GetChange"]
}

/// A bare `*`, or an ARN with nothing but `*` behind the service.
fn is_everything(resource: &str) -> bool {
    // A pseudo parameter, `${AWS::Region}`, has colons of its own.
    let plain = resource.replace("${AWS::", "${");
    let after_account = plain.splitn(6, ':').nth(5);
    resource.is_empty() || resource == "*" || after_account == Some("*")
}

/// Whether the condition holds the write to keys that begin in a known way.
fn leading_keys(condition: &Value) -> bool {
    let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let keys = texts(keys);
    !keys.is_empty()
        && keys
            .iter()
            .all(|key| key.contains('#') && !key.starts_with('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_name_and_its_zone_are_reached_by_name_alone() {
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
