//! The plan: the parts of the rendered template of dev that the local stack runs.
//!
//! The plan is read before anything starts. A construct that the local stack cannot interpret is an error
//! that names the construct.

mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use cfn::template::Expression;
use contract::Function;
use infra::{Artifacts, Environment, Settings, names, stack};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::template::Template;

/// The timeout with `--no-timeouts`: long enough for a debugger that stops the function.
const NO_TIMEOUT: Duration = Duration::from_hours(1);

/// The parts of a template that the local stack runs.
#[derive(Debug)]
pub struct Plan {
    pub table: TablePlan,
    pub(crate) functions: BTreeMap<Function, FunctionPlan>,
    pub(crate) api: ApiPlan,
    pub(crate) schedule: SchedulePlan,
}

/// The table, as requests of the DynamoDB API.
#[derive(Debug)]
pub struct TablePlan {
    pub name: String,
    /// A `CreateTable` request.
    pub(crate) create: Value,
    /// An `UpdateTimeToLive` request.
    pub(crate) time_to_live: Value,
}

#[derive(Debug, Clone)]
pub struct FunctionPlan {
    pub name: String,
    pub(crate) timeout: Duration,
    /// MB, for a variable that the function reads. The local stack does not limit memory.
    pub(crate) memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    pub(crate) pool: Pool,
}

/// The limits of a function's processes, which no template defines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    /// The largest number of processes. Further requests wait for an idle process.
    pub(crate) instances: u32,
    /// The number of events after which a process is replaced. Lambda replaces its processes every
    /// few hours.
    pub(crate) invocations: u32,
}

impl Default for Pool {
    /// Returns a few more processes than a usual machine has cores. Processes are replaced because
    /// the Runtime API keeps about 6 KB of each invocation until its process ends.
    fn default() -> Self {
        Self {
            instances: 8,
            invocations: 1000,
        }
    }
}

#[derive(Debug)]
pub(crate) struct ApiPlan {
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) cors: Cors,
}

#[derive(Debug)]
pub(crate) struct RoutePlan {
    /// The route key in API Gateway's notation: `GET /path/{parameter}` or `$default`.
    pub(crate) key: String,
    pub(crate) function: Function,
    /// The time that the gateway waits for the function.
    pub(crate) timeout: Duration,
}

/// `CorsConfiguration`. Any other property is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Cors {
    pub(crate) allow_origins: Vec<String>,
    pub(crate) allow_methods: Vec<String>,
    pub(crate) allow_headers: Vec<String>,
    pub(crate) expose_headers: Vec<String>,
    /// Seconds.
    pub(crate) max_age: u64,
}

#[derive(Debug)]
pub(crate) struct SchedulePlan {
    pub(crate) function: Function,
    pub(crate) every: Duration,
    /// The event as JSON text, with placeholders for Scheduler's context attributes.
    pub(crate) input: String,
}

impl Plan {
    /// Renders the template of dev and reads it.
    pub fn of_dev() -> anyhow::Result<Self> {
        Plan::from_settings(&Environment::Dev.settings())
    }

    fn from_settings(settings: &Settings) -> anyhow::Result<Self> {
        let rendered = stack::service(settings, &Artifacts::placeholder())
            .render()
            .context("rendering the template of dev")?;
        let template = Template::new(rendered.as_value())?;
        let functions = read_functions(&template)?;
        Ok(Plan {
            table: read_table(&template)?,
            api: read_api(&template, &functions)?,
            schedule: read_schedule(&template, &functions)?,
            functions,
        })
    }

    pub fn function(&self, function: Function) -> anyhow::Result<&FunctionPlan> {
        let plan = self.functions.get(&function);
        plan.with_context(|| format!("the template has no {} function", function.name()))
    }

    /// Sets every timeout to [`NO_TIMEOUT`].
    pub(crate) fn lift_timeouts(&mut self) {
        let functions = self.functions.values_mut();
        let functions = functions.map(|function| &mut function.timeout);
        let routes = self.api.routes.iter_mut().map(|route| &mut route.timeout);
        for timeout in functions.chain(routes) {
            *timeout = NO_TIMEOUT;
        }
    }

