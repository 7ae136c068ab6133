use cfn::resources::lambda::AliasUpdatePolicy;
use cfn::resources::sns::Topic;
use cfn::template::ResourceAttributes;

fn attributes(policy: AliasUpdatePolicy) -> ResourceAttributes<Topic> {
    ResourceAttributes {
        update_policy: Some(policy),
        ..ResourceAttributes::default()
    }
}

fn main() {
    let _ = attributes;
}
