//! The differences of two templates as text, for reviewers.

use std::fmt;

use clap::builder::styling::AnsiColor;
use serde::Serialize;
use serde_json::Value;

use super::action::Action;
use super::compare::{self, ResourceDifference};
use super::iam::{self, Grant, GrantChanges};
use super::monthly_cost::{self, MonthlyCost};
use super::one_line::OneLine;
use super::safeguards::{Weakening, weakenings};

/// Maximum bytes of an old and a new value that share a line.
const MAX_SHARED_LINE: usize = 80;

/// The end of the line of a property whose change replaces the resource.
pub(super) const REPLACES: &str = "  (replaces the resource)";

/// All differences of two templates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemplateDiff {
    /// The name of the template's snapshot, such as `prod` or `artifacts-prod`.
    pub template: String,
    /// The changed resources, outputs and sections, the most harmful first.
    pub differences: Vec<ResourceDifference>,
    /// The weaker alarms and rollout gates.
    pub weakened: Vec<Weakening>,
    /// The changed permissions.
    pub iam: GrantChanges,
    /// The cost of a month; absent if it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<MonthlyCost>,
}

impl TemplateDiff {
    pub fn new(template: impl Into<String>, before: &Value, after: &Value) -> Self {
        TemplateDiff {
            template: template.into(),
            differences: compare::compare(before, after),
            weakened: weakenings(before, after),
            iam: iam::changes(before, after),
            cost: monthly_cost::change(before, after),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.differences.is_empty() && self.iam.is_empty()
    }
}

impl fmt::Display for TemplateDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "{}: no difference", self.template);
        }
        let count = self.differences.len();
        let s = if count == 1 { "" } else { "s" };
        writeln!(f, "{}: {count} difference{s}", self.template)?;
        for difference in &self.differences {
            write!(f, "  {difference}")?;
        }
        if !self.weakened.is_empty() {
            writeln!(f, "  weaker alarms and rollout gates:")?;
        }
        for weakening in &self.weakened {
            writeln!(f, "    ! {weakening}")?;
        }
        write!(f, "{}", self.iam)?;
        match self.cost {
            Some(cost) => writeln!(f, "  {cost}"),
            None => Ok(()),
        }
    }
}

/// Returns the colour of a line: red for harmful changes and old values, yellow for warnings, green for
/// additions and new values.
pub(super) fn colour(line: &str) -> Option<AnsiColor> {
    let text = line.trim_start();
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if line.ends_with(REPLACES) || starts(&["REMOVE ", "REPLACE ", "MAY REPLACE ", "- "]) {
        Some(AnsiColor::Red)
    } else if starts(&["! ", "retain "]) {
        Some(AnsiColor::Yellow)
    } else if starts(&["add ", "+ "]) {
        Some(AnsiColor::Green)
    } else {
        None
    }
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24}  {}", self.logical_id, self.change)
    }
}

impl fmt::Display for ResourceDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<11}  {:<32}  {}",
            self.action, self.resource_type, self.logical_id
        )?;
        if self.action == Action::MayReplace {
            writeln!(f, "      it refers to a resource that is replaced")?;
        }
        for property in &self.properties {
            write!(f, "      {}:", property.path)?;
            let text = |value: &Option<Value>| match value {
                Some(value) => OneLine(value).to_string(),
                None => "not set".to_owned(),
            };
            let (before, after) = (text(&property.before), text(&property.after));
            if before.len() + after.len() > MAX_SHARED_LINE {
                write!(f, "\n        - {before}\n        + {after}")?;
            } else {
                write!(f, " {before} -> {after}")?;
            }
            if property.replaces {
                f.write_str(REPLACES)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Writes one line per grant, with `-` if it is removed and `+` if it is added.
impl fmt::Display for GrantChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        writeln!(f, "  permissions:")?;
        let removed = self.removed.iter().map(|grant| ('-', grant));
        let added = self.added.iter().map(|grant| ('+', grant));
        for (sign, grant) in removed.chain(added) {
            writeln!(f, "    {sign} {grant}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<24}  {:<5}  {}",
            self.logical_id, self.effect, self.action
        )?;
        if !self.resource.is_empty() {
            write!(f, "  on {}", self.resource)?;
        }
        if !self.principal.is_empty() {
            write!(f, "  by {}", self.principal)?;
        }
        if !self.condition.is_empty() {
            write!(f, "  if {}", self.condition)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_most_harmful_difference_is_first_and_has_its_reason() {
        let before = json!({"Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 60}},
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "a"}},
        }});
        let after = json!({"Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 5}},
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "b"}},
            "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
                "Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "p"}},
        }});
        let expected = "\
prod: 3 differences
  REPLACE      AWS::DynamoDB::Table              Table
      TableName: a -> b  (replaces the resource)
  modify       AWS::SQS::Queue                   Queue
      MessageRetentionPeriod: 60 -> not set
      VisibilityTimeout: not set -> 5
  add          AWS::Lambda::Permission           Permission
  permissions:
    + Permission                Allow  lambda:InvokeFunction  on f  by p
";
        assert_eq!(
            TemplateDiff::new("prod", &before, &after).to_string(),
            expected
        );
        assert_eq!(
            TemplateDiff::new("prod", &after, &after).to_string(),
            "prod: no difference\n"
        );
    }
}
