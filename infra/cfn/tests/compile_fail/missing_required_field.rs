use cfn::resources::sqs::Queue;

fn main() {
    let _ = Queue {
        queue_name: "dead-letters".to_owned(),
        sqs_managed_sse_enabled: true,
        tags: Vec::new(),
    };
}
