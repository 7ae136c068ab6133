//! The pipeline's roles among themselves: each environment's has its own, and none can
//! be had by another.

use std::collections::BTreeSet;

use infra::stack::{self, Pipeline, Provider};
use infra::{Artifacts, Environment, Settings};
use serde_json::Value;
use tests::settings;
use xtask::render;

/// The role with which CloudFormation works.
pub(crate) const CLOUDFORMATION_ROLE: &str = "ProdCloudFormationRole";
/// The roles that detect drift.
pub(crate) const DRIFT_ROLES: [&str; 2] = ["ProdDeployRole", "ProdPlanRole"];
/// All roles of an environment.
pub(crate) const PIPELINE_ROLES: [&str; 3] =
    [CLOUDFORMATION_ROLE, "ProdDeployRole", "ProdPlanRole"];

/// The pipeline's template for prod, without and with a domain name.
pub(crate) fn pipelines() -> [(bool, Value); 2] {
    let of = |settings: Settings| {
        let template = stack::pipeline(&Pipeline {
            repository: "octo-org/octo-repo".parse().unwrap(),
            provider: Provider::Created,
            environments: vec![settings],
        });
        template.render().unwrap().as_value().clone()
    };
    [
        (false, of(Environment::Prod.settings())),
        (true, of(settings::everything())),
    ]
}

/// The template of the pipeline's stack.
fn pipeline() -> Value {
    let mut templates = render::all(&Artifacts::placeholder()).unwrap();
    templates.retain(|named| named.name == "pipeline");
    templates[0].template.as_value().clone()
}

/// The statements of policies in the pipeline's stack.
fn statements<'a>(
    template: &'a Value,
    ids: &'a [&str],
) -> impl Iterator<Item = &'a Value> + use<'a> {
    ids.iter().flat_map(|id| {
        let properties = &template["Resources"][*id]["Properties"];
        let inline = properties["Policies"].as_array().into_iter().flatten();
        inline
            .chain([properties])
            .filter_map(|policy| policy["PolicyDocument"]["Statement"].as_array())
            .flatten()
    })
}

/// A role, and the policies that it has beside its own.
fn with_policies<'a>(template: &'a Value, role: &'a str) -> Vec<&'a str> {
    let policies = &template["Resources"][role]["Properties"]["ManagedPolicyArns"];
    let policies = policies.as_array().unwrap().iter();
    policies
        .map(|policy| policy["Ref"].as_str().unwrap())
        .chain([role])
        .collect()
}

#[test]
fn every_environment_has_the_same_permissions_on_what_is_its_own() {
    let template = pipeline();
    let of = |name: &str| -> String {
        let roles = ["Reading", "CloudFormationRole", "DeployRole"].map(|id| format!("{name}{id}"));
        let ids = roles.each_ref().map(String::as_str);
        let all: Vec<&Value> = statements(&template, &ids).collect();
        serde_json::to_string(&all)
            .unwrap()
            .replace(&name.to_lowercase(), "{env}")
            .replace(name, "{env}")
    };
    assert_eq!(of("Dev"), of("Prod"));
    assert_eq!(of("Staging"), of("Prod"));
}

/// A rollback needs the zips and the records of its environment.
#[test]
fn no_deploy_or_plan_role_reaches_the_bucket_of_another_environment() {
    let template = pipeline();
    let reaches = |role: &str, action: &str, object: &str| {
        statements(&template, &with_policies(&template, role))
            .filter(|statement| {
                let actions = statement["Action"].as_array().unwrap();
                actions.iter().any(|allowed| allowed == action)
            })
            .flat_map(|statement| statement["Resource"].as_array().unwrap())
            .filter_map(|resource| resource["Fn::Sub"].as_str()?.split_once(":s3:::"))
            .any(|(_, pattern)| object.starts_with(pattern.trim_end_matches('*')))
    };
    let object = |environment: &str, key: &str| {
        format!("crypto-watch-artifacts-{environment}-${{AWS::AccountId}}-${{AWS::Region}}/{key}")
    };
    for (id, own) in [("Dev", "dev"), ("Staging", "staging"), ("Prod", "prod")] {
        let deploys = format!("{id}DeployRole");
        for environment in ["dev", "staging", "prod"] {
            for key in [
                "deployments/20260115T103000Z-deploy.json",
                "templates/deploy.json",
                "verify/0.zip",
            ] {
                let object = object(environment, key);
                for action in ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
                    let allowed = reaches(&deploys, action, &object);
                    assert_eq!(allowed, own == environment, "{id} {action} {object}");
                }
            }
        }
    }
    let put = |environment, key| reaches("ProdPlanRole", "s3:PutObject", &object(environment, key));
    assert!(put("prod", "templates/plan.json"));
    for (environment, key) in [
        ("dev", "templates/plan.json"),
        ("prod", "deployments/a.json"),
        ("prod", "api/0.zip"),
    ] {
        assert!(!put(environment, key), "{environment} {key}");
    }
}

/// Otherwise a deploy could give itself what it likes.
#[test]
fn no_role_of_the_pipeline_can_be_changed_or_handed_out_with_another() {
    let template = pipeline();
    let roles: Vec<&str> = template["Resources"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|resource| resource["Properties"]["RoleName"].as_str())
        .collect();
    assert_eq!(roles.len(), 7);
    let all = template["Resources"].as_object().unwrap();
    let ids: Vec<&str> = all.keys().map(String::as_str).collect();
    let mut patterns = BTreeSet::new();
    for statement in statements(&template, &ids) {
        for resource in statement["Resource"].as_array().unwrap() {
            let name = resource["Fn::Sub"]
                .as_str()
                .and_then(|arn| arn.split_once(":role/"));
            patterns.extend(name.map(|(_, name)| name.to_owned()));
        }
    }
    assert_eq!(patterns.len(), 3);
    for pattern in patterns {
        let beginning = pattern.strip_suffix('*').unwrap();
        assert!(
            !roles.iter().any(|role| role.starts_with(beginning)),
            "{pattern}"
        );
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>,
/// in a region with a long name.
#[test]
fn every_policy_is_as_short_as_iam_wants_it() {
    let template = pipeline();
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let limit = match resource["Type"].as_str().unwrap() {
            "AWS::IAM::Role" => 10_240,
            "AWS::IAM::ManagedPolicy" => 6_144,
            _ => continue,
        };
        let ids = [id.as_str()];
        let all: Vec<&Value> = statements(&template, &ids).collect();
        let text = serde_json::to_string(&all)
            .unwrap()
            .replace("${AWS::Partition}", "aws-us-gov")
            .replace("${AWS::Region}", "ap-southeast-1")
            .replace("${AWS::AccountId}", "111122223333");
        assert!(text.len() < limit * 9 / 10, "{id}: {}", text.len());
    }
}
