//! The HTTP API and the function behind it.

use std::collections::BTreeMap;

use cfn::resources::apigatewayv2::{
    AccessLogSettings, Api, AwsProxy, Cors, CorsMaxAge, DEFAULT_STAGE, Http, Integration,
    IntegrationTimeout, PayloadV2, Route, RouteSettings, Stage,
};
use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, ServicePrincipal, Statement};
use cfn::resources::lambda::{Alias, InvokeFunction, Permission};
use cfn::resources::logs::LogGroup;
use cfn::template::{Handle, LogicalId, Pseudo, Resource, ResourceAttributes, Template};
use cfn::{actions, logical_id, sub};
use contract::environment::ApiEnvironment;
use contract::{items, routes};

use crate::checkov::{Answer, Subject};
use crate::constructs::function::{self, FunctionProps, PublishedFunction};
use crate::domain::DefaultEndpoint;
use crate::{Artifacts, Settings, names};

/// What the logical ids of the API function's group begin with.
const ID: LogicalId = LogicalId::new("Api");

/// One line of JSON a request. The client's address is left out: nobody needs
/// it to run the service, and what is not logged need not be protected.
const ACCESS_LOG_FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTime","routeKey":"$context.routeKey","method":"$context.httpMethod","status":"$context.status","responseLength":"$context.responseLength","responseLatency":"$context.responseLatency","integrationLatency":"$context.integrationLatency","integrationStatus":"$context.integrationStatus","error":"$context.error.message"}"#;

/// What scanners would have of the API's function.
pub(super) const ANSWERS: [Answer; 1] = [Answer {
    check: "CKV_AWS_116",
    subject: Subject::Resource("ApiFunction"),
    reason: "it is invoked synchronously: a request that fails is answered, and no event is left",
}];

/// Adds the HTTP API itself.
pub(super) fn http_api(template: &mut Template, settings: &Settings) -> Handle<Api> {
    template.add(
        logical_id!("HttpApi"),
        Api {
            name: names::stack(settings.environment),
            protocol_type: Http,
            cors_configuration: Cors {
                allow_origins: vec!["*".to_owned()],
                allow_methods: vec!["GET".to_owned(), "HEAD".to_owned()],
                allow_headers: routes::CORS_ALLOW_HEADERS.map(str::to_lowercase).into(),
                expose_headers: routes::CORS_EXPOSE_HEADERS.map(str::to_lowercase).into(),
                max_age: const { CorsMaxAge::new(86_400) },
            },
            disable_execute_api_endpoint: settings
                .domain
                .as_ref()
                .is_some_and(|domain| domain.default_endpoint == DefaultEndpoint::Disabled),
            tags: settings.tags().map(),
        },
    )
}

/// Adds the function with everything that belongs to it but its alias.
pub(super) fn function(
    template: &mut Template,
    settings: &Settings,
    artifacts: &Artifacts,
    table: &Handle<Table>,
) -> PublishedFunction {
    let variables = ApiEnvironment {
        dynamodb_table_name: Some(table.reference().into_text()),
        rate_limit_per_minute: Some(settings.rate_limit_per_minute.get().to_string().into()),
        cache_ttl_seconds: Some(settings.cache_ttl_seconds.get().to_string().into()),
        // The functions' own defaults are right wherever there is a real table.
        stale_grace_seconds: None,
        max_price_age_seconds: None,
        process_cache_seconds: None,
        supported_symbols: Some(function::supported_symbols()),
        environment: Some(settings.environment.name().into()),
        log_level: Some(settings.log_level.name().into()),
    };
    function::published(
        template,
        settings,
        artifacts,
        FunctionProps {
            name: contract::Function::Api,
            id: ID,
            description: None,
            limits: settings.api.into(),
            variables: variables.into_pairs(),
            statements: vec![
                Statement::allow(
                    "ReadTable",
                    actions!["dynamodb:BatchGetItem", "dynamodb:GetItem"],
                    vec![table.arn().into()],
                ),
                // Both conditions limit each write: to items of API keys, and in these to
                // the attributes that count and note a use.
                Statement {
                    condition: Some(
                        Condition::new(
                            "ForAllValues:StringLike",
                            "dynamodb:LeadingKeys",
                            [format!("{}*", items::API_KEY_PREFIX).into()],
                        )
                        .and(
                            "ForAllValues:StringEquals",
                            "dynamodb:Attributes",
                            items::API_WRITES.map(Into::into),
                        ),
                    ),
                    ..Statement::allow(
                        "CountRequests",
                        actions!["dynamodb:UpdateItem"],
                        vec![table.arn().into()],
                    )
                },
            ],
        },
    )
}

