//! What a template changes in who may do what.

use std::collections::BTreeSet;

use cfn::template::Expression;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::one_line::OneLine;

/// One thing that a policy's statement says: one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The logical id of the resource that carries the policy.
    pub logical_id: String,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Such as `dynamodb:GetItem`; `not ..` for a `NotAction`.
    pub action: String,
    /// What it is done on; empty in a trust policy.
    pub resource: String,
    /// Who may; empty in a role's own policy.
    pub principal: String,
    /// Under which condition, as JSON; empty if always.
    pub condition: String,
}

/// The grants that differ between two templates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChanges {
    /// What may not be done any more.
    pub removed: Vec<Grant>,
    /// What may be done from now on.
    pub added: Vec<Grant>,
}

impl GrantChanges {
    /// Whether nobody may do more or less than before.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

/// Compares what two templates permit.
pub fn changes(before: &Value, after: &Value) -> GrantChanges {
    let (before, after) = (grants(before), grants(after));
    GrantChanges {
        removed: before.difference(&after).cloned().collect(),
        added: after.difference(&before).cloned().collect(),
    }
}

/// Everything that a template's policies say, in the smallest pieces, so that
/// an action more in a long statement is one line in a review.
fn grants(template: &Value) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    let resources = template["Resources"].as_object();
    for (id, resource) in resources.into_iter().flatten() {
        collect(id, &resource["Properties"], &mut grants);
        if resource["Type"] == "AWS::Lambda::Permission" {
            grants.insert(permission(id, &resource["Properties"]));
        }
    }
    grants
}

/// Finds policy documents wherever they stand: a property of a role, of a
/// bucket or of a queue, inline in a list, or under a name not known here.
fn collect(id: &str, value: &Value, grants: &mut BTreeSet<Grant>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(id, item, grants)),
        Value::Object(map) => {
            for (name, value) in map {
                match name.as_str() {
                    "Statement" => each(value).for_each(|one| statement(id, one, grants)),
                    "ManagedPolicyArns" => grants.extend(each(value).map(|arn| managed(id, arn))),
                    _ => collect(id, value, grants),
                }
            }
        }
        _ => {}
    }
}

fn statement(id: &str, statement: &Value, grants: &mut BTreeSet<Grant>) {
    let effect = statement["Effect"].as_str().unwrap_or_default();
    let condition = statement.get("Condition").map(|value| text(value, false));
    for action in field(statement, "Action") {
        for resource in field(statement, "Resource") {
            for principal in field(statement, "Principal") {
                grants.insert(Grant {
                    logical_id: id.to_owned(),
                    effect: effect.to_owned(),
                    action: action.clone(),
                    resource: resource.clone(),
                    principal,
                    condition: condition.clone().unwrap_or_default(),
                });
            }
        }
    }
}

/// The values of a field or of its negation; one empty text where there is neither.
fn field(statement: &Value, name: &str) -> Vec<String> {
    let negated = format!("Not{name}");
    let values = |name: &str, not: bool| -> Vec<String> {
        let value = statement.get(name);
        value
            .into_iter()
            .flat_map(principals)
            .map(|value| text(&value, not))
            .collect()
    };
    let mut found = values(name, false);
    found.extend(values(&negated, true));
    if found.is_empty() {
        found.push(String::new());
    }
    found
}

/// `{"Service": ["a", "b"]}` are two principals; anything else is itself, or its items.
fn principals(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(map) if Expression::function(value).is_none() => map
            .iter()
            .flat_map(|(kind, value)| {
                each(value).map(move |value| Value::String(format!("{kind} {}", OneLine(value))))
            })
            .collect(),
        other => each(other).cloned().collect(),
    }
}

fn managed(id: &str, arn: &Value) -> Grant {
    Grant {
        logical_id: id.to_owned(),
        effect: "Allow".to_owned(),
        action: "what the managed policy allows".to_owned(),
        resource: text(arn, false),
        principal: String::new(),
        condition: String::new(),
    }
}

/// A statement of a function's resource policy.
fn permission(id: &str, properties: &Value) -> Grant {
    let conditions = ["SourceArn", "SourceAccount", "PrincipalOrgID"]
        .into_iter()
        .filter_map(|name| {
            let value = properties.get(name)?;
            Some(format!("{name} {}", OneLine(value)))
        });
    Grant {
        logical_id: id.to_owned(),
        effect: "Allow".to_owned(),
        action: text(&properties["Action"], false),
        resource: text(&properties["FunctionName"], false),
        principal: text(&properties["Principal"], false),
        condition: conditions.collect::<Vec<_>>().join(", "),
    }
}

fn each(value: &Value) -> std::slice::Iter<'_, Value> {
    match value {
        Value::Array(items) => items.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

fn text(value: &Value, not: bool) -> String {
    let not = if not { "not " } else { "" };
    format!("{not}{}", OneLine(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(actions: &[&str], condition: Option<&str>) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Action": actions, "Resource": [{"Fn::GetAtt": ["Table", "Arn"]}]
        });
        if let Some(keys) = condition {
            statement["Condition"] = json!({"StringLike": {"dynamodb:LeadingKeys": keys}});
        }
        json!({"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": [statement]}}],
        }}}})
    }

    #[test]
    fn one_action_more_is_one_grant_more() {
        let before = role(&["dynamodb:GetItem"], None);
        let changes = changes(
            &before,
            &role(&["dynamodb:GetItem", "dynamodb:PutItem"], None),
        );
        let expected = Grant {
            logical_id: "Role".to_owned(),
            effect: "Allow".to_owned(),
            action: "dynamodb:PutItem".to_owned(),
            resource: "!GetAtt Table.Arn".to_owned(),
            principal: String::new(),
            condition: String::new(),
        };
        assert_eq!((changes.removed, changes.added), (vec![], vec![expected]));
    }

    #[test]
    fn a_condition_that_goes_shows_as_one_grant_for_another() {
        let changes = changes(
            &role(&["dynamodb:PutItem"], Some("A#*")),
            &role(&["dynamodb:PutItem"], None),
        );
        let conditions = |grants: &[Grant]| -> Vec<String> {
            grants.iter().map(|grant| grant.condition.clone()).collect()
        };
        let was = r#"{"StringLike":{"dynamodb:LeadingKeys":"A#*"}}"#;
        assert_eq!(conditions(&changes.removed), [was]);
        assert_eq!(conditions(&changes.added), [""]);
    }

    #[test]
    fn trust_and_managed_policies_and_permissions_count() {
        let template = json!({"Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {
                "AssumeRolePolicyDocument": {"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": ["a", "b"]},
                    "NotAction": "sts:AssumeRole"}},
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}},
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Alias"},
                "Principal": "apigateway.amazonaws.com", "SourceArn": {"Fn::Sub": "arn:${X}"}}},
        }});
        let added = changes(&json!({}), &template).added;
        let lines: Vec<String> = added
            .iter()
            .map(|g| {
                format!(
                    "{}|{}|{}|{}",
                    g.action, g.resource, g.principal, g.condition
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "lambda:InvokeFunction|!Ref Alias|apigateway.amazonaws.com|SourceArn !Sub arn:${X}",
                "not sts:AssumeRole||not AWS a|",
                "not sts:AssumeRole||not AWS b|",
                "what the managed policy allows|arn:aws:iam::aws:policy/AdministratorAccess||",
            ]
        );
    }
}
