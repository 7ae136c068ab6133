//! The table and its index.

use cfn::resources::dynamodb::{
    AttributeDefinition, AttributeType, AwsManagedKey, GlobalSecondaryIndex, KeySchema, KeyType,
    PayPerRequest, PointInTimeRecoverySpecification, Projection, Table, TimeToLiveSpecification,
};
use cfn::template::{Handle, RemovalPolicy, ResourceAttributes, Template};
use cfn::{actions, logical_id};
use contract::items;

use crate::checkov::{Subject, Suppression};
use crate::constructs::arns::regional;
use crate::constructs::permissions::ResourcePermissions;
use crate::environment::Protection;
use crate::{Environment, Settings, names};

pub(super) const SUPPRESSIONS: [Suppression; 2] = [
    Suppression {
        check: "CKV_AWS_119",
        subject: Subject::Resource("Table"),
        reason: "the AWS managed key of DynamoDB encrypts the table; a customer managed key would \
                 cost more and protect only public prices and the digests of API keys",
    },
    Suppression {
        check: "CKV_AWS_28",
        subject: Subject::ResourceIn {
            id: "Table",
            template: "dev",
        },
        reason: "dev has no data to protect",
    },
];

/// Adds the table, which stores all items of [`contract::items`].
pub(super) fn table(template: &mut Template, settings: &Settings) -> Handle<Table> {
    let protected = settings.protection == Protection::Full;
    let removal = Some(if protected {
        RemovalPolicy::Retain
    } else {
        RemovalPolicy::Delete
    });
    template.add_with(
        logical_id!("Table"),
        Table {
            table_name: names::table(settings.environment),
            attribute_definitions: key_attributes(),
            key_schema: key_schema(items::PK, items::SK),
            global_secondary_indexes: vec![GlobalSecondaryIndex {
                index_name: items::GSI1.to_owned(),
                key_schema: key_schema(items::GSI1PK, items::GSI1SK),
                projection: Projection::Include {
                    non_key_attributes: items::GSI1_PROJECTION.map(str::to_owned).into(),
                },
                on_demand_throughput: settings.table_throughput,
            }],
            billing_mode: PayPerRequest,
            on_demand_throughput: settings.table_throughput,
            time_to_live_specification: TimeToLiveSpecification {
                attribute_name: items::TTL.to_owned(),
                enabled: true,
            },
            point_in_time_recovery_specification: PointInTimeRecoverySpecification {
                point_in_time_recovery_enabled: protected,
            },
            sse_specification: AwsManagedKey,
            deletion_protection_enabled: protected,
            tags: settings.tags().list(),
        },
        ResourceAttributes {
            deletion_policy: removal,
            update_replace_policy: removal,
            ..ResourceAttributes::default()
        },
    )
}

/// Returns the attributes of all keys in alphabetical order, as DynamoDB returns them. With another
/// order, drift detection can report a difference.
fn key_attributes() -> Vec<AttributeDefinition> {
    let mut names = [items::PK, items::SK, items::GSI1PK, items::GSI1SK];
    names.sort_unstable();
    names
        .map(|name| AttributeDefinition {
            attribute_name: name.to_owned(),
            attribute_type: AttributeType::S,
        })
        .into()
}

fn key_schema(partition: &str, sort: &str) -> Vec<KeySchema> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .map(|(name, key_type)| KeySchema {
            attribute_name: name.to_owned(),
            key_type,
        })
        .into()
}

/// Lists the permissions of the pipeline on the table.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let indexes = format!("{}/index/*", names::table(environment));
    vec![
        ResourcePermissions {
            sid: "Table",
            read: actions![
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeContributorInsights",
                "dynamodb:DescribeKinesisStreamingDestination",
                "dynamodb:DescribeTable",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:GetResourcePolicy",
                "dynamodb:ListTagsOfResource"
            ],
            write: actions![
                "dynamodb:CreateTable",
                "dynamodb:DeleteTable",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateTimeToLive"
            ],
            resources: vec![regional("dynamodb", "table/", &names::table(environment))],
        },
        // CloudFormation reads the contributor insights of each index.
        ResourcePermissions {
            sid: "Indexes",
            read: actions!["dynamodb:DescribeContributorInsights"],
            write: Vec::new(),
            resources: vec![regional("dynamodb", "table/", &indexes)],
        },
    ]
}
