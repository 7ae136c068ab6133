//! Tests of the permissions of the pipeline's roles. The CloudFormation registry lists the permissions
//! that the handlers of each resource type need.

#![cfg(test)]

mod attack;
mod evaluator;
mod policy;
mod resolve;
mod roles;
mod scopes;
mod trust;
mod unscoped;

use std::collections::{BTreeMap, BTreeSet};

use infra::{Artifacts, Environment, stack};
use serde::Deserialize;
use serde_json::Value;
use tests::{python, settings};
use xtask::validate::cfn_lint;
use xtask::{child, render};

use crate::policy::Statement;
use crate::roles::{CLOUDFORMATION_ROLE, DRIFT_ROLES, pipelines};

/// Permissions of handlers that no deploy needs, because no template uses the feature.
struct Unneeded {
    /// Properties that no resource has, such as `Lambda::Function.VpcConfig`. A `+` marks a property that
    /// every resource of the type has, so the handler never removes the property.
    feature: &'static [&'static str],
    /// The actions. A `*` at the end matches any text.
    actions: &'static [&'static str],
}

const UNNEEDED: [Unneeded; 12] = [
    // A customer managed key would be in one of these properties.
    Unneeded {
        feature: &[
            "CloudWatch::Alarm.KmsKeyId",
            "DynamoDB::Table.KMSMasterKeyId",
            "Lambda::Function.KmsKeyArn",
            "Logs::LogGroup.KmsKeyId",
            "SNS::Topic.KmsMasterKeyId",
            "SQS::Queue.KmsMasterKeyId",
            "Scheduler::Schedule.KmsKeyArn",
        ],
        actions: &["kms:*", "logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
    },
    Unneeded {
        feature: &[
            "Lambda::Function.CodeSigningConfigArn",
            "Lambda::Function.FileSystemConfigs",
            "Lambda::Function.Layers",
            "Lambda::Function.VpcConfig",
        ],
        actions: &[
            "ec2:*",
            "elasticfilesystem:*",
            "s3files:*",
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:GetLayerVersion",
            "lambda:PutFunctionCodeSigningConfig",
        ],
    },
    Unneeded {
        feature: &[
            "Lambda::Alias.ProvisionedConcurrencyConfig",
            "Lambda::Function.CapacityProviderConfig",
            "Lambda::Function.FunctionScalingConfig",
            "Lambda::Function.RecursiveLoop",
            "Lambda::Function.ReservedConcurrentExecutions",
            "Lambda::Function.RuntimeManagementConfig",
            "Lambda::Version.FunctionScalingConfig",
            "Lambda::Version.ProvisionedConcurrencyConfig",
            "Lambda::Version.RuntimePolicy",
        ],
        actions: &[
            "lambda:AssociateRuntimeAlias",
            "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteProvisionedConcurrencyConfig",
            "lambda:PassCapacityProvider",
            "lambda:PutFunctionConcurrency",
            "lambda:PutFunctionRecursionConfig",
            "lambda:PutFunctionScalingConfig",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:PutRuntimeManagementConfig",
        ],
    },
    Unneeded {
        feature: &[
            "CodeDeploy::DeploymentGroup.OnPremisesInstanceTagFilters",
            "CodeDeploy::DeploymentGroup.OnPremisesTagSet",
        ],
        actions: &["codedeploy:RegisterOnPremisesInstance"],
    },
    Unneeded {
        feature: &["IAM::Role.ManagedPolicyArns"],
        actions: &["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    },
    Unneeded {
        feature: &["+IAM::Role.PermissionsBoundary"],
        actions: &["iam:DeleteRolePermissionsBoundary"],
    },
    Unneeded {
        feature: &[
            "DynamoDB::Table.ImportSourceSpecification",
            "DynamoDB::Table.Replicas",
        ],
        actions: &[
            "dynamodb:AssociateTableReplica",
            "dynamodb:BatchWriteItem",
            "dynamodb:CreateTableReplica",
            "dynamodb:DeleteItem",
            "dynamodb:DescribeImport",
            "dynamodb:GetItem",
            "dynamodb:ImportTable",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
            "iam:CreateServiceLinkedRole",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "s3:GetObjectMetadata",
        ],
    },
    Unneeded {
        feature: &[
            "DynamoDB::Table.ContributorInsightsSpecification",
            "DynamoDB::Table.KinesisStreamSpecification",
            "DynamoDB::Table.ResourcePolicy",
        ],
        actions: &[
            "dynamodb:DeleteResourcePolicy",
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:PutResourcePolicy",
            "dynamodb:UpdateContributorInsights",
            "dynamodb:UpdateKinesisStreamingDestination",
            "kinesis:*",
        ],
    },
    Unneeded {
        feature: &[
            "Logs::LogGroup.BearerTokenAuthenticationEnabled",
            "Logs::LogGroup.DataProtectionPolicy",
            "Logs::LogGroup.DeletionProtectionEnabled",
            "Logs::LogGroup.FieldIndexPolicies",
            "Logs::LogGroup.LogGroupClass",
            "Logs::LogGroup.ResourcePolicyDocument",
        ],
        actions: &[
            "firehose:*",
            "logs:DeleteIndexPolicy",
            "logs:DeleteResourcePolicy",
            "logs:PutBearerTokenAuthentication",
            "logs:PutDataProtectionPolicy",
            "logs:PutIndexPolicy",
            "logs:PutLogGroupDeletionProtection",
            "s3:REST.PUT.OBJECT",
        ],
    },
    Unneeded {
        feature: &["SNS::Topic.DataProtectionPolicy"],
        actions: &["sns:PutDataProtectionPolicy"],
    },
    Unneeded {
        feature: &[
            "S3::Bucket.AbacStatus",
            "S3::Bucket.AccelerateConfiguration",
            "S3::Bucket.AccessControl",
            "S3::Bucket.AnalyticsConfigurations",
            "S3::Bucket.CorsConfiguration",
            "S3::Bucket.IntelligentTieringConfigurations",
            "S3::Bucket.InventoryConfigurations",
            "S3::Bucket.LoggingConfiguration",
            "S3::Bucket.MetadataConfiguration",
            "S3::Bucket.MetadataTableConfiguration",
            "S3::Bucket.MetricsConfigurations",
            "S3::Bucket.NotificationConfiguration",
            "S3::Bucket.ObjectLockConfiguration",
            "S3::Bucket.ObjectLockEnabled",
            "S3::Bucket.ReplicationConfiguration",
            "S3::Bucket.WebsiteConfiguration",
        ],
        actions: &[
            "s3:CreateBucketMetadata*",
            "s3:DeleteBucketAnalyticsConfiguration",
            "s3:DeleteBucketCors",
            "s3:DeleteBucketMetadata*",
            "s3:DeleteBucketMetricsConfiguration",
            "s3:DeleteBucketReplication",
            "s3:DeleteBucketWebsite",
            "s3:DeleteObject",
            "s3:GetBucketAcl",
            "s3:PutAccelerateConfiguration",
            "s3:PutAnalyticsConfiguration",
            "s3:PutBucketAbac",
            "s3:PutBucketAcl",
            "s3:PutBucketCORS",
            "s3:PutBucketLogging",
            "s3:PutBucketNotification",
            "s3:PutBucketObjectLockConfiguration",
            "s3:PutBucketReplication",
            "s3:PutBucketWebsite",
            "s3:PutIntelligentTieringConfiguration",
            "s3:PutInventoryConfiguration",
            "s3:PutMetricsConfiguration",
            "s3:PutObjectAcl",
            "s3:PutObjectLockConfiguration",
            "s3:PutReplicationConfiguration",
            "s3:UpdateBucketMetadata*",
            "s3tables:*",
        ],
    },
    Unneeded {
        feature: &[
            "+S3::Bucket.BucketEncryption",
            "+S3::Bucket.LifecycleConfiguration",
        ],
        actions: &["s3:DeleteBucketEncryption", "s3:DeleteBucketLifecycle"],
    },
];

/// Permissions that a deploy needs although no handler names them. Each list has its reason.
const NOT_IN_HANDLERS: [(&str, &[&str]); 3] = [
    (
        "detecting drift",
        &[
            "cloudformation:BatchDescribeTypeConfigurations",
            "cloudformation:DescribeStackDriftDetectionStatus",
        ],
    ),
    (
        "the access log of an HTTP API",
        &[
            "logs:DeleteLogDelivery",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:UpdateLogDelivery",
        ],
    ),
    ("dynamic references", &["secretsmanager:GetSecretValue"]),
];

/// The permissions of a resource type's handlers. IAM ignores the case of actions, so a name here can
/// differ in case from the name in a policy.
#[derive(Deserialize)]
struct Handlers {
    read: BTreeSet<String>,
    tagging: BTreeSet<String>,
    all: BTreeSet<String>,
}

/// A Python script that prints the handlers' permissions of the given resource types as JSON.
const READ_SCHEMAS: &str = "
import json, sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
def permissions(name):
    schema = schemas.get_resource_schema('us-east-1', name).schema
    handlers = {kind: handler.get('permissions') or [] for kind, handler in schema['handlers'].items()}
    handlers.pop('list', None)
    tagging = (schema.get('tagging') or {}).get('permissions') or []
    every = [action for actions in handlers.values() for action in actions] + tagging
    return {'read': handlers['read'], 'tagging': tagging, 'all': every}
print(json.dumps({name: permissions(name) for name in sys.argv[1:]}))
";

/// Returns the handlers by resource type, or `None` on a machine without Python.
fn handlers() -> Option<BTreeMap<String, Handlers>> {
    let python = python::interpreter(cfn_lint::NAME)?;
    let output = child::command(python)
        .args(["-c", READ_SCHEMAS])
        .args(types(true))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Returns the resources of every environment's stacks, and of a stack with every optional setting. If
/// `with_domain` is false, this stack has no custom domain name.
fn resources(with_domain: bool) -> Vec<Value> {
    let mut settings = settings::everything();
    if !with_domain {
        settings.domain = None;
    }
    let service = stack::service(&settings, &Artifacts::placeholder());
    let mut templates = vec![service.render().unwrap().as_value().clone()];
    let all = render::all(&Artifacts::placeholder()).unwrap();
    let deployed = all.iter().filter(|named| {
        Environment::ALL
            .map(Environment::name)
            .contains(&&*named.name)
            || named.name.starts_with("artifacts")
    });
    templates.extend(deployed.map(|named| named.template.as_value().clone()));
    templates
        .iter()
        .flat_map(|template| template["Resources"].as_object().unwrap().values())
        .cloned()
        .collect()
}

fn types(with_domain: bool) -> BTreeSet<String> {
    resources(with_domain)
        .iter()
        .map(|resource| resource["Type"].as_str().unwrap().to_owned())
        .collect()
}

fn handlers_of<'a>(
    handlers: &'a BTreeMap<String, Handlers>,
    types: &'a BTreeSet<String>,
) -> impl Iterator<Item = (&'a String, &'a Handlers)> {
    handlers.iter().filter(|(name, _)| types.contains(*name))
}

fn is_among(action: &str, patterns: &[&str]) -> bool {
    let action = action.to_lowercase();
    patterns.iter().any(|pattern| {
        let pattern = pattern.to_lowercase();
        match pattern.strip_suffix('*') {
            Some(beginning) => action.starts_with(beginning),
            None => action == pattern,
        }
    })
}

fn is_allowed(action: &str, allowed: &BTreeSet<String>) -> bool {
    allowed
        .iter()
        .any(|known| known.eq_ignore_ascii_case(action))
}

/// Returns the actions that a role of a pipeline template allows.
fn allowed_actions(template: &Value, role: &str) -> BTreeSet<String> {
    Statement::read_role("pipeline", template, role)
        .into_iter()
        .flat_map(|statement| statement.actions)
        .collect()
}

#[test]
fn the_cloudformation_role_has_the_permissions_of_every_handler() {
    let Some(handlers) = handlers() else { return };
    let mut missing = BTreeSet::new();
    for (with_domain, template) in pipelines() {
        let types = types(with_domain);
        let allowed = allowed_actions(&template, CLOUDFORMATION_ROLE);
        for (name, Handlers { all, tagging, .. }) in handlers_of(&handlers, &types) {
            for action in all.iter().filter(|action| !is_allowed(action, &allowed)) {
                let is_unneeded = UNNEEDED.iter().any(|list| is_among(action, list.actions));
                assert!(is_unneeded, "{name} needs {action}");
                assert!(
                    !tagging.contains(action),
                    "{name} has tags, and needs {action}"
                );
                missing.insert(action.clone());
            }
        }
    }
    for pattern in UNNEEDED.iter().flat_map(|list| list.actions) {
        let is_current = missing.iter().any(|action| is_among(action, &[*pattern]));
        assert!(
            is_current,
            "no handler names {pattern}, or the role allows it"
        );
    }
}

/// An unused feature is the only accepted reason. An action that IAM's reference does not list can still
/// be needed.
#[test]
fn the_reason_for_each_unneeded_permission_is_true_of_every_template() {
    let resources = resources(true);
    let types = types(true);
    for property in UNNEEDED.iter().flat_map(|list| list.feature) {
        let always = property.starts_with('+');
        let (kind, name) = property.trim_start_matches('+').split_once('.').unwrap();
        let kind = format!("AWS::{kind}");
        assert!(types.contains(&kind), "{kind}");
        for resource in resources.iter().filter(|resource| resource["Type"] == kind) {
            let has_property = !resource["Properties"][name].is_null();
            assert_eq!(has_property, always, "{property}: {resource}");
        }
    }
}

#[test]
fn each_role_that_detects_drift_has_the_permissions_of_every_read_handler() {
    let Some(handlers) = handlers() else { return };
    for (with_domain, template) in pipelines() {
        let types = types(with_domain);
        for role in DRIFT_ROLES {
            let allowed = allowed_actions(&template, role);
            for (name, Handlers { read, .. }) in handlers_of(&handlers, &types) {
                for action in read.iter().filter(|action| !is_allowed(action, &allowed)) {
                    // The handlers need these actions for an API that is imported from S3, and for
                    // a function with a customer managed key.
                    let unused = ["s3:GetObject", "kms:Decrypt"];
                    assert!(is_among(action, &unused), "{role}: {name}: {action}");
                }
            }
        }
    }
}

#[test]
fn every_allowed_action_is_in_a_handler_or_has_another_reason() {
    let Some(handlers) = handlers() else { return };
    for (with_domain, template) in pipelines() {
        let types = types(with_domain);
        let named: BTreeSet<String> = handlers_of(&handlers, &types)
            .flat_map(|(_, handlers)| handlers.all.iter().cloned())
            .collect();
        for action in allowed_actions(&template, CLOUDFORMATION_ROLE) {
            let has_reason = NOT_IN_HANDLERS
                .iter()
                .any(|(_, list)| is_among(&action, list));
            assert!(
                is_allowed(&action, &named) != has_reason,
                "{action} must either be in a handler or have another reason"
            );
        }
    }
}