    pub(crate) fn function_mut(&mut self, function: Function) -> anyhow::Result<&mut FunctionPlan> {
        let plan = self.functions.get_mut(&function);
        plan.with_context(|| format!("the template has no {} function", function.name()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    table_name: Value,
    time_to_live_specification: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Properties with the same name and meaning in CloudFormation and in `CreateTable`. A local table does
/// not need the other properties.
const CREATE_TABLE_PROPERTIES: [&str; 4] = [
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "BillingMode",
];

fn read_table(template: &Template<'_>) -> anyhow::Result<TablePlan> {
    let table: TableProperties = template.only("AWS::DynamoDB::Table")?;
    let name = template.text(&table.table_name)?;
    let mut create = Map::from_iter([("TableName".to_owned(), json!(name))]);
    create.extend(
        table
            .others
            .into_iter()
            .filter(|(property, _)| CREATE_TABLE_PROPERTIES.contains(&property.as_str())),
    );
    let specification = table.time_to_live_specification;
    Ok(TablePlan {
        create: Value::Object(create),
        time_to_live: json!({"TableName": name, "TimeToLiveSpecification": specification}),
        name,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    function_name: Value,
    timeout: u64,
    memory_size: u32,
    environment: FunctionEnvironment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionEnvironment {
    variables: BTreeMap<String, Value>,
}

fn read_functions(template: &Template<'_>) -> anyhow::Result<BTreeMap<Function, FunctionPlan>> {
    let mut functions = BTreeMap::new();
    for (id, properties) in template.all::<FunctionProperties>("AWS::Lambda::Function")? {
        let name = template.text(&properties.function_name)?;
        let function = Function::ALL
            .into_iter()
            .find(|function| names::function(*function, Environment::Dev) == name)
            .with_context(|| format!("no binary is known for the template's function {name}"))?;
        let mut environment = BTreeMap::new();
        for (variable, value) in properties.environment.variables {
            if is_dynamic_reference(&value) {
                continue;
            }
            let value = template.text(&value);
            let value = value.with_context(|| format!("reading {variable} of {id}"))?;
            environment.insert(variable, value);
        }
        let plan = FunctionPlan {
            name,
            timeout: Duration::from_secs(properties.timeout),
            memory_mb: properties.memory_size,
            environment,
            pool: Pool::default(),
        };
        functions.insert(function, plan);
    }
    Ok(functions)
}

/// Returns true if CloudFormation would read the value from another service, such as Secrets Manager.
fn is_dynamic_reference(value: &Value) -> bool {
    let text = value.as_str();
    text.is_some_and(|text| text.starts_with("{{resolve:"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiProperties {
    cors_configuration: Cors,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IntegrationProperties {
    integration_uri: Value,
    payload_format_version: String,
    timeout_in_millis: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RouteProperties {
    route_key: String,
    target: Value,
}

fn read_api(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
) -> anyhow::Result<ApiPlan> {
    let api: ApiProperties = template.only("AWS::ApiGatewayV2::Api")?;
    let integrations = template.all::<IntegrationProperties>("AWS::ApiGatewayV2::Integration")?;
    let mut routes = Vec::new();
    for (id, route) in template.all::<RouteProperties>("AWS::ApiGatewayV2::Route")? {
        let target = template.text(&route.target)?;
        let integration = target.strip_prefix("integrations/");
        let integration = integrations
            .iter()
            .find(|(id, _)| integration == Some(*id))
            .map(|(_, integration)| integration)
            .with_context(|| format!("the template has no integration for the route {id}"))?;
        ensure!(
            integration.payload_format_version == "2.0",
            "the local stack supports payload format 2.0 only, not {}",
            integration.payload_format_version
        );
        routes.push(RoutePlan {
            key: route.route_key,
            function: invoked_function(template, functions, &integration.integration_uri)?,
            timeout: Duration::from_millis(integration.timeout_in_millis),
        });
    }
    Ok(ApiPlan {
        routes,
        cors: api.cors_configuration,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleProperties {
    schedule_expression: String,
    target: ScheduleTarget,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleTarget {
    arn: Value,
    input: Value,
}

fn read_schedule(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
) -> anyhow::Result<SchedulePlan> {
    let schedule: ScheduleProperties = template.only("AWS::Scheduler::Schedule")?;
    let expression = schedule.schedule_expression;
    Ok(SchedulePlan {
        function: invoked_function(template, functions, &schedule.target.arn)?,
        every: parse_rate(&expression)
            .with_context(|| format!("the local stack supports rates only, not {expression}"))?,
        input: template.text(&schedule.target.input)?,
    })
}

/// Parses `rate(value unit)`. By EventBridge Scheduler's user guide, the unit is singular for one and
/// plural for more.
fn parse_rate(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (value, unit) = inner.split_once(' ')?;
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let seconds = match (unit, value) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 60 * 60,
        ("day", 1) | ("days", 2..) => 24 * 60 * 60,
        _ => return None,
    };
    value.checked_mul(seconds).map(Duration::from_secs)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasProperties {
    function_name: Value,
}

/// Returns the function of the alias to which a `Ref` refers.
fn invoked_function(
    template: &Template<'_>,
    functions: &BTreeMap<Function, FunctionPlan>,
    reference: &Value,
) -> anyhow::Result<Function> {
    let Some(Expression::Ref(target)) = Expression::read(reference) else {
        bail!("the local stack invokes functions by a Ref to an alias only, not {reference}");
    };
    let aliases = template.all::<AliasProperties>("AWS::Lambda::Alias")?;
    let alias = aliases.iter().find(|(id, _)| *id == target);
    let (_, alias) = alias.with_context(|| format!("the template has no alias {target}"))?;
    let name = template.text(&alias.function_name)?;
    let function = functions.iter().find(|(_, plan)| plan.name == name);
    let (function, _) = function.with_context(|| format!("the template has no function {name}"))?;
    Ok(*function)
}

#[cfg(test)]
mod tests {
    use cfn::resources::secretsmanager::SecretVersion;
    use infra::secret::{ApiKey, ProviderKey};

    use super::*;

    #[test]
    fn the_plan_describes_the_resources_of_dev() {
        let plan = Plan::of_dev().unwrap();
        assert_eq!(plan.table.name, "crypto-watch-data-dev");
        assert_eq!(
            plan.table.create["KeySchema"][0]["AttributeName"],
            contract::items::PK
        );
        let ttl = &plan.table.time_to_live["TimeToLiveSpecification"];
        assert_eq!(ttl["AttributeName"], contract::items::TTL);

        let mut routes: Vec<_> = plan.api.routes.iter().map(|route| &*route.key).collect();
        routes.sort_unstable();
        let mut expected = contract::routes::ALL;
        expected.sort_unstable();
        assert_eq!(routes, expected);
        assert!(
            plan.api
                .routes
                .iter()
                .all(|route| route.function == Function::Api)
        );
        assert_eq!(plan.api.cors.allow_origins, ["*"]);

        assert_eq!(plan.schedule.function, Function::Update);
        assert_eq!(plan.schedule.every, Duration::from_mins(5));
        for function in Function::SERVING {
            let environment = &plan.function(function).unwrap().environment;
            assert_eq!(environment["DYNAMODB_TABLE_NAME"], plan.table.name);
        }
    }

    #[test]
    fn an_invocation_without_timeouts_may_take_an_hour() {
        let mut plan = Plan::of_dev().unwrap();
        plan.lift_timeouts();
        let functions = plan.functions.values().map(|function| function.timeout);
        let routes = plan.api.routes.iter().map(|route| route.timeout);
        assert!(functions.chain(routes).all(|timeout| timeout == NO_TIMEOUT));
    }

    #[test]
    fn a_variable_that_refers_to_a_secret_is_left_out() {
        let settings = Settings {
            external_api_key: ApiKey::Secret(SecretVersion::PLACEHOLDER),
            ..Environment::Dev.settings()
        };
        let plan = Plan::from_settings(&settings).unwrap();
        let environment = &plan.function(Function::Update).unwrap().environment;
        assert_eq!(environment.get(ProviderKey::External.variable()), None);
        assert_eq!(environment["ENVIRONMENT"], "dev");
    }

    #[test]
    fn the_invoked_function_is_found_only_by_a_ref_to_its_alias() {
        let functions = Plan::of_dev().unwrap().functions;
        let name = functions[&Function::Api].name.clone();
        let template = json!({"Resources": {
            "Api": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": name}},
            "Live": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Api"}}},
        }});
        let template = Template::new(&template).unwrap();
        let invoked = |reference| invoked_function(&template, &functions, &reference);
        assert_eq!(invoked(json!({"Ref": "Live"})).unwrap(), Function::Api);
        for (reference, expected) in [
            (json!({"Ref": "Api"}), "no alias Api"),
            (json!("arn:aws:lambda:::function:x"), "by a Ref to an alias"),
        ] {
            let error = invoked(reference).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_unit_of_a_rate_is_singular_for_one_and_plural_for_more() {
        assert_eq!(parse_rate("rate(5 minutes)"), Some(Duration::from_mins(5)));
        assert_eq!(parse_rate("rate(1 hour)"), Some(Duration::from_hours(1)));
        assert_eq!(parse_rate("rate(2 days)"), Some(Duration::from_hours(48)));
        for bad in [
            "rate(5 minute)",
            "rate(1 minutes)",
            "rate(0 minutes)",
            "rate(-1 minutes)",
            "rate(5 weeks)",
            "rate(5  minutes)",
            "cron(0 * * * ? *)",
            "rate(18446744073709551615 days)",
            "",
        ] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
