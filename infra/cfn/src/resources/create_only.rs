//! Which properties CloudFormation can only set while it creates a resource: a
//! change to one of them replaces the resource.

/// The create-only properties of a resource type, as its schema in the
/// CloudFormation registry lists them; `None` for a type that this project does
/// not use.
///
/// It is enough to predict a replacement without an account; what CloudFormation
/// says of a change set is what counts. A table's `KeySchema` is only
/// conditionally create-only there, but no change that this project could make
/// to one keeps the table.
///
/// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-createonlyproperties>
pub fn create_only(resource_type: &str) -> Option<&'static [&'static str]> {
    let properties: &[&str] = match resource_type {
        "AWS::ApiGatewayV2::Api" => &["ProtocolType"],
        "AWS::ApiGatewayV2::ApiMapping" | "AWS::ApiGatewayV2::DomainName" => &["DomainName"],
        "AWS::ApiGatewayV2::Integration" | "AWS::ApiGatewayV2::Route" => &["ApiId"],
        "AWS::ApiGatewayV2::Stage" => &["ApiId", "StageName"],
        "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" => &["AlarmName"],
        "AWS::CloudWatch::Dashboard" => &["DashboardName"],
        "AWS::CodeDeploy::Application" => &["ApplicationName", "ComputePlatform"],
        "AWS::CodeDeploy::DeploymentGroup" => &["ApplicationName", "DeploymentGroupName"],
        "AWS::DynamoDB::Table" => &["ImportSourceSpecification", "KeySchema", "TableName"],
        "AWS::IAM::ManagedPolicy" => &["Description", "ManagedPolicyName", "Path"],
        "AWS::IAM::OIDCProvider" => &["Url"],
        "AWS::IAM::Role" => &["Path", "RoleName"],
        "AWS::Lambda::Alias" => &["FunctionName", "Name"],
        "AWS::Lambda::EventInvokeConfig" => &["FunctionName", "Qualifier"],
        "AWS::Lambda::Function" => &[
            "DurableConfig",
            "FunctionName",
            "PackageType",
            "TenancyConfig",
        ],
        "AWS::Lambda::Permission" => &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        "AWS::Lambda::Version" => &[
            "CodeSha256",
            "Description",
            "FunctionName",
            "ProvisionedConcurrencyConfig",
            "RuntimePolicy",
        ],
        "AWS::Logs::LogGroup" => &["LogGroupName"],
        "AWS::Route53::RecordSet" => &["HostedZoneId", "HostedZoneName"],
        "AWS::S3::Bucket" => &["BucketName", "BucketNamePrefix", "BucketNamespace"],
        "AWS::S3::BucketPolicy" => &["Bucket"],
        "AWS::SNS::Subscription" => &["Endpoint", "Protocol", "Region", "TopicArn"],
        "AWS::SNS::Topic" => &["FifoTopic", "TopicName"],
        "AWS::SQS::Queue" => &["FifoQueue", "QueueName"],
        "AWS::Scheduler::Schedule" => &["Name"],
        _ => return None,
    };
    Some(properties)
}
