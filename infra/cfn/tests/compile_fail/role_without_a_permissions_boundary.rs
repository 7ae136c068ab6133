//! Without the boundary, a job that deploys could make itself an administrator.

use cfn::resources::iam::{PolicyDocument, Role, ServicePrincipal};

fn main() {
    let _ = Role {
        description: "A function".to_owned(),
        assume_role_policy_document: PolicyDocument::assumed_by(ServicePrincipal::Lambda, None),
        policies: Vec::new(),
        tags: Vec::new(),
    };
}
