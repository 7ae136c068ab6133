//! ARNs of resources of other stacks, from the names of the resources.

use cfn::arn;
use cfn::template::{AnyArn, Pseudo, Value};

/// Returns the ARN of a resource in the stack's account and Region.
pub(super) fn regional(service: &'static str, kind: &'static str, name: &str) -> Value<AnyArn> {
    let name = name.to_owned();
    arn![service, Pseudo::Region, Pseudo::AccountId, kind, name]
}
