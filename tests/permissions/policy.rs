//! The statements of a template's policies, with resolved references.

use std::collections::BTreeMap;

use cfn::template::targets;
use serde_json::Value;

use crate::resolve::Resolver;

/// The values of conditions, by operator and key.
pub(crate) type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A statement of an identity policy or a permissions boundary.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) allows: bool,
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) conditions: Conditions,
}

impl Statement {
    /// Reads a statement. Panics if the statement has an element that these tests do not interpret, such
    /// as `NotAction`.
    fn read(resolver: Resolver<'_>, statement: &Value) -> Self {
        let elements = statement.as_object().unwrap();
        for element in elements.keys() {
            let known = ["Action", "Condition", "Effect", "Resource", "Sid"];
            assert!(
                known.contains(&element.as_str()),
                "these tests do not interpret {element}"
            );
        }
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        Statement {
            allows: match statement["Effect"].as_str().unwrap() {
                "Allow" => true,
                "Deny" => false,
                other => panic!("{other} is not an effect"),
            },
            actions: resolver.texts(&statement["Action"]),
            resources: resolver.texts(&statement["Resource"]),
            conditions: conditions
                .map(|(operator, keys)| {
                    let keys = keys.as_object().unwrap().iter();
                    let keys = keys.map(|(key, values)| (key.clone(), resolver.texts(values)));
                    (operator.clone(), keys.collect())
                })
                .collect(),
        }
    }

    pub(crate) fn read_document(resolver: Resolver<'_>, document: &Value) -> Vec<Self> {
        let statements = document["Statement"].as_array().unwrap().iter();
        statements
            .map(|statement| Self::read(resolver, statement))
            .collect()
    }

    /// Reads the statements of a role's inline policies, and of its managed policies in the same
    /// template.
    pub(crate) fn read_role(stack: &str, template: &Value, role: &str) -> Vec<Self> {
        let resolver = Resolver::new(stack, template);
        let properties = &template["Resources"][role]["Properties"];
        let inline = properties["Policies"].as_array().into_iter().flatten();
        let managed = properties["ManagedPolicyArns"]
            .as_array()
            .into_iter()
            .flatten();
        let managed = managed.map(|policy| {
            let id = targets(policy).next().unwrap();
            &template["Resources"][&*id]["Properties"]["PolicyDocument"]
        });
        inline
            .map(|policy| &policy["PolicyDocument"])
            .chain(managed)
            .flat_map(|document| Self::read_document(resolver, document))
            .collect()
    }
}
