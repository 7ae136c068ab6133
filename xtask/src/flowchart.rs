//! A rendered template as a Mermaid flowchart.
//!
//! An arrow is a permission of a role, a permission on a function, or a reference. The nodes are
//! grouped by whether a request or an update reaches them along the arrows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cfn::template::targets;
use contract::Function;
use infra::RenderedTemplate;
use serde_json::{Map, Value};

/// The node of the clients, which no template has: they call every API.
const APP: &str = "app";
/// The node of the price providers, which no template has: the update function calls them.
const PROVIDERS: &str = "providers";

/// Types that are drawn as a part of another resource, with the property that refers to that resource.
const PARTS: [(&str, &str); 10] = [
    ("AWS::ApiGatewayV2::ApiMapping", "ApiId"),
    ("AWS::ApiGatewayV2::Integration", "ApiId"),
    ("AWS::ApiGatewayV2::Route", "ApiId"),
    ("AWS::ApiGatewayV2::Stage", "ApiId"),
    ("AWS::CodeDeploy::DeploymentGroup", "ApplicationName"),
    ("AWS::Lambda::Alias", "FunctionName"),
    ("AWS::Lambda::EventInvokeConfig", "FunctionName"),
    ("AWS::Lambda::Permission", "FunctionName"),
    ("AWS::Lambda::Version", "FunctionName"),
    ("AWS::SNS::Subscription", "TopicArn"),
];

const ROLE: &str = "AWS::IAM::Role";
/// Types without a node. A role becomes arrows from its users to the resources in its policies.
const HIDDEN: [&str; 2] = [ROLE, "AWS::Logs::LogGroup"];
/// The prefix of the types of alarms and dashboards. They share one node, because they refer to almost
/// every resource.
const MONITORING: &str = "AWS::CloudWatch::";
const ALARMS: &str = "alarms";

/// The verbs of each arrow, by the arrow's first and last node.
type Arrows<'a> = BTreeMap<(&'a str, &'a str), BTreeSet<&'static str>>;

struct Picture<'a>(&'a Map<String, Value>);

pub(crate) fn mermaid(template: &RenderedTemplate) -> String {
    let none = Map::new();
    let resources = template.as_value()["Resources"].as_object();
    let picture = Picture(resources.unwrap_or(&none));
    picture.write(&picture.arrows())
}

fn kind(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}

