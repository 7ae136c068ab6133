//! The rendered template as something to ask: resources by type, expressions
//! by what they would come to once deployed.

use anyhow::{Context as _, bail};
use cfn::resources;
use cfn::template::Expression;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The region that everything local pretends to be in.
pub const REGION: &str = "us-east-1";
/// The account that everything local pretends to belong to; AWS's own
/// documentation uses this one for examples.
pub(crate) const ACCOUNT_ID: &str = "123456789012";

/// How deep references may lead through names of other resources. Real
/// templates need two; a cycle needs a bound.
const MAX_DEPTH: u8 = 8;

/// A property whose value may be an intrinsic function.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Property(Value);

impl Property {
    /// Returns true if CloudFormation would look its value up elsewhere, such as in
    /// Secrets Manager, which the local stack does not have.
    pub(super) fn is_dynamic_reference(&self) -> bool {
        self.0
            .as_str()
            .is_some_and(|text| text.starts_with("{{resolve:"))
    }
}

/// A rendered template.
#[derive(Debug)]
pub(super) struct Template<'t> {
    resources: &'t Map<String, Value>,
}

/// One resource of a template, with the properties that are interpreted.
#[derive(Debug)]
pub(super) struct Resource<'t, P> {
    pub(super) id: &'t str,
    pub(super) properties: P,
}

impl<'t> Template<'t> {
    pub(super) fn new(template: &'t Value) -> anyhow::Result<Self> {
        let resources = template
            .get("Resources")
            .and_then(Value::as_object)
            .context("the template has no Resources")?;
        Ok(Template { resources })
    }

    /// Every resource of a type, in the template's order.
    pub(super) fn all<P: DeserializeOwned>(
        &self,
        kind: &str,
    ) -> anyhow::Result<Vec<Resource<'t, P>>> {
        self.resources
            .iter()
            .filter(|(_, resource)| type_of(resource) == Some(kind))
            .map(|(id, resource)| {
                let properties = resource.get("Properties").unwrap_or(&Value::Null);
                let properties = P::deserialize(properties)
                    .with_context(|| format!("reading {id} ({kind}) of the template"))?;
                Ok(Resource { id, properties })
            })
            .collect()
    }

    /// The resource of a type of which the local stack runs exactly one.
    pub(super) fn only<P: DeserializeOwned>(&self, kind: &str) -> anyhow::Result<Resource<'t, P>> {
        let mut all = self.all(kind)?;
        match (all.pop(), all.len()) {
            (Some(resource), 0) => Ok(resource),
            (Some(_), others) => bail!(
                "the template has {} resources of type {kind}; the local stack runs one",
                others + 1
            ),
            (None, _) => bail!("the template has no resource of type {kind}"),
        }
    }

    /// Resolves a property to the text that it has once deployed, with names and ARNs as AWS
    /// forms them.
    pub(super) fn resolve(&self, property: &Property) -> anyhow::Result<String> {
        self.value(&property.0, MAX_DEPTH)
    }

    fn value(&self, value: &Value, depth: u8) -> anyhow::Result<String> {
        let depth = depth
            .checked_sub(1)
            .context("the template's references lead in a circle")?;
        Expression::read(value)
            .and_then(|expression| self.text(&expression, depth).transpose())
            .with_context(|| format!("the local stack cannot interpret {value}"))?
    }

    /// The text of an expression; `None` for a function that the local stack does not know.
    fn text(&self, expression: &Expression<'_>, depth: u8) -> anyhow::Result<Option<String>> {
        Ok(Some(match expression {
            Expression::Literal(text) => text.clone().into_owned(),
            Expression::Ref(id) => self.reference(id, depth)?,
            Expression::GetAtt(id, attribute) => self.attribute(id, attribute, depth)?,
            Expression::Sub(parts) => {
                let parts = parts.iter().map(|part| self.text(part, depth));
                return parts.collect();
            }
            Expression::Other(..) => return Ok(None),
        }))
    }

    /// Returns the result of `Ref`, as the documentation of each type has it.
    fn reference(&self, id: &str, depth: u8) -> anyhow::Result<String> {
        match id {
            "AWS::Region" => return Ok(REGION.to_owned()),
            "AWS::AccountId" => return Ok(ACCOUNT_ID.to_owned()),
            "AWS::Partition" => return Ok("aws".to_owned()),
            "AWS::URLSuffix" => return Ok("amazonaws.com".to_owned()),
            _ => {}
        }
        let kind = self.type_of(id)?;
        let naming = resources::find(kind).and_then(|found| found.naming);
        if let Some(naming) = naming.filter(|naming| naming.is_ref) {
            return self.property(id, naming.property, depth);
        }
        match kind {
            "AWS::Lambda::Version" => {
                let function = self.function_of(id, depth)?;
                Ok(format!("{}:1", function_arn(&function)))
            }
            "AWS::Lambda::Alias" => {
                let function = self.function_of(id, depth)?;
                let alias = self.property(id, "Name", depth)?;
                Ok(format!("{}:{alias}", function_arn(&function)))
            }
            // An id that AWS generates; only references use it.
            "AWS::ApiGatewayV2::Api" => Ok(id.to_owned()),
            kind => bail!("the local stack cannot interpret a Ref to {id} ({kind})"),
        }
    }

    fn attribute(&self, id: &str, attribute: &str, depth: u8) -> anyhow::Result<String> {
        match (self.type_of(id)?, attribute) {
            // As for an API: an id that AWS generates.
            ("AWS::ApiGatewayV2::Integration", "IntegrationId") => Ok(id.to_owned()),
            ("AWS::Lambda::Function", "Arn") => {
                let name = self.property(id, "FunctionName", depth)?;
                Ok(function_arn(&name))
            }
            ("AWS::DynamoDB::Table", "Arn") => {
                let name = self.property(id, "TableName", depth)?;
                Ok(format!(
                    "arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}"
                ))
            }
            (kind, _) => bail!("the local stack cannot interpret {id}.{attribute} ({kind})"),
        }
    }

    /// The name of the function of a version or an alias, which name it by its
    /// name or its ARN.
    fn function_of(&self, id: &str, depth: u8) -> anyhow::Result<String> {
        let function = self.property(id, "FunctionName", depth)?;
        Ok(function_name_of_arn(&function).map_or(function.clone(), str::to_owned))
    }

    fn property(&self, id: &str, name: &str, depth: u8) -> anyhow::Result<String> {
        let value = self
            .resources
            .get(id)
            .and_then(|resource| resource.get("Properties"))
            .and_then(|properties| properties.get(name))
            .with_context(|| format!("the template's {id} has no {name}"))?;
        self.value(value, depth)
    }

    fn type_of(&self, id: &str) -> anyhow::Result<&'t str> {
        self.resources
            .get(id)
            .and_then(type_of)
            .with_context(|| format!("the template refers to {id}, which it does not have"))
    }
}

