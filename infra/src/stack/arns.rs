//! ARNs of resources that another stack creates, by their names.

use cfn::sub;
use cfn::template::{AnyArn, Pseudo, Value};

/// The ARN of a resource in the stack's account and region.
pub(super) fn arn(service: &'static str, kind: &'static str, name: &str) -> Value<AnyArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":",
        service,
        ":",
        Pseudo::Region,
        ":",
        Pseudo::AccountId,
        ":",
        kind,
        name.to_owned()
    ]
}
