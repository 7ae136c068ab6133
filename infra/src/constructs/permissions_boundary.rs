//! An environment's permissions boundary, which is in a stack of its own, as other
//! stacks refer to it.

use cfn::resources::iam::ManagedPolicyArn;
use cfn::sub;
use cfn::template::{Pseudo, Text, Value};

use crate::{Environment, names};

/// The name of the boundary's managed policy in the stack's region:
/// [`names::boundary_policy`].
pub fn policy_name(environment: Environment) -> Value<Text> {
    sub![names::boundary_stack(environment), "-", Pseudo::Region]
}

/// The ARN of the boundary's managed policy in the stack's account and region.
pub fn permissions_boundary(environment: Environment) -> Value<ManagedPolicyArn> {
    sub![
        "arn:",
        Pseudo::Partition,
        ":iam::",
        Pseudo::AccountId,
        ":policy/",
        &policy_name(environment)
    ]
}
