//! The facts of every resource type, for readers of templates.

use super::{
    apigatewayv2, cloudwatch, codedeploy, dynamodb, iam, lambda, logs, route53, s3, scheduler, sns,
    sqs,
};
use crate::template::ResourceType;

/// Every resource type of this crate.
pub const ALL: [ResourceType; 28] = [
    ResourceType::of::<apigatewayv2::Api>(),
    ResourceType::of::<apigatewayv2::Integration>(),
    ResourceType::of::<apigatewayv2::Route>(),
    ResourceType::of::<apigatewayv2::Stage>(),
    ResourceType::of::<apigatewayv2::DomainName>(),
    ResourceType::of::<apigatewayv2::ApiMapping>(),
    ResourceType::of::<cloudwatch::Alarm>(),
    ResourceType::of::<cloudwatch::CompositeAlarm>(),
    ResourceType::of::<cloudwatch::Dashboard>(),
    ResourceType::of::<codedeploy::Application>(),
    ResourceType::of::<codedeploy::DeploymentGroup>(),
    ResourceType::of::<dynamodb::Table>(),
    ResourceType::of::<iam::Role>(),
    ResourceType::of::<iam::ManagedPolicy>(),
    ResourceType::of::<iam::OidcProvider>(),
    ResourceType::of::<lambda::Function>(),
    ResourceType::of::<lambda::Version>(),
    ResourceType::of::<lambda::Alias>(),
    ResourceType::of::<lambda::Permission>(),
    ResourceType::of::<lambda::EventInvokeConfig>(),
    ResourceType::of::<logs::LogGroup>(),
    ResourceType::of::<route53::RecordSet>(),
    ResourceType::of::<s3::Bucket>(),
    ResourceType::of::<s3::BucketPolicy>(),
    ResourceType::of::<scheduler::Schedule>(),
    ResourceType::of::<sns::Topic>(),
    ResourceType::of::<sns::Subscription>(),
    ResourceType::of::<sqs::Queue>(),
];

/// Finds the facts of a type by its name.
pub fn find(resource_type: &str) -> Option<ResourceType> {
    ALL.into_iter().find(|one| one.name == resource_type)
}
