//! Each reference has the right resource as its target, but the wrong kind for the property.

use cfn::resources::iam::Role;
use cfn::resources::lambda::{AliasArn, Function, FunctionName};
use cfn::resources::logs::{LogDestinationArn, LogGroup};
use cfn::resources::sns::TopicArn;
use cfn::template::{Handle, Value};

// An integration invokes the alias, so that a deploy can shift its traffic.
fn integration_uri(function: &Handle<Function>) -> Value<AliasArn> {
    function.arn()
}

// API Gateway stores the ARN of a log group without the suffix `:*`.
fn access_log(group: &Handle<LogGroup>) -> Value<LogDestinationArn> {
    group.arn()
}

// Lambda returns the function of an EventInvokeConfig as its name and not as its ARN.
fn event_invoke_config(function: &Handle<Function>) -> Value<FunctionName> {
    function.arn()
}

// The action of an alarm is a topic.
fn alarm_action(role: &Handle<Role>) -> Value<TopicArn> {
    role.arn()
}

fn main() {
    let _ = (integration_uri, access_log, event_invoke_config, alarm_action);
}