/// Adds the routes, which all lead to the function's alias, and returns the stage.
///
/// API Gateway sometimes refuses children of one API that are created at the same
/// time, with a concurrent modification (<https://github.com/brefphp/bref/issues/868>,
/// <https://github.com/hashicorp/terraform-provider-aws/issues/18018>). Each route
/// therefore depends on the one before, and the stage on the last.
pub(super) fn routes(
    template: &mut Template,
    settings: &Settings,
    api: &Handle<Api>,
    alias: &Handle<Alias>,
) -> Handle<Stage> {
    template.add(
        logical_id!("ApiPermission"),
        Permission {
            action: InvokeFunction,
            principal: ServicePrincipal::ApiGateway,
            function_name: alias.reference(),
            // Any stage, method and path of this API and of no other.
            source_arn: sub![
                "arn:",
                Pseudo::Partition,
                ":execute-api:",
                Pseudo::Region,
                ":",
                Pseudo::AccountId,
                ":",
                &api.reference(),
                "/*"
            ],
        },
    );
    let integration = template.add(
        logical_id!("ApiIntegration"),
        Integration {
            api_id: api.reference(),
            integration_type: AwsProxy,
            integration_uri: alias.reference(),
            payload_format_version: PayloadV2,
            // A second longer than the function, so that it is the function
            // that is seen to time out, in its own log.
            timeout_in_millis: IntegrationTimeout::new((settings.api.timeout.get() + 1) * 1000),
        },
    );
    let target = integration.route_target();
    let mut last = None;
    for (id, route_key) in [
        (logical_id!("PricesRoute"), routes::GET_PRICES),
        (logical_id!("PriceRoute"), routes::GET_PRICE),
        (logical_id!("HealthRoute"), routes::GET_HEALTH),
        (logical_id!("HealthHeadRoute"), routes::HEAD_HEALTH),
        (logical_id!("DefaultRoute"), routes::DEFAULT),
    ] {
        let route = Route {
            api_id: api.reference(),
            route_key: route_key.to_owned(),
            target: target.clone(),
        };
        last = Some(template.add_with(id, route, after(last.as_ref())));
    }
    let access_log = template.add(
        logical_id!("ApiAccessLogGroup"),
        LogGroup {
            log_group_name: names::access_log_group(settings.environment),
            retention_in_days: settings.log_retention,
            tags: settings.tags().list(),
        },
    );
    template.add_with(
        logical_id!("ApiStage"),
        Stage {
            api_id: api.reference(),
            stage_name: DEFAULT_STAGE.to_owned(),
            auto_deploy: true,
            default_route_settings: route_settings(settings, false),
            route_settings: settings_of_single_routes(settings),
            access_log_settings: AccessLogSettings {
                destination_arn: access_log.destination_arn(),
                format: ACCESS_LOG_FORMAT.to_owned(),
            },
            tags: settings.tags().map(),
        },
        after(last.as_ref()),
    )
}

/// Detailed metrics of the health check's routes, where an alarm subtracts them. The
/// settings of a route replace those of the stage, so they repeat its throttling:
/// <https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80>.
fn settings_of_single_routes(settings: &Settings) -> BTreeMap<String, RouteSettings> {
    if !settings.has_rollout_alarms() {
        return BTreeMap::new();
    }
    routes::HEALTH
        .map(|route| (route.to_owned(), route_settings(settings, true)))
        .into()
}

fn route_settings(settings: &Settings, detailed_metrics_enabled: bool) -> RouteSettings {
    RouteSettings {
        detailed_metrics_enabled,
        throttling_burst_limit: settings.throttling.burst,
        throttling_rate_limit: settings.throttling.rate,
    }
}

/// The attributes of a resource that is created after a route.
fn after<R: Resource>(route: Option<&Handle<Route>>) -> ResourceAttributes<R> {
    ResourceAttributes {
        depends_on: route.into_iter().map(Handle::dependency).collect(),
        ..ResourceAttributes::default()
    }
}
