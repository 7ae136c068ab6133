use cfn::resources::sqs::{Queue, SqsManagedSse};

fn main() {
    let _ = Queue {
        queue_name: "dead-letters".to_owned(),
        sqs_managed_sse_enabled: SqsManagedSse,
        tags: Vec::new(),
    };
}
