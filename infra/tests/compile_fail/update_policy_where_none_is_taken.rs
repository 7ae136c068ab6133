use infra::resources::lambda::AliasUpdatePolicy;
use infra::resources::sns::Topic;
use infra::template::ResourceAttributes;

fn attributes(policy: AliasUpdatePolicy) -> ResourceAttributes<Topic> {
    ResourceAttributes {
        update_policy: Some(policy),
        ..ResourceAttributes::default()
    }
}

fn main() {
    let _ = attributes;
}
