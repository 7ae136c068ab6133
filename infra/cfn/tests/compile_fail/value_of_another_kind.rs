//! Each reference is of the right resource, and of another kind than the property takes.

use cfn::resources::iam::Role;
use cfn::resources::lambda::{AliasArn, Function, FunctionName};
use cfn::resources::logs::{LogDestinationArn, LogGroup};
use cfn::resources::sns::TopicArn;
use cfn::template::{Handle, Value};

// A deploy moves only what calls the alias.
fn integration_uri(function: &Handle<Function>) -> Value<AliasArn> {
    function.arn()
}

// API Gateway stores the ARN of a log group without `:*`.
fn access_log(group: &Handle<LogGroup>) -> Value<LogDestinationArn> {
    group.arn()
}

// Lambda returns the name of the function of an EventInvokeConfig, and not its ARN.
fn event_invoke_config(function: &Handle<Function>) -> Value<FunctionName> {
    function.arn()
}

// An alarm notifies topics.
fn alarm_action(role: &Handle<Role>) -> Value<TopicArn> {
    role.arn()
}

fn main() {
    let _ = (integration_uri, access_log, event_invoke_config, alarm_action);
}