impl<'a> Picture<'a> {
    /// Returns the node of a resource, or `None` for a hidden resource and for a pseudo parameter.
    fn node(&self, id: &str) -> Option<&'a str> {
        let (id, resource) = self.0.get_key_value(id)?;
        let kind = kind(resource);
        if let Some((_, owner)) = PARTS.iter().find(|(part, _)| *part == kind) {
            let owner = targets(&resource["Properties"][owner]).next()?;
            return self.node(&owner);
        }
        if kind.starts_with(MONITORING) {
            return Some(ALARMS);
        }
        (!HIDDEN.contains(&kind)).then_some(id)
    }

    /// Lists the nodes that a value refers to.
    fn nodes(&self, value: &Value) -> Vec<&'a str> {
        targets(value)
            .filter_map(|target| self.node(&target))
            .collect()
    }

    fn arrows(&self) -> Arrows<'a> {
        let mut arrows = Arrows::new();
        let mut add = |from, to, verb: Option<&'static str>| {
            if from != to {
                arrows.entry((from, to)).or_default().extend(verb);
            }
        };
        for (id, resource) in self.0 {
            let properties = &resource["Properties"];
            match kind(resource) {
                ROLE => {
                    for statement in statements(properties) {
                        for user in self.users(id) {
                            for to in self.nodes(&statement["Resource"]) {
                                for verb in verbs(&statement["Action"]) {
                                    add(user, to, Some(verb));
                                }
                            }
                        }
                    }
                    continue;
                }
                "AWS::Lambda::Permission" => {
                    for from in self.nodes(&properties["SourceArn"]) {
                        for to in self.nodes(&properties["FunctionName"]) {
                            add(from, to, Some("invokes"));
                        }
                    }
                    continue;
                }
                "AWS::ApiGatewayV2::Api" => add(APP, id, Some("requests")),
                "AWS::Lambda::Function" if is_code_of(properties, Function::Update) => {
                    add(id, PROVIDERS, Some("requests"));
                }
                _ => {}
            }
            let Some(from) = self.node(id) else {
                continue;
            };
            for (name, value) in properties.as_object().into_iter().flatten() {
                let verb = match name.as_str() {
                    "AlarmActions" => Some("notifies"),
                    "AlarmConfiguration" => Some("stops on"),
                    // What an alarm watches is in docs/runbook.md.
                    _ if kind(resource).starts_with(MONITORING) => continue,
                    _ => None,
                };
                for to in self.nodes(value) {
                    add(from, to, verb);
                }
            }
        }
        arrows
    }

    /// Lists the nodes that use a role.
    fn users(&self, role: &str) -> BTreeSet<&'a str> {
        let has_role = |resource: &Value| targets(&resource["Properties"]).any(|id| id == role);
        let users = self.0.iter().filter(|(_, resource)| has_role(resource));
        users.filter_map(|(id, _)| self.node(id)).collect()
    }

    fn write(&self, arrows: &Arrows<'a>) -> String {
        let nodes: Vec<&str> = {
            let mut seen = BTreeSet::new();
            let nodes = self.0.keys().filter_map(|id| self.node(id));
            nodes.filter(|id| seen.insert(*id)).collect()
        };
        let requested = reached(arrows, |from, _| from == APP);
        let is_schedule = |resource: &Value| kind(resource) == "AWS::Scheduler::Schedule";
        // The schedules of the update. The probe's schedule reaches no provider.
        let schedules: BTreeSet<&str> = nodes
            .iter()
            .copied()
            .filter(|id| self.0.get(*id).is_some_and(is_schedule))
            .filter(|id| reached(arrows, |from, _| from == *id).contains(PROVIDERS))
            .collect();
        let updated = reached(arrows, |from, _| schedules.contains(from));
        let group = |id: &&str| {
            (
                requested.contains(id),
                updated.contains(id) || schedules.contains(id),
            )
        };
        let mut text = format!("flowchart TB\n  {APP}([watch app])\n");
        // `reached_by`: whether a request, and whether an update, reaches the nodes of the group.
        for (name, title, reached_by) in [
            ("request", "a request", (true, false)),
            ("both", "a request and an update", (true, true)),
            ("update", "an update", (false, true)),
            ("operation", "rollout and monitoring", (false, false)),
        ] {
            let mut members = nodes.iter().filter(|id| group(id) == reached_by).peekable();
            if members.peek().is_none() {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  subgraph {name}[{title}]");
            for id in members {
                let label = self.label(id);
                let _ = writeln!(text, "    {id}[\"{label}\"]");
            }
            text.push_str("  end\n");
        }
        let _ = writeln!(text, "  {PROVIDERS}([price providers])");
        for ((from, to), verbs) in arrows {
            let verbs: Vec<&str> = verbs.iter().copied().collect();
            let label = match verbs.as_slice() {
                [] => String::new(),
                verbs => format!("|{}|", verbs.join(", ")),
            };
            let _ = writeln!(text, "  {from} -->{label} {to}");
        }
        text
    }

    /// Returns the label of a node: the logical id, and the rate or the type.
    fn label(&self, id: &str) -> String {
        let Some(resource) = self.0.get(id) else {
            return self.alarms();
        };
        let rate = resource["Properties"]["ScheduleExpression"].as_str();
        let kind = kind(resource);
        let detail = rate.unwrap_or(kind.strip_prefix("AWS::").unwrap_or(kind));
        format!("{}<br>{}", escape(id), escape(detail))
    }

    /// Returns the label of the node [`ALARMS`]: the number of resources of each type.
    fn alarms(&self) -> String {
        let mut counts = BTreeMap::<&str, usize>::new();
        let kinds = self.0.values().map(kind);
        for kind in kinds.filter_map(|kind| kind.strip_prefix(MONITORING)) {
            *counts.entry(kind).or_default() += 1;
        }
        let lines = counts
            .iter()
            .map(|(kind, count)| escape(&format!("{kind} ({count})")));
        lines.collect::<Vec<_>>().join("<br>")
    }
}

fn statements(role: &Value) -> impl Iterator<Item = &Value> {
    let policies = role["Policies"].as_array().into_iter().flatten();
    policies.flat_map(|policy| {
        policy["PolicyDocument"]["Statement"]
            .as_array()
            .into_iter()
            .flatten()
    })
}

