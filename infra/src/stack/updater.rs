//! The price update: its function, its schedule and its dead letters.

use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, Policy, PolicyDocument, Role, ServicePrincipal, Statement};
use cfn::resources::lambda::{
    Alias, DestinationConfig, EventAge, EventInvokeConfig, EventRetryAttempts, OnFailure,
};
use cfn::resources::scheduler::{
    DeadLetterConfig, DeliveryAge, NoFlexibleTimeWindow, RetryAttempts, RetryPolicy, Schedule,
    Target, TargetArn,
};
use cfn::resources::secretsmanager::dynamic_reference;
use cfn::resources::sqs::{MessageRetentionPeriod, Queue, SqsManagedSse};
use cfn::template::{Handle, LogicalId, Pseudo, ResourceAttributes, Template, Text, Value};
use cfn::{actions, logical_id};
use contract::environment::UpdateEnvironment;
use contract::items;

use crate::checkov::{Answer, Subject};
use crate::constructs::function::{self, FunctionHandles, FunctionProps};
use crate::constructs::permissions_boundary::permissions_boundary;
use crate::secret::{ApiKey, ProviderKey};
use crate::{Artifacts, Settings, names};

/// What the logical ids of the update function's group begin with.
const ID: LogicalId = LogicalId::new("Update");

/// What Scheduler sends: when the run was due, and which attempt this is.
const EVENT: &str = r#"{"source":"aws.scheduler","scheduledTime":"<aws.scheduler.scheduled-time>","attempt":"<aws.scheduler.attempt-number>"}"#;

/// What scanners would have of the update.
pub(super) const ANSWERS: [Answer; 2] = [
    Answer {
        check: "CKV_AWS_116",
        subject: Subject::Resource("UpdateFunction"),
        reason: "its EventInvokeConfig sends what it gives up to a queue, with the reason, which a \
                 DeadLetterConfig of the function would leave out",
    },
    Answer {
        check: "CKV_AWS_27",
        subject: Subject::Resource("UpdateDeadLetters"),
        reason: "it is encrypted by SQS (SqsManagedSseEnabled), which the check does not know",
    },
];

/// What the observability of the update needs.
pub(super) struct Updater {
    pub(super) function: FunctionHandles,
    pub(super) dead_letters: Handle<Queue>,
}

/// Adds the function with everything that belongs to it.
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
            // 14 days, the longest there is: long enough for a holiday.
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
            id: ID,
            description: secret_versions(settings),
            limits: settings.update,
            variables: variables.into_pairs(),
            statements: vec![
                Statement {
                    condition: Some(Condition::new(
                        "ForAllValues:StringLike",
                        "dynamodb:LeadingKeys",
                        [items::PRICE_PREFIX, items::STATUS_PREFIX]
                            .map(|prefix| format!("{prefix}*").into()),
                    )),
                    ..Statement::allow(
                        "WritePrices",
                        actions![
                            "dynamodb:GetItem",
                            "dynamodb:PutItem",
                            "dynamodb:UpdateItem"
                        ],
                        vec![table.arn().into()],
                    )
                },
                Statement::allow(
                    "GiveUpEvents",
                    actions!["sqs:SendMessage"],
                    vec![dead_letters.arn().into()],
                ),
            ],
        },
    );
    // Invoked once in five minutes, so that no share of its traffic could be judged.
    let handles = function::alias(template, published, ResourceAttributes::default());
    template.add_with(
        logical_id!("UpdateEventInvokeConfig"),
        EventInvokeConfig {
            function_name: handles.function.reference(),
            qualifier: contract::LIVE_ALIAS.to_owned(),
            maximum_retry_attempts: const { EventRetryAttempts::new(2) },
            // After five minutes the next run is due anyhow.
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

/// Returns the reference to the secret of a price provider's key, if it has one.
fn api_key(settings: &Settings, key: ProviderKey) -> Option<Value<Text>> {
    match settings.api_key(key) {
        ApiKey::None => None,
        ApiKey::Secret(version) => {
            let name = names::secret(settings.environment, key);
            Some(dynamic_reference(&name, version).into_text())
        }
    }
}

/// Names the versions of the providers' keys, for the function's description. A secret
/// that is rotated to the same text changes nothing else that Lambda sees, and Lambda
/// publishes no version of a function that has not changed.
///
/// A changed description counts as a change: aws/aws-cdk#18797; the refusal in its newer
/// words: aws/aws-cdk#28252.
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

/// Adds the schedule and the role that lets it invoke the alias.
fn schedule(
    template: &mut Template,
    settings: &Settings,
    alias: &Handle<Alias>,
    dead_letters: &Handle<Queue>,
) {
    let role = template.add(
        logical_id!("ScheduleRole"),
        Role {
            description: format!(
                "Lets Scheduler invoke the update of {}",
                names::stack(settings.environment)
            ),
            // Without the condition, Scheduler could be made to use this role
            // by a schedule of another account.
            assume_role_policy_document: PolicyDocument::assumed_by(
                ServicePrincipal::Scheduler,
                Some(Condition::new(
                    "StringEquals",
                    "aws:SourceAccount",
                    [Pseudo::AccountId.into()],
                )),
            ),
            permissions_boundary: permissions_boundary(settings.environment),
            policies: vec![Policy {
                policy_name: "schedule".to_owned(),
                policy_document: PolicyDocument::new(vec![
                    Statement::allow(
                        "InvokeUpdate",
                        actions!["lambda:InvokeFunction"],
                        vec![alias.reference().into()],
                    ),
                    Statement::allow(
                        "GiveUpEvents",
                        actions!["sqs:SendMessage"],
                        vec![dead_letters.arn().into()],
                    ),
                ]),
            }],
            tags: settings.tags().list(),
        },
    );
    template.add(
        logical_id!("UpdateSchedule"),
        Schedule {
            name: names::of(settings.environment, "update"),
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
