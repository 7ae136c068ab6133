use infra::resources::cloudwatch::Period;
use infra::resources::lambda::{FunctionTimeout, MemorySize};
use infra::resources::logs::RetentionInDays;

const MEMORY: MemorySize = MemorySize::new(64);
const TIMEOUT: FunctionTimeout = FunctionTimeout::new(901);
const RETENTION: RetentionInDays = RetentionInDays::new(31);
const PERIOD: Period = Period::minutes(0);

fn main() {
    let _ = (MEMORY, TIMEOUT, RETENTION, PERIOD);
}