/// Returns true if the key of a function's zip is that of `function`.
fn is_code_of(properties: &Value, function: Function) -> bool {
    let key = properties["Code"]["S3Key"].as_str().unwrap_or_default();
    key.split('/').next() == Some(function.name())
}

/// Returns a verb for each of a statement's actions.
fn verbs(actions: &Value) -> BTreeSet<&'static str> {
    let actions = actions.as_array().into_iter().flatten();
    let names = actions.filter_map(Value::as_str);
    names
        .map(|name| {
            let name = name.split_once(':').map_or(name, |(_, name)| name);
            let is = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
            match name {
                "InvokeFunction" => "invokes",
                "SendMessage" => "sends to",
                "UpdateAlias" => "shifts traffic of",
                _ if is(&["BatchGet", "Describe", "Get", "List", "Query"]) => "reads",
                _ => "writes",
            }
        })
        .collect()
}

/// Returns the nodes at the end of the arrows that `is_first` selects, and all nodes that arrows reach
/// from there.
fn reached<'a>(arrows: &Arrows<'a>, is_first: impl Fn(&str, &str) -> bool) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (from, to) in arrows.keys() {
            if is_first(from, to) || found.contains(from) {
                found.insert(*to);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Escapes a text for a label. Any character that could end the label or begin a tag becomes its
/// number, such as `#35;`
/// (<https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters>).
fn escape(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,:/()".contains(c);
    text.chars().fold(String::new(), |mut escaped, c| {
        if is_plain(c) {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "#{};", u32::from(c));
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use infra::{Artifacts, Environment};

    use super::*;
    use crate::render;

    fn drawn(environment: Environment) -> String {
        let stack = render::service(environment, &Artifacts::placeholder()).expect("it renders");
        mermaid(&stack.template)
    }

    /// Returns the nodes of a subgraph.
    fn members<'a>(drawn: &'a str, group: &str) -> Vec<&'a str> {
        let (_, rest) = drawn
            .split_once(&format!("  subgraph {group}["))
            .expect(group);
        let (body, _) = rest.split_once("  end\n").expect("an end");
        let lines = body.lines().skip(1);
        lines
            .filter_map(|line| Some(line.trim().split_once('[')?.0))
            .collect()
    }

    #[test]
    fn a_request_and_an_update_share_only_the_table() {
        let drawn = drawn(Environment::Prod);
        assert_eq!(members(&drawn, "request"), ["HttpApi", "ApiFunction"]);
        assert_eq!(members(&drawn, "both"), ["Table"]);
        let update = ["UpdateDeadLetters", "UpdateFunction", "UpdateSchedule"];
        assert_eq!(members(&drawn, "update"), update);
        let operation = [
            "alarms",
            "RolloutApplication",
            "VerifyFunction",
            "ProbeSchedule",
            "AlarmTopic",
        ];
        assert_eq!(members(&drawn, "operation"), operation);
    }

    #[test]
    fn permissions_and_references_are_drawn_as_arrows() {
        let drawn = drawn(Environment::Prod);
        for arrow in [
            "app -->|requests| HttpApi",
            "HttpApi -->|invokes| ApiFunction",
            "ApiFunction -->|reads, writes| Table",
            "VerifyFunction -->|writes| Table",
            "VerifyFunction --> HttpApi",
            "UpdateSchedule -->|invokes| UpdateFunction",
            "UpdateFunction -->|requests| providers",
            "RolloutApplication -->|stops on| alarms",
            "alarms -->|notifies| AlarmTopic",
        ] {
            assert!(drawn.contains(&format!("  {arrow}\n")), "{arrow}: {drawn}");
        }
    }

    #[test]
    fn every_picture_is_small_enough_to_read() {
        for environment in Environment::ALL {
            let drawn = drawn(environment);
            let nodes = drawn.lines().filter(|line| line.contains(['"', '(']));
            let nodes = nodes.filter(|line| !line.contains("-->")).count();
            assert!((8..=15).contains(&nodes), "{environment}: {nodes}");
        }
    }

    #[test]
    fn characters_that_would_end_a_label_are_escaped() {
        assert_eq!(escape("a-1 (b)"), "a-1 (b)");
        assert_eq!(escape("\"]<#`"), "#34;#93;#60;#35;#96;");
    }
}
