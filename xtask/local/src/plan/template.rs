//! A rendered template: its resources by type, and the text of its expressions.

use anyhow::{Context as _, ensure};
use cfn::resources;
use cfn::template::Expression;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(super) struct Template<'t> {
    resources: &'t Map<String, Value>,
}

impl<'t> Template<'t> {
    pub(super) fn new(template: &'t Value) -> anyhow::Result<Self> {
        let resources = template["Resources"].as_object();
        let resources = resources.context("the template has no Resources")?;
        Ok(Template { resources })
    }

    /// Returns the logical id and the properties of every resource of a type, in the
    /// template's order.
    pub(super) fn all<P: DeserializeOwned>(&self, kind: &str) -> anyhow::Result<Vec<(&'t str, P)>> {
        self.resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| {
                let properties = P::deserialize(&resource["Properties"]);
                let properties =
                    properties.with_context(|| format!("reading {id} ({kind}) of the template"))?;
                Ok((id.as_str(), properties))
            })
            .collect()
    }

    /// Returns the properties of the only resource of a type.
    pub(super) fn only<P: DeserializeOwned>(&self, kind: &str) -> anyhow::Result<P> {
        let mut all = self.all(kind)?;
        ensure!(
            all.len() == 1,
            "the local stack runs one {kind}, and the template has {}",
            all.len()
        );
        let (_, properties) = all.remove(0);
        Ok(properties)
    }

    /// Returns the text to which CloudFormation would resolve a value.
    ///
    /// # Errors
    ///
    /// Fails if the value refers to anything but the name of a resource in the template or the id
    /// of an integration.
    pub(super) fn text(&self, value: &Value) -> anyhow::Result<String> {
        Expression::read(value)
            .and_then(|expression| self.resolve(&expression))
            .with_context(|| format!("the local stack cannot interpret {value}"))
    }

    fn resolve(&self, expression: &Expression<'_>) -> Option<String> {
        match expression {
            Expression::Literal(text) => Some(text.clone().into_owned()),
            Expression::Ref(id) => {
                let resource = self.resources.get(&**id)?;
                let found = resources::find(resource["Type"].as_str()?)?;
                let naming = found.naming.filter(|naming| naming.is_ref)?;
                let name = resource["Properties"][naming.property].as_str()?;
                Some(name.to_owned())
            }
            // AWS generates this id. Only references in the template use the id, so the logical id can
            // replace it.
            Expression::GetAtt(id, attribute) => {
                let is_integration =
                    self.resources.get(&**id)?["Type"] == "AWS::ApiGatewayV2::Integration";
                (is_integration && attribute == "IntegrationId").then(|| id.clone().into_owned())
            }
            Expression::Sub(parts) => parts.iter().map(|part| self.resolve(part)).collect(),
            Expression::Other(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template() -> Value {
        json!({"Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "prices"}},
            "Other": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Ref": "Other"}}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {}},
        }})
    }

    #[test]
    fn references_to_names_and_to_integrations_are_resolved() {
        let value = template();
        let template = Template::new(&value).unwrap();
        for (value, expected) in [
            (json!("plain"), "plain"),
            (json!(5), "5"),
            (json!({"Ref": "Table"}), "prices"),
            (
                json!({"Fn::Sub": "integrations/${Integration.IntegrationId}"}),
                "integrations/Integration",
            ),
            (json!({"Fn::Sub": "${Table}-${!kept}"}), "prices-${kept}"),
        ] {
            assert_eq!(template.text(&value).unwrap(), expected);
        }
    }

    #[test]
    fn an_expression_that_cannot_be_resolved_is_an_error_that_quotes_it() {
        let value = template();
        let template = Template::new(&value).unwrap();
        for value in [
            json!({"Ref": "Missing"}),
            json!({"Ref": "Role"}),
            json!({"Ref": "Other"}),
            json!({"Ref": "AWS::Region"}),
            json!({"Fn::GetAtt": ["Table", "Arn"]}),
            json!({"Fn::Join": ["-", ["a", "b"]]}),
            json!({"Fn::Sub": "${Table"}),
            json!(null),
        ] {
            let error = template.text(&value).unwrap_err().to_string();
            assert!(error.ends_with(&value.to_string()), "{error}");
        }
    }

    #[test]
    fn a_type_must_have_exactly_one_resource() {
        let value = template();
        let template = Template::new(&value).unwrap();
        assert!(template.only::<Value>("AWS::IAM::Role").is_ok());
        let two = template.only::<Value>("AWS::DynamoDB::Table").unwrap_err();
        assert!(two.to_string().ends_with("the template has 2"), "{two}");
        assert!(template.only::<Value>("AWS::SNS::Topic").is_err());
    }
}
