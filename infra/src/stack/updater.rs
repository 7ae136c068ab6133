//! The update of prices: its function, its schedule and its dead-letter queue.

use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, ServicePrincipal, Statement};
use cfn::resources::lambda::{
    Alias, DestinationConfig, EventAge, EventInvokeConfig, EventRetryAttempts, OnFailure,
};
use cfn::resources::scheduler::{
    DeadLetterConfig, DeliveryAge, NoFlexibleTimeWindow, RetryAttempts, RetryPolicy, Schedule,
    Target, TargetArn,
};
use cfn::resources::secretsmanager::dynamic_reference;
use cfn::resources::sqs::{MessageRetentionPeriod, Queue, SqsManagedSse};
use cfn::template::{Handle, ResourceAttributes, Template, Text, Value};
use cfn::{actions, logical_id};
use contract::environment::UpdateEnvironment;
use contract::items;

use crate::checkov::{Subject, Suppression};
use crate::constructs::arns::regional;
use crate::constructs::function::{self, FunctionHandles, FunctionProps};
use crate::constructs::permissions::ResourcePermissions;
use crate::constructs::role::{self, RoleProps};
use crate::secret::{ApiKey, ProviderKey};
use crate::{Artifacts, Environment, Settings, names};

/// The event that the schedule sends. Scheduler replaces the two parts in angle brackets.
const EVENT: &str = r#"{"source":"aws.scheduler","scheduledTime":"<aws.scheduler.scheduled-time>","attempt":"<aws.scheduler.attempt-number>"}"#;

pub(super) const SUPPRESSIONS: [Suppression; 2] = [
    Suppression {
        check: "CKV_AWS_116",
        subject: Subject::Resource("UpdateFunction"),
        reason: "its EventInvokeConfig sends each failed event and the cause to a queue; a \
                 DeadLetterConfig of the function would leave the cause out",
    },
    Suppression {
        check: "CKV_AWS_27",
        subject: Subject::Resource("UpdateDeadLetters"),
        reason: "SQS encrypts the queue (SqsManagedSseEnabled), which the check does not know",
    },
];

pub(super) struct Updater {
    pub(super) function: FunctionHandles,
    pub(super) dead_letters: Handle<Queue>,
}

/// Adds the function with its queue, alias and schedule.
pub(super) fn function(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    table: &Handle<Table>,
) -> Updater {
    let dead_letters = template.add(
        logical_id!("UpdateDeadLetters"),
        Queue {
            queue_name: names::dead_letters(settings.environment),
            // 14 days, the maximum.
            message_retention_period: const { MessageRetentionPeriod::new(1_209_600) },
            sqs_managed_sse_enabled: SqsManagedSse,
            tags: settings.tags().list(),
        },
    );
    let variables = UpdateEnvironment {
        dynamodb_table_name: Some(table.reference().into_text()),
        external_api_url: settings.external_api_url.map(Into::into),
        external_api_key: api_key(settings, ProviderKey::External),
        second_api_url: settings.second_api_url.map(Into::into),
        second_api_key: api_key(settings, ProviderKey::Second),
        supported_symbols: Some(function::supported_symbols()),
        environment: Some(settings.environment.name().into()),
        log_level: Some(settings.log_level.name().into()),
    };
    let published = function::published(
        template,
        settings,
        artifacts,
        FunctionProps {
            name: contract::Function::Update,
            id: logical_id!("Update"),
            description: secret_versions(settings),
            limits: settings.update,
            variables: variables.into_pairs(),
            statements: vec![
                // A transaction needs the permissions for the calls that it combines:
                // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>.
                Statement {
                    condition: Some(Condition::new(
                        "ForAllValues:StringLike",
                        "dynamodb:LeadingKeys",
                        [
                            items::PRICE_PREFIX,
                            items::RATE_PREFIX,
                            items::STATUS_PREFIX,
                        ]
                        .map(|prefix| format!("{prefix}*").into()),
                    )),
                    ..Statement::allow(
                        "WritePrices",
                        actions![
                            "dynamodb:BatchGetItem",
                            "dynamodb:GetItem",
                            "dynamodb:PutItem",
                            "dynamodb:UpdateItem"
                        ],
                        vec![table.arn().into()],
                    )
                },
                Statement::allow(
                    "SendFailedEvents",
                    actions!["sqs:SendMessage"],
                    vec![dead_letters.arn().into()],
                ),
            ],
        },
    );
    // The alias moves at once: one invocation in five minutes is too few to test a new version
    // with a part of the traffic.
    let handles = function::alias(template, published, ResourceAttributes::default());
    template.add_with(
        logical_id!("UpdateEventInvokeConfig"),
        EventInvokeConfig {
            function_name: handles.function.reference(),
            qualifier: contract::LIVE_ALIAS.to_owned(),
            maximum_retry_attempts: const { EventRetryAttempts::new(2) },
            // After 300 s the next run is due.
            maximum_event_age_in_seconds: const { EventAge::new(300) },
            destination_config: DestinationConfig {
                on_failure: OnFailure {
                    destination: dead_letters.arn(),
                },
            },
        },
        ResourceAttributes {
            depends_on: vec![handles.alias.dependency()],
            ..ResourceAttributes::default()
        },
    );
    schedule(template, settings, &handles.alias, &dead_letters);
    Updater {
        function: handles,
        dead_letters,
    }
}

