//! Comparison of the permissions of two templates.

use std::collections::BTreeSet;

use cfn::template::Expression;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::one_line::OneLine;
use crate::validate::each;

/// One action on one resource in a policy statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The logical id of the resource with the policy.
    pub logical_id: String,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// The action, such as `dynamodb:GetItem`. An action in a `NotAction` has `not` before it.
    pub action: String,
    /// The resource of the statement; empty in a trust policy.
    pub resource: String,
    /// The principal of the statement; empty in a role's own policy.
    pub principal: String,
    /// The condition as JSON; empty without a condition.
    pub condition: String,
}

/// The grants that differ between two templates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantChanges {
    /// Grants that the new template no longer has.
    pub removed: Vec<Grant>,
    /// Grants that only the new template has.
    pub added: Vec<Grant>,
}

impl GrantChanges {
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

pub fn changes(before: &Value, after: &Value) -> GrantChanges {
    let (before, after) = (grants(before), grants(after));
    GrantChanges {
        removed: before.difference(&after).cloned().collect(),
        added: after.difference(&before).cloned().collect(),
    }
}

/// Splits all policies of a template into single grants, so that one new action in a long
/// statement is one line in a review.
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

/// Collects the grants of all policy documents in a value, whatever the names of their properties.
fn collect(id: &str, value: &Value, grants: &mut BTreeSet<Grant>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(id, item, grants)),
        Value::Object(map) => {
            for (name, value) in map {
                match name.as_str() {
                    "Statement" => each(value)
                        .iter()
                        .for_each(|one| statement(id, one, grants)),
                    "ManagedPolicyArns" => {
                        grants.extend(each(value).iter().map(|arn| managed(id, arn)));
                    }
                    _ => collect(id, value, grants),
                }
            }
        }
        _ => {}
    }
}

fn statement(id: &str, statement: &Value, grants: &mut BTreeSet<Grant>) {
    let effect = statement["Effect"].as_str().unwrap_or_default();
    let condition = statement.get("Condition").map(text).unwrap_or_default();
    for action in field(statement, "Action") {
        for resource in field(statement, "Resource") {
            for principal in field(statement, "Principal") {
                grants.insert(Grant {
                    logical_id: id.to_owned(),
                    effect: effect.to_owned(),
                    action: action.clone(),
                    resource: resource.clone(),
                    principal,
                    condition: condition.clone(),
                });
            }
        }
    }
}

/// Returns the values of a field and of its negation, such as `Action` and `NotAction`, or one empty
/// text if there is neither.
fn field(statement: &Value, name: &str) -> Vec<String> {
    let positive = statement.get(name).into_iter().flat_map(values);
    let negative = statement.get(format!("Not{name}"));
    let negative = negative.into_iter().flat_map(values);
    let negative = negative.map(|value| format!("not {value}"));
    let found: Vec<String> = positive.chain(negative).collect();
    if found.is_empty() {
        return vec![String::new()];
    }
    found
}

/// Returns `Service a` and `Service b` for `{"Service": ["a", "b"]}`, and the text of any other
/// value or of its items.
fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) if Expression::function(value).is_none() => map
            .iter()
            .flat_map(|(kind, value)| {
                let names = each(value).iter();
                names.map(move |name| format!("{kind} {}", OneLine(name)))
            })
            .collect(),
        other => each(other).iter().map(text).collect(),
    }
}

fn managed(id: &str, arn: &Value) -> Grant {
    Grant {
        logical_id: id.to_owned(),
        effect: "Allow".to_owned(),
        action: "all actions of the managed policy".to_owned(),
        resource: text(arn),
        ..Grant::default()
    }
}

/// Returns the grant of an `AWS::Lambda::Permission`.
fn permission(id: &str, properties: &Value) -> Grant {
    let conditions = ["SourceArn", "SourceAccount", "PrincipalOrgID"]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", OneLine(properties.get(name)?))));
    Grant {
        logical_id: id.to_owned(),
        effect: "Allow".to_owned(),
        action: text(&properties["Action"]),
        resource: text(&properties["FunctionName"]),
        principal: text(&properties["Principal"]),
        condition: conditions.collect::<Vec<_>>().join(", "),
    }
}

fn text(value: &Value) -> String {
    OneLine(value).to_string()
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
    fn an_additional_action_is_one_additional_grant() {
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
    fn a_removed_condition_replaces_one_grant_by_another() {
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
    fn grants_include_trust_policies_and_managed_policies_and_permissions() {
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
                "all actions of the managed policy|arn:aws:iam::aws:policy/AdministratorAccess||",
                "not sts:AssumeRole||not AWS a|",
                "not sts:AssumeRole||not AWS b|",
            ]
        );
    }
}
