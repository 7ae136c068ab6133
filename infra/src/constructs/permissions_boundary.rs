//! References to an environment's permissions boundary, which has a stack of its own.

use cfn::resources::iam::ManagedPolicyArn;
use cfn::template::{Pseudo, Text, Value};
use cfn::{arn, sub};

use crate::{Environment, names};

/// Returns the name of the boundary's managed policy in the stack's Region, as
/// [`names::boundary_policy`] does for a given Region.
pub(crate) fn policy_name(environment: Environment) -> Value<Text> {
    sub![names::boundary_stack(environment), "-", Pseudo::Region]
}

/// Returns the ARN of the boundary's managed policy in the stack's account and Region.
pub(crate) fn permissions_boundary(environment: Environment) -> Value<ManagedPolicyArn> {
    let name = policy_name(environment);
    arn!["iam", "", Pseudo::AccountId, "policy/", &name]
}
