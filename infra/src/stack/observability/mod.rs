//! Observability: the alarms, the composite alarm that pages the operator, and the dashboard.

mod alarms;
mod dashboard;
mod metrics;

use cfn::resources::cloudwatch::{Alarm, AlarmRule, CompositeAlarm};
use cfn::resources::sns::{Endpoint, Subscription, Topic};
use cfn::template::{Handle, Pseudo, Template};
use cfn::{actions, arn, logical_id};

use crate::checkov::{Subject, Suppression};
use crate::constructs::arns::regional;
use crate::constructs::permissions::ResourcePermissions;
use crate::environment::Notification;
use crate::{Environment, Settings, names};

pub(super) use alarms::rollout as rollout_alarms;
pub(super) use metrics::Watched;

pub(super) const SUPPRESSIONS: [Suppression; 1] = [Suppression {
    check: "CKV_AWS_26",
    subject: Subject::Resource("AlarmTopic"),
    reason: "CloudWatch cannot publish to a topic that AWS's own key encrypts, and reports no error; \
             an alarm's text has nothing that needs a customer managed key",
}];

/// Adds the dashboard, the composite alarm that pages the operator, its topic, and all other alarms.
/// The caller has already added the alarms of `rollout`.
pub(super) fn add(
    template: &mut Template,
    settings: &Settings,
    watched: &Watched<'_>,
    rollout: Vec<Handle<Alarm>>,
) {
    let mut all = rollout;
    all.extend(alarms::paging(template, settings, watched));
    all.extend(alarms::probe(template, settings));
    let topic = topic(template, settings);
    let service = template.add(
        logical_id!("ServiceAlarm"),
        CompositeAlarm {
            alarm_name: names::resource(settings.environment, "service"),
            alarm_description:
                "At least one of the alarms that page the operator is in the state ALARM. \
                                Runbook: docs/runbook.md"
                    .to_owned(),
            alarm_rule: AlarmRule::any(&all),
            alarm_actions: [topic.reference()],
            ok_actions: [topic.reference()],
            tags: settings.tags().list(),
        },
    );
    all.extend(alarms::silent(template, settings, watched));
    dashboard::add(template, settings, watched, &service, &all);
}

/// Adds the topic, and a subscription for the recipient in the settings.
fn topic(template: &mut Template, settings: &Settings) -> Handle<Topic> {
    // Not encrypted, for the reason in SUPPRESSIONS.
    let topic = template.add(
        logical_id!("AlarmTopic"),
        Topic {
            topic_name: names::resource(settings.environment, "alarms"),
            tags: settings.tags().list(),
        },
    );
    let recipient = match &settings.notification {
        Some(Notification::Email(address)) => Some(Endpoint::Email(*address)),
        Some(Notification::Https(url)) => Some(Endpoint::Https(*url)),
        Some(Notification::NobodyOnPurpose) | None => None,
    };
    if let Some(endpoint) = recipient {
        template.add(
            logical_id!("AlarmSubscription"),
            Subscription {
                topic_arn: topic.reference(),
                endpoint,
            },
        );
    }
    topic
}

/// Lists the permissions of the pipeline on the alarms, the dashboard and the topic.
pub(crate) fn permissions(environment: Environment) -> Vec<ResourcePermissions> {
    let name_pattern = names::resource(environment, "*");
    vec![
        // `pipeline/wildcard_actions.rs` has the actions on composite alarms, which need `*`.
        ResourcePermissions {
            sid: "Alarms",
            read: actions!["cloudwatch:ListTagsForResource"],
            write: actions![
                "cloudwatch:DeleteAlarms",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource"
            ],
            resources: vec![regional("cloudwatch", "alarm:", &name_pattern)],
        },
        // A dashboard's ARN has no Region.
        ResourcePermissions {
            sid: "Dashboards",
            read: actions!["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"],
            write: actions![
                "cloudwatch:DeleteDashboards",
                "cloudwatch:PutDashboard",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource"
            ],
            resources: vec![arn![
                "cloudwatch",
                "",
                Pseudo::AccountId,
                "dashboard/",
                names::stack(environment)
            ]],
        },
        ResourcePermissions {
            sid: "Topics",
            read: actions![
                "sns:GetDataProtectionPolicy",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource"
            ],
            write: actions![
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:UntagResource"
            ],
            resources: vec![regional("sns", "", &name_pattern)],
        },
    ]
}
