use cfn::resources::cloudwatch::Period;
use cfn::resources::lambda::{FunctionTimeout, MemorySize};
use cfn::resources::logs::RetentionInDays;

const MEMORY: MemorySize = MemorySize::new(64);
const TIMEOUT: FunctionTimeout = FunctionTimeout::new(901);
const RETENTION: RetentionInDays = RetentionInDays::new(31);
const PERIOD: Period = Period::minutes(0);

fn main() {
    let _ = (MEMORY, TIMEOUT, RETENTION, PERIOD);
}