/// Returns the reference to the secret with a price provider's API key, if the settings have one.
fn api_key(settings: &Settings, key: ProviderKey) -> Option<Value<Text>> {
    match settings.api_key(key) {
        ApiKey::None => None,
        ApiKey::Secret(version) => {
            let name = names::secret(settings.environment, key);
            Some(dynamic_reference(&name, version).into_text())
        }
    }
}

/// Lists the versions of the providers' API keys, for the function's description. Lambda publishes
/// no version of an unchanged function (<https://github.com/aws/aws-cdk/issues/28252>). Without the
/// list, a new version of a secret with the same key would not change the function. A changed
/// description counts as a change (<https://github.com/aws/aws-cdk/issues/18797>).
fn secret_versions(settings: &Settings) -> Option<String> {
    let versions = ProviderKey::ALL
        .into_iter()
        .filter_map(|key| match settings.api_key(key) {
            ApiKey::None => None,
            ApiKey::Secret(version) => Some(format!("{} {version}", key.name())),
        });
    let versions: Vec<String> = versions.collect();
    (!versions.is_empty()).then(|| versions.join(", "))
}

/// Adds the schedule and Scheduler's role.
fn schedule(
    template: &mut Template,
    settings: &Settings,
    alias: &Handle<Alias>,
    dead_letters: &Handle<Queue>,
) {
    let props = RoleProps {
        id: logical_id!("ScheduleRole"),
        purpose: "Lets Scheduler invoke the update".to_owned(),
        service: ServicePrincipal::Scheduler,
        policy_name: "schedule",
        statements: vec![
            Statement::allow(
                "InvokeUpdate",
                actions!["lambda:InvokeFunction"],
                vec![alias.reference().into()],
            ),
            Statement::allow(
                "SendFailedEvents",
                actions!["sqs:SendMessage"],
                vec![dead_letters.arn().into()],
            ),
        ],
    };
    let role = role::add(template, settings, props);
    template.add(
        logical_id!("UpdateSchedule"),
        Schedule {
            name: names::resource(settings.environment, "update"),
            description: "Fetches prices and stores them".to_owned(),
            schedule_expression: settings.schedule,
            flexible_time_window: NoFlexibleTimeWindow,
            target: Target {
                arn: TargetArn::Alias(alias.reference()),
                role_arn: role.arn(),
                input: EVENT.to_owned(),
                retry_policy: RetryPolicy {
                    maximum_retry_attempts: const { RetryAttempts::new(2) },
                    maximum_event_age_in_seconds: const { DeliveryAge::new(300) },
                },
                dead_letter_config: Some(DeadLetterConfig {
                    arn: dead_letters.arn(),
                }),
            },
        },
    );
}

/// Lists the permissions of the pipeline on the schedules and the queue.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let name_pattern = names::resource(environment, "*");
    vec![
        ResourcePermissions {
            sid: "Schedules",
            read: actions!["scheduler:GetSchedule"],
            write: actions![
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:UpdateSchedule"
            ],
            resources: vec![regional(
                "scheduler",
                "schedule/",
                &format!("default/{name_pattern}"),
            )],
        },
        ResourcePermissions {
            sid: "Queues",
            read: actions!["sqs:GetQueueAttributes", "sqs:ListQueueTags"],
            write: actions![
                "sqs:CreateQueue",
                "sqs:DeleteQueue",
                "sqs:GetQueueUrl",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
                "sqs:UntagQueue"
            ],
            resources: vec![regional("sqs", "", &name_pattern)],
        },
    ]
}
