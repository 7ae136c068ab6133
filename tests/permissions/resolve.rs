//! Resolves the intrinsic functions of a template to names and ARNs in AWS's example account.

use cfn::resources;
use cfn::template::Expression;
use serde_json::Value;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "us-east-1";

#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// The stack's name, the prefix of the names that CloudFormation generates.
    stack: &'a str,
    resources: &'a Value,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(stack: &'a str, template: &'a Value) -> Self {
        Resolver {
            stack,
            resources: &template["Resources"],
        }
    }

    /// Resolves an expression. Panics if this module does not support the function, the attribute or the
    /// resource type.
    pub(crate) fn text(self, value: &Value) -> String {
        let expression = Expression::read(value);
        self.resolve(&expression.unwrap_or_else(|| panic!("{value} is no text")))
    }

    fn resolve(self, expression: &Expression<'_>) -> String {
        match expression {
            Expression::Literal(text) => text.clone().into_owned(),
            Expression::Ref(name) => self.reference(name),
            Expression::GetAtt(id, attribute) => self.attribute(id, attribute),
            Expression::Sub(parts) => parts.iter().map(|part| self.resolve(part)).collect(),
            Expression::Other(function, _) => panic!("{function} is unknown here"),
        }
    }

    /// Resolves a list or a single value.
    pub(crate) fn texts(self, value: &Value) -> Vec<String> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.iter().map(|item| self.text(item)).collect(),
            single => vec![self.text(single)],
        }
    }

    fn reference(self, name: &str) -> String {
        match name {
            "AWS::AccountId" => return ACCOUNT.to_owned(),
            "AWS::Partition" => return "aws".to_owned(),
            "AWS::Region" => return REGION.to_owned(),
            _ => {}
        }
        let resource = &self.resources[name];
        let property = |property: &str| resource["Properties"][property].as_str();
        match resource["Type"].as_str().unwrap() {
            "AWS::IAM::ManagedPolicy" => {
                let policy = property("ManagedPolicyName");
                let name = policy.map_or_else(|| self.generated_name(name), str::to_owned);
                format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
            }
            "AWS::Lambda::Alias" | "AWS::Lambda::Version" => {
                let function = self.text(&resource["Properties"]["FunctionName"]);
                let qualifier = property("Name").unwrap_or("1");
                format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}:{qualifier}")
            }
            other => {
                let naming = resources::find(other).and_then(|found| found.naming);
                let naming = naming.filter(|naming| naming.is_ref);
                let naming = naming.unwrap_or_else(|| panic!("Ref of {other} is unknown here"));
                property(naming.property).unwrap().to_owned()
            }
        }
    }

    fn attribute(self, id: &str, attribute: &str) -> String {
        let resource = &self.resources[id];
        let kind = resource["Type"].as_str().unwrap();
        let property = |property: &str| resource["Properties"][property].as_str();
        let regional_arn =
            |service: &str, rest: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
        match (kind, attribute) {
            ("AWS::IAM::Role", "Arn") => {
                let name =
                    property("RoleName").map_or_else(|| self.generated_name(id), str::to_owned);
                format!("arn:aws:iam::{ACCOUNT}:role/{name}")
            }
            ("AWS::DynamoDB::Table", "Arn") => regional_arn(
                "dynamodb",
                format!("table/{}", property("TableName").unwrap()),
            ),
            ("AWS::Lambda::Function", "Arn") => {
                let name = property("FunctionName").unwrap();
                regional_arn("lambda", format!("function:{name}"))
            }
            ("AWS::Logs::LogGroup", "Arn") => {
                let name = property("LogGroupName").unwrap();
                regional_arn("logs", format!("log-group:{name}:*"))
            }
            ("AWS::SQS::Queue", "Arn") => {
                regional_arn("sqs", property("QueueName").unwrap().to_owned())
            }
            _ => panic!("{kind}.{attribute} is unknown here"),
        }
    }

    /// Returns a name in the form of CloudFormation's generated names.
    fn generated_name(self, id: &str) -> String {
        format!("{}-{id}-1A2B3C4D5E6F", self.stack)
    }
}
