use infra::resources::sns::Topic;
use infra::{Template, logical_id};

fn main() {
    let mut template = Template::new("test");
    let topic = template.add(
        logical_id!("Topic"),
        Topic {
            topic_name: "alarms".to_owned(),
            tags: Vec::new(),
        },
    );
    // `AWS::SNS::Topic` has no attribute `Arn`: its `Ref` is the ARN.
    let _ = topic.arn();
}
