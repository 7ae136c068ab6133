//! The typed model: some mistakes do not compile, and rendering reports the others.

#![cfg(test)]

use cfn::resources::dynamodb::{
    AwsManagedKey, OnDemandThroughput, PayPerRequest, PointInTimeRecoverySpecification, Table,
    TableName, TimeToLiveSpecification,
};
use cfn::resources::lambda::{Alias, FunctionName, FunctionVersion, Version};
use cfn::resources::sns::Topic;
use cfn::resources::{Tags, lambda};
use cfn::template::{LogicalId, Problem, ResourceAttributes, Template, Text, Value};
use cfn::{Sha256Digest, logical_id, sub};

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

fn topic(name: &str) -> Topic {
    Topic {
        topic_name: name.to_owned(),
        tags: Tags::default().list(),
    }
}

fn problems(template: Template) -> Vec<Problem> {
    template.render().unwrap_err().problems
}

#[test]
fn two_resources_cannot_have_the_same_logical_id() {
    let mut template = Template::new("test");
    template.add(logical_id!("Topic"), topic("a"));
    template.add(logical_id!("Topic"), topic("b"));
    assert!(matches!(
        problems(template).as_slice(),
        [Problem::DuplicateId(id), ..] if id.as_str() == "Topic"
    ));
}

#[test]
fn two_outputs_cannot_have_the_same_logical_id() {
    let mut template = Template::new("test");
    let topic = template.add(logical_id!("Topic"), topic("a"));
    template.output(logical_id!("Arn"), "one", &topic.reference());
    template.output(logical_id!("Arn"), "two", &topic.reference());
    assert_eq!(
        problems(template),
        [Problem::DuplicateId(logical_id!("Arn"))]
    );
}

#[test]
fn a_declared_resource_must_be_defined() {
    let mut template = Template::new("test");
    template.declare::<Topic>(logical_id!("Topic"));
    assert_eq!(
        problems(template),
        [Problem::NeverDefined(logical_id!("Topic"))]
    );
}

#[test]
fn a_reference_may_precede_the_definition_of_its_resource() {
    let mut template = Template::new("test");
    let topic_handle = template.declare::<Topic>(logical_id!("Topic"));
    template.output(logical_id!("Arn"), "the topic", &topic_handle.reference());
    template.define(&topic_handle, topic("a"), ResourceAttributes::default());
    let rendered = template.render().unwrap();
    assert_eq!(
        rendered.as_value()["Outputs"]["Arn"]["Value"]["Ref"],
        "Topic"
    );
}

/// Returns the problems of a template in which `place` puts a reference to a resource of another
/// template.
fn problems_with_foreign_handle(
    place: impl Fn(&mut Template, cfn::template::Handle<Topic>),
) -> Vec<Problem> {
    let mut other = Template::new("other");
    let foreign = other.add(logical_id!("Topic"), topic("a"));
    let mut template = Template::new("test");
    // The same id in this template must not make the reference valid.
    template.add(logical_id!("Topic"), topic("a"));
    place(&mut template, foreign);
    problems(template)
}

#[test]
fn a_handle_of_another_template_is_rejected_in_ref_sub_and_depends_on() {
    let by_ref = problems_with_foreign_handle(|template, foreign| {
        template.output(logical_id!("Arn"), "ref", &foreign.reference());
    });
    let by_sub = problems_with_foreign_handle(|template, foreign| {
        let value: Value<Text> = sub!["topic ", &foreign.reference()];
        template.output(logical_id!("Arn"), "sub", &value);
    });
    let by_depends_on = problems_with_foreign_handle(|template, foreign| {
        template.add_with(
            logical_id!("Second"),
            topic("b"),
            ResourceAttributes {
                depends_on: vec![foreign.dependency()],
                ..ResourceAttributes::default()
            },
        );
    });
    for (problems, place) in [
        (by_ref, "Outputs.Arn"),
        (by_sub, "Outputs.Arn"),
        (by_depends_on, "Second.DependsOn"),
    ] {
        assert_eq!(
            problems,
            [Problem::OtherTemplate {
                at: place.to_owned(),
                id: "Topic".to_owned()
            }]
        );
    }
}

#[test]
fn a_map_that_looks_like_a_function_is_rejected() {
    let mut template = Template::new("test");
    template.add(
        logical_id!("Api"),
        cfn::resources::apigatewayv2::Api {
            name: "api".to_owned(),
            disable_execute_api_endpoint: false,
            protocol_type: cfn::resources::apigatewayv2::Http,
            cors_configuration: cfn::resources::apigatewayv2::Cors {
                allow_origins: vec![],
                allow_methods: vec![],
                allow_headers: vec![],
                expose_headers: vec![],
                max_age: const { cfn::resources::apigatewayv2::CorsMaxAge::new(0) },
            },
            tags: Tags::new([("Ref", "Elsewhere")]).map(),
        },
    );
    assert_eq!(
        problems(template),
        [Problem::NoHandle {
            at: "Api.Properties.Tags".to_owned(),
            name: "Elsewhere".to_owned()
        }]
    );
}

