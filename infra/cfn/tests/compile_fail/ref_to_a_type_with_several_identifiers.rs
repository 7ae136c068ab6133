//! A drift-aware change set would resolve the `Ref` of an integration or stage to the API's id.

use cfn::resources::apigatewayv2::{Integration, Stage};
use cfn::sub;
use cfn::template::{Handle, Text, Value};

fn target(integration: &Handle<Integration>) -> Value<Text> {
    sub!["integrations/", &integration.reference()]
}

fn stage(stage: &Handle<Stage>) {
    let _ = stage.reference();
}

fn main() {
    let _ = (target, stage);
}
