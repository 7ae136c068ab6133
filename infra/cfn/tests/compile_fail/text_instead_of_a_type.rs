//! No public validator detects that these values are invalid.

use cfn::resources::cloudwatch::AlarmRule;
use cfn::resources::codedeploy::DeploymentConfig;
use cfn::resources::scheduler::Rate;
use cfn::resources::sns::Endpoint;
use cfn::template::Value;

const LONG_RATE: Rate = Rate::minutes(1_441);

fn main() {
    let _: Rate = "every 5 minutes";
    let _: DeploymentConfig = "CodeDeployDefault.LambdaLinear20PercentEvery1Minute";
    let _ = AlarmRule(Value::literal("ApiErrorsAlarm is up"));
    let _ = Endpoint::Email("ops");
    let _ = LONG_RATE;
}