fn type_of(resource: &Value) -> Option<&str> {
    resource.get("Type").and_then(Value::as_str)
}

/// A function's ARN without a version or alias.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}

/// The function's name in the ARN of a function, version or alias, also where
/// the ARN is part of an integration URI
/// (`arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations`).
pub(super) fn function_name_of_arn(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(":function:")?;
    rest.split([':', '/'])
        .next()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> Value {
        json!({"Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "prices"}},
            "Api": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "api-dev"}},
            "ApiVersion": {"Type": "AWS::Lambda::Version",
                "Properties": {"FunctionName": {"Ref": "Api"}}},
            "ApiLive": {"Type": "AWS::Lambda::Alias", "Properties":
                {"FunctionName": {"Fn::GetAtt": ["Api", "Arn"]}, "Name": "live"}},
            "Circle": {"Type": "AWS::DynamoDB::Table",
                "Properties": {"TableName": {"Ref": "Circle"}}},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        }})
    }

    fn resolve(value: Value) -> anyhow::Result<String> {
        let template = template();
        Template::new(&template)?.resolve(&Property(value))
    }

    #[test]
    fn references_come_to_what_aws_would_return() {
        let alias = "arn:aws:lambda:us-east-1:123456789012:function:api-dev:live";
        for (value, expected) in [
            (json!("plain"), "plain"),
            (json!(5), "5"),
            (json!({"Ref": "Table"}), "prices"),
            (json!({"Ref": "Api"}), "api-dev"),
            (json!({"Ref": "ApiLive"}), alias),
            (json!({"Ref": "AWS::Region"}), "us-east-1"),
            (
                json!({"Fn::Sub": "${Table}-${!kept}-${AWS::Partition}"}),
                "prices-${kept}-aws",
            ),
            (
                json!({"Fn::Sub": "${Table.Arn}"}),
                "arn:aws:dynamodb:us-east-1:123456789012:table/prices",
            ),
            (
                json!({"Ref": "ApiVersion"}),
                "arn:aws:lambda:us-east-1:123456789012:function:api-dev:1",
            ),
        ] {
            assert_eq!(resolve(value).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_interpreted_is_named() {
        for (value, named) in [
            (json!({"Ref": "Missing"}), "Missing"),
            (json!({"Ref": "Queue"}), "AWS::SQS::Queue"),
            (
                json!({"Fn::GetAtt": ["Table", "StreamArn"]}),
                "Table.StreamArn",
            ),
            (json!({"Fn::ImportValue": "x"}), "Fn::ImportValue"),
            (json!({"Fn::Sub": "${Table"}), "${Table"),
            (json!({"Ref": "Circle"}), "circle"),
            (json!(null), "null"),
        ] {
            let error = resolve(value).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_function_is_found_in_its_arn_and_in_an_integration_uri() {
        let alias = "arn:aws:lambda:us-east-1:123456789012:function:api-dev:live";
        let uri = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{alias}/invocations"
        );
        for text in [alias, &uri, &function_arn("api-dev")] {
            assert_eq!(function_name_of_arn(text), Some("api-dev"), "{text}");
        }
        assert_eq!(function_name_of_arn("arn:aws:sqs:us-east-1:1:queue"), None);
    }

    #[test]
    fn exactly_one_resource_of_a_type_is_asked_for() {
        let value = template();
        let template = Template::new(&value).unwrap();
        assert_eq!(
            template.only::<Value>("AWS::SQS::Queue").unwrap().id,
            "Queue"
        );
        let two = template.only::<Value>("AWS::DynamoDB::Table").unwrap_err();
        assert!(two.to_string().contains("has 2 resources"), "{two}");
        assert!(template.only::<Value>("AWS::SNS::Topic").is_err());
    }
}
