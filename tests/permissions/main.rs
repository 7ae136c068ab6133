//! What the pipeline's roles may do, compared with what CloudFormation needs:
//! the permissions that the handlers of each resource type name in the registry.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod roles;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use infra::{Artifacts, stack};
use serde::Deserialize;
use tests::{python, settings};
use xtask::render;
use xtask::validate::cfn_lint;

use crate::roles::{actions, pipeline, with_policies};

/// What handlers name for features that no template here uses, by the reason.
/// A `*` at the end stands for whatever follows.
const NOT_NEEDED: [(&str, &[&str]); 12] = [
    (
        "IAM has no such actions: tags are what is at /tags",
        &["apigateway:TagResource", "apigateway:UntagResource"],
    ),
    (
        "nothing is encrypted with a key of our own",
        &["kms:*", "logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
    ),
    (
        "no function is in a VPC, has a file system, a layer or signed code",
        &[
            "ec2:*",
            "elasticfilesystem:*",
            "s3files:*",
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:GetLayerVersion",
            "lambda:PutFunctionCodeSigningConfig",
        ],
    ),
    (
        "no function has reserved or provisioned capacity, or a pinned runtime",
        &[
            "lambda:AssociateRuntimeAlias",
            "lambda:DeleteFunctionConcurrency",
            "lambda:DeleteProvisionedConcurrencyConfig",
            "lambda:PassCapacityProvider",
            "lambda:PutFunction*",
            "lambda:PutProvisionedConcurrencyConfig",
            "lambda:PutRuntimeManagementConfig",
        ],
    ),
    (
        "nothing runs on premises",
        &["codedeploy:RegisterOnPremisesInstance"],
    ),
    (
        "no role has a managed policy or a boundary",
        &[
            "iam:AttachRolePolicy",
            "iam:DeleteRolePermissionsBoundary",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
        ],
    ),
    (
        "the table has no replicas and is filled by the functions alone",
        &[
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
    ),
    (
        "the table has no stream, no policy and no contributor insights",
        &[
            "dynamodb:DeleteResourcePolicy",
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:PutResourcePolicy",
            "dynamodb:UpdateContributorInsights",
            "dynamodb:UpdateKinesisStreamingDestination",
            "kinesis:*",
        ],
    ),
    (
        "log groups have no index, no policy and no delivery of their own",
        &[
            "firehose:*",
            "logs:DeleteIndexPolicy",
            "logs:DeleteResourcePolicy",
            "logs:PutBearerTokenAuthentication",
            "logs:PutDataProtectionPolicy",
            "logs:PutIndexPolicy",
            "logs:PutLogGroupDeletionProtection",
            "s3:REST.PUT.OBJECT",
        ],
    ),
    (
        "the topic has no data protection policy",
        &["sns:PutDataProtectionPolicy"],
    ),
    (
        "the bucket has no tables, replicas, reports, website, events or ACLs",
        &[
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
    ),
    (
        "the bucket's tags, encryption and lifecycle rule are always there",
        &[
            "s3:DeleteBucketEncryption",
            "s3:DeleteBucketLifecycle",
            "s3:DeleteBucketTagging",
        ],
    ),
];

/// What no handler names and is needed all the same, by the reason.
const FURTHER: [(&str, &[&str]); 3] = [
    (
        "looking for drift",
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

/// The permissions of a resource type's handlers; IAM does not tell the cases
/// of their letters apart, and neither do the schemas.
#[derive(Deserialize)]
struct Handlers {
    read: BTreeSet<String>,
    all: BTreeSet<String>,
}

const READ_SCHEMAS: &str = "
import json, sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
def permissions(name):
    schema = schemas.get_resource_schema('us-east-1', name).schema
    handlers = {kind: handler.get('permissions') or [] for kind, handler in schema['handlers'].items()}
    handlers.pop('list', None)
    tagging = (schema.get('tagging') or {}).get('permissions') or []
    every = [action for actions in handlers.values() for action in actions] + tagging
    return {'read': handlers['read'], 'all': every}
print(json.dumps({name: permissions(name) for name in sys.argv[1:]}))
";

fn handlers() -> Option<BTreeMap<String, Handlers>> {
    let python = python::interpreter(cfn_lint::NAME)?;
    let output = Command::new(python)
        .args(["-c", READ_SCHEMAS])
        .args(types())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Every type that a deploy of an environment may make.
fn types() -> BTreeSet<String> {
    let mut settings = settings::everything();
    // The roles may make a domain name only where an environment's settings have
    // one, and none has.
    settings.domain = None;
    let prod = stack::service(&settings, &Artifacts::placeholder());
    let mut templates = vec![prod.render().unwrap().as_value().clone()];
    templates.extend(
        render::all(&Artifacts::placeholder())
            .unwrap()
            .iter()
            .filter(|named| named.name != "pipeline")
            .map(|named| named.template.as_value().clone()),
    );
    templates
        .iter()
        .flat_map(|template| template["Resources"].as_object().unwrap().values())
        .map(|resource| resource["Type"].as_str().unwrap().to_owned())
        .collect()
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

#[test]
fn cloudformations_role_may_do_what_the_handlers_of_every_type_do() {
    let Some(handlers) = handlers() else { return };
    let template = pipeline();
    let allowed = actions(
        &template,
        &with_policies(&template, "ProdCloudFormationRole"),
    );
    let mut missing = BTreeSet::new();
    for (name, Handlers { all, .. }) in &handlers {
        for action in all.iter().filter(|action| !is_allowed(action, &allowed)) {
            let answered = NOT_NEEDED.iter().any(|(_, list)| is_among(action, list));
            assert!(answered, "{name} needs {action}");
            missing.insert(action.clone());
        }
    }
    for pattern in NOT_NEEDED.iter().flat_map(|(_, patterns)| *patterns) {
        let needless = !missing.iter().any(|action| is_among(action, &[*pattern]));
        assert!(!needless, "no handler names {pattern}, or it is allowed");
    }
}

#[test]
fn who_looks_for_drift_may_read_what_the_handlers_of_every_type_read() {
    let Some(handlers) = handlers() else { return };
    let allowed = actions(&pipeline(), &["ProdReading", "SharedReading"]);
    for (name, Handlers { read, .. }) in &handlers {
        for action in read.iter().filter(|action| !is_allowed(action, &allowed)) {
            // What an API is imported from, and what a function's own key decrypts.
            let unused = ["s3:GetObject", "kms:Decrypt"];
            assert!(is_among(action, &unused), "{name}: {action}");
        }
    }
}

#[test]
fn nothing_is_allowed_that_no_handler_names_and_no_reason_is_given_for() {
    let Some(handlers) = handlers() else { return };
    let named: BTreeSet<String> = handlers
        .values()
        .flat_map(|handlers| handlers.all.iter().cloned())
        .collect();
    let template = pipeline();
    for action in actions(
        &template,
        &with_policies(&template, "ProdCloudFormationRole"),
    ) {
        let further = FURTHER.iter().any(|(_, list)| is_among(&action, list));
        assert!(
            is_allowed(&action, &named) != further,
            "{action} is explained twice or not at all"
        );
    }
}
