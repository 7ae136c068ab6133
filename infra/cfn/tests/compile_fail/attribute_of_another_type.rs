use cfn::resources::sns::Topic;
use cfn::logical_id;
use cfn::template::Template;

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
