//! The HTTP API and its function.

use std::collections::BTreeMap;

use cfn::resources::apigatewayv2::{
    AccessLogSettings, Api, AwsProxy, Cors, CorsMaxAge, DEFAULT_STAGE, Http, Integration,
    IntegrationTimeout, PayloadV2, Route, RouteSettings, Stage,
};
use cfn::resources::dynamodb::Table;
use cfn::resources::iam::{Condition, ServicePrincipal, Statement};
use cfn::resources::lambda::{Alias, InvokeFunction, Permission};
use cfn::resources::logs::LogGroup;
use cfn::template::{Handle, Pseudo, Resource, ResourceAttributes, Template};
use cfn::{actions, arn, logical_id};
use contract::environment::ApiEnvironment;
use contract::{items, routes};

use crate::checkov::{Subject, Suppression};
use crate::constructs::function::{self, FunctionProps, PublishedFunction};
use crate::constructs::permissions::ResourcePermissions;
use crate::domain::DefaultEndpoint;
use crate::{Artifacts, Settings, names};

/// One line of JSON per request. The client's address is left out: operators do not need it.
const ACCESS_LOG_FORMAT: &str = r#"{"requestId":"$context.requestId","time":"$context.requestTime","routeKey":"$context.routeKey","method":"$context.httpMethod","status":"$context.status","responseLength":"$context.responseLength","responseLatency":"$context.responseLatency","integrationLatency":"$context.integrationLatency","integrationStatus":"$context.integrationStatus","error":"$context.error.message"}"#;

pub(super) const SUPPRESSIONS: [Suppression; 1] = [Suppression {
    check: "CKV_AWS_116",
    subject: Subject::Resource("ApiFunction"),
    reason: "API Gateway invokes the function synchronously: the client of a failed request gets a \
             response, and no event is left to keep",
}];

/// Adds the HTTP API without its routes.
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

/// Adds the API function without its alias.
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
        // Only the local stack (`cargo xtask local`) sets these three.
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
            id: logical_id!("Api"),
            description: None,
            limits: settings.api.into(),
            variables: variables.into_pairs(),
            statements: vec![
                Statement::allow(
                    "ReadTable",
                    actions!["dynamodb:BatchGetItem", "dynamodb:GetItem"],
                    vec![table.arn().into()],
                ),
                // The condition limits queries to prices and rates. AWS's examples have it too:
                // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>.
                Statement {
                    condition: Some(Condition::new(
                        "ForAllValues:StringLike",
                        "dynamodb:LeadingKeys",
                        [items::PRICE_PREFIX, items::RATE_PREFIX]
                            .map(|prefix| format!("{prefix}*").into()),
                    )),
                    ..Statement::allow(
                        "ReadHistory",
                        actions!["dynamodb:Query"],
                        vec![table.arn().into()],
                    )
                },
                // Each write is limited to items of API keys, and to the attributes of the
                // request count and the last use.
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

/// Adds the stage and the routes that call the function's alias. Returns the stage.
///
/// If routes of one API are created at the same time, API Gateway sometimes rejects one as a
/// concurrent modification (<https://github.com/brefphp/bref/issues/868>,
/// <https://github.com/hashicorp/terraform-provider-aws/issues/18018>). So each route depends on
/// the previous route, and the stage depends on the last route.
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
            // Every stage, method and path of this API.
            source_arn: arn![
                "execute-api",
                Pseudo::Region,
                Pseudo::AccountId,
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
            // One second more than the function's timeout, so that a timeout shows up in the
            // function's log and not in the gateway's.
            timeout_in_millis: IntegrationTimeout::new((settings.api.timeout.get() + 1) * 1000),
        },
    );
    let target = integration.route_target();
    let mut last_route = None;
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
        last_route = Some(template.add_with(id, route, after(last_route.as_ref())));
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
            route_settings: health_route_settings(settings),
            access_log_settings: AccessLogSettings {
                destination_arn: access_log.destination_arn(),
                format: ACCESS_LOG_FORMAT.to_owned(),
            },
            tags: settings.tags().map(),
        },
        after(last_route.as_ref()),
    )
}

/// Enables detailed metrics for the routes of `/health` if the stack has the rollout alarms: the 5xx
/// alarm does not count their requests.
/// The settings of a route replace those of the stage, so each route repeats the throttling limits
/// (<https://github.com/terraform-aws-modules/terraform-aws-apigateway-v2/pull/80>).
fn health_route_settings(settings: &Settings) -> BTreeMap<String, RouteSettings> {
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

/// Returns the attributes of a resource that depends on a route.
fn after<R: Resource>(route: Option<&Handle<Route>>) -> ResourceAttributes<R> {
    ResourceAttributes {
        depends_on: route.into_iter().map(Handle::dependency).collect(),
        ..ResourceAttributes::default()
    }
}

/// Lists the permissions of the pipeline on the HTTP API.
pub(crate) fn permissions() -> Vec<ResourcePermissions> {
    let path = |path: &'static str| arn!["apigateway", Pseudo::Region, "", path];
    vec![
        // A policy cannot distinguish the APIs of two environments: API Gateway generates the ids
        // of APIs, and the parts of an API have no tags.
        //
        // The Service Authorization Reference lists neither `TagResource` nor `UntagResource`. But
        // CloudFormation's handlers of stages list both, and API Gateway requires both
        // (https://github.com/aws-amplify/amplify-studio/issues/889).
        ResourcePermissions {
            sid: "HttpApis",
            read: actions!["apigateway:GET"],
            write: actions![
                "apigateway:DELETE",
                "apigateway:PATCH",
                "apigateway:POST",
                "apigateway:PUT",
                "apigateway:TagResource",
                "apigateway:UntagResource"
            ],
            // The `*` matches slashes too, so each pattern includes all paths below it.
            resources: vec![path("/apis*"), path("/tags/*")],
        },
    ]
}
