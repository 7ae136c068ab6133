//! Who is told of alarms: an address that the protocol can reach.

use super::super::template::Checked;

pub(super) fn check(checked: &mut Checked<'_>) {
    for subscription in checked.of_type("AWS::SNS::Subscription") {
        let endpoint = subscription.text("/Endpoint");
        let fits = match subscription.text("/Protocol") {
            "email" => endpoint
                .split_once('@')
                .is_some_and(|(user, host)| !user.is_empty() && host.contains('.')),
            "https" => endpoint.len() > "https://".len() && endpoint.starts_with("https://"),
            _ => false,
        };
        checked.require(
            fits,
            "subscription-endpoint",
            subscription.id,
            format_args!(
                "{endpoint:?} is no e-mail address or HTTPS URL, whichever its protocol is"
            ),
        );
        checked.require(
            checked.refers_to(subscription.at("/TopicArn"), "AWS::SNS::Topic"),
            "subscription-topic",
            subscription.id,
            "it has to be of the topic that the alarms tell",
        );
    }
}