#[test]
fn a_text_that_looks_like_a_reference_stays_text() {
    let mut template = Template::new("test");
    let topic = template.add(logical_id!("Topic"), topic("a"));
    let value: Value<Text> = sub!["${Elsewhere} and ", &topic.reference(), " and ${"];
    template.output(logical_id!("Text"), "text", &value);
    let rendered = template.render().unwrap();
    assert_eq!(
        rendered.as_value()["Outputs"]["Text"]["Value"]["Fn::Sub"],
        "${!Elsewhere} and ${Topic} and ${!"
    );
}

#[test]
fn an_attribute_is_written_as_get_att_in_json_and_yaml() {
    let mut template = Template::new("test");
    let version = template.add(
        logical_id!("Version"),
        Version {
            function_name: Value::<FunctionName>::literal("name"),
            code_sha256: Sha256Digest::of("zip").to_base64(),
        },
    );
    let version_number: Value<FunctionVersion> = version.version();
    template.add(
        logical_id!("Alias"),
        Alias {
            function_name: Value::literal("name"),
            function_version: version_number,
            name: "live".to_owned(),
        },
    );
    let rendered = template.render().unwrap();
    let alias = &rendered.as_value()["Resources"]["Alias"]["Properties"];
    assert_eq!(alias["FunctionVersion"]["Fn::GetAtt"][0], "Version");
    assert_eq!(alias["FunctionVersion"]["Fn::GetAtt"][1], "Version");
    assert!(
        rendered
            .to_yaml()
            .contains("FunctionVersion: !GetAtt Version.Version")
    );
}

fn function(tags: &Tags, memory: lambda::MemorySize) -> lambda::Function {
    lambda::Function {
        function_name: "name".to_owned(),
        description: None,
        code: lambda::Code {
            s3_bucket: Value::literal("bucket"),
            s3_key: "key".to_owned(),
        },
        runtime: lambda::ProvidedAl2023,
        handler: "bootstrap".to_owned(),
        architectures: [lambda::Architecture::Arm64],
        memory_size: memory,
        timeout: const { lambda::FunctionTimeout::new(1) },
        role: Value::literal("arn"),
        environment: lambda::Environment {
            variables: [(
                "TABLE".to_owned(),
                Value::<TableName>::literal("t").into_text(),
            )]
            .into(),
        },
        logging_config: lambda::LoggingConfig {
            log_group: Value::literal("group"),
        },
        tags: tags.list(),
    }
}

#[test]
fn a_changed_tag_does_not_change_the_version_digest() {
    const SMALL: lambda::MemorySize = lambda::MemorySize::new(128);
    const LARGE: lambda::MemorySize = lambda::MemorySize::new(256);
    let template = Template::new("test");
    let zip = [0; 32].into();
    let digest = |tags, memory| {
        let function = function(tags, memory);
        function.version_digest(&template, &zip).unwrap()
    };
    let none = Tags::default();
    let some = Tags::new([("Owner", "team")]);
    assert_eq!(digest(&none, SMALL), digest(&some, SMALL));
    assert_ne!(digest(&none, SMALL), digest(&none, LARGE));
}

/// Returns the version digest of a function with a reference to a table in its environment.
fn digest_with_table(id: LogicalId, table: Table) -> Sha256Digest {
    let mut template = Template::new("test");
    let table = template.add(id, table);
    let mut function = function(&Tags::default(), const { lambda::MemorySize::new(128) });
    function.environment.variables = [("TABLE".to_owned(), table.reference().into_text())].into();
    function.version_digest(&template, &[0; 32].into()).unwrap()
}

fn table(name: &str) -> Table {
    Table {
        table_name: name.to_owned(),
        attribute_definitions: Vec::new(),
        key_schema: Vec::new(),
        global_secondary_indexes: Vec::new(),
        billing_mode: PayPerRequest,
        on_demand_throughput: OnDemandThroughput {
            max_read_request_units: const { cfn::resources::dynamodb::RequestUnits::new(1) },
            max_write_request_units: const { cfn::resources::dynamodb::RequestUnits::new(1) },
        },
        time_to_live_specification: TimeToLiveSpecification {
            attribute_name: "ttl".to_owned(),
            enabled: true,
        },
        point_in_time_recovery_specification: PointInTimeRecoverySpecification {
            point_in_time_recovery_enabled: true,
        },
        sse_specification: AwsManagedKey,
        deletion_protection_enabled: true,
        tags: Vec::new(),
    }
}

/// Lambda sees names and no logical ids. If only a logical id changed, a new version would equal the
/// last version, and Lambda would refuse to publish it.
#[test]
fn the_version_digest_depends_on_resource_names_and_not_on_logical_ids() {
    let digest = |id, name| digest_with_table(id, table(name));
    let before = digest(logical_id!("Table"), "prices");
    assert_eq!(before, digest(logical_id!("Renamed"), "prices"));
    assert_ne!(before, digest(logical_id!("Table"), "restored-prices"));
}
