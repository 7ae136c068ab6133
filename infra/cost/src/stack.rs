//! The cost of the resources of a template.

use std::collections::BTreeSet;

use cfn::template::targets;
use contract::Function;
use serde_json::Value;

use crate::bill::Bill;
use crate::prices::Item;
use crate::usage::{self, Usage, count};

/// The services whose resources have a price here or cost next to nothing. IAM, certificates and
/// CodeDeploy for Lambda are free. SNS and SQS cost under a cent: an alarm sends a few
/// notifications, and a failed update sends one message.
const KNOWN: [&str; 13] = [
    "ApiGatewayV2",
    "CertificateManager",
    "CloudWatch",
    "CodeDeploy",
    "DynamoDB",
    "IAM",
    "Lambda",
    "Logs",
    "Route53",
    "S3",
    "SNS",
    "SQS",
    "Scheduler",
];

/// The billed part of a template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stack {
    /// The quantities that are the same every month.
    fixed: Bill,
    functions: Vec<BilledFunction>,
    schedules: Vec<Schedule>,
    has_table: bool,
    is_recoverable: bool,
    log_days: f64,
    /// The resources without a price, as `Id (Type)`.
    pub unpriced: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct BilledFunction {
    function: Function,
    memory_gb: f64,
    is_arm: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Schedule {
    function: Option<Function>,
    runs_per_month: f64,
}

impl Stack {
    /// Reads a rendered template.
    pub fn read(template: &Value) -> Self {
        let mut stack = Self::default();
        for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
            stack.add(id, resource, template);
        }
        stack
            .fixed
            .add(Item::Secrets, count(secrets(template).len()));
        if !stack.functions.is_empty() {
            stack.fixed.add(Item::Zips, usage::ZIPS_GB);
        }
        stack
    }

    fn add(&mut self, id: &str, resource: &Value, template: &Value) {
        let properties = &resource["Properties"];
        let kind = resource["Type"].as_str().unwrap_or_default();
        match kind {
            "AWS::CloudWatch::Alarm" => {
                self.fixed
                    .add(Item::AlarmMetrics, alarm_metrics(properties));
            }
            "AWS::CloudWatch::CompositeAlarm" => self.fixed.add(Item::CompositeAlarms, 1.0),
            "AWS::CloudWatch::Dashboard" => self.fixed.add(Item::Dashboards, 1.0),
            "AWS::ApiGatewayV2::Stage" => {
                let routes = properties["RouteSettings"]
                    .as_object()
                    .into_iter()
                    .flatten();
                let detailed = routes.filter(|(_, route)| route["DetailedMetricsEnabled"] == true);
                let detailed = count(detailed.count()) * usage::DETAILED_METRICS;
                self.fixed.add(Item::DetailedMetrics, detailed);
            }
            "AWS::DynamoDB::Table" => {
                let recovery = &properties["PointInTimeRecoverySpecification"];
                self.has_table = true;
                self.is_recoverable = recovery["PointInTimeRecoveryEnabled"] == true;
            }
            "AWS::Lambda::Function" => self.functions.extend(BilledFunction::read(properties)),
            "AWS::Logs::LogGroup" => {
                let days = properties["RetentionInDays"].as_f64().unwrap_or_default();
                self.log_days = self.log_days.max(days);
            }
            "AWS::Scheduler::Schedule" => {
                let target = &properties["Target"]["Arn"];
                self.schedules.push(Schedule {
                    function: function_of(target, template),
                    runs_per_month: runs_per_month(
                        properties["ScheduleExpression"]
                            .as_str()
                            .unwrap_or_default(),
                    ),
                });
            }
            _ => {}
        }
        let service = kind.split("::").nth(1).unwrap_or_default();
        let is_provisioned = !properties["ProvisionedConcurrencyConfig"].is_null();
        if !KNOWN.contains(&service) || is_provisioned {
            self.unpriced.push(format!("{id} ({kind})"));
        }
    }

    /// Returns the bill of a month in which watches send `requests` requests. A template without
    /// the API gets no requests.
    pub fn month(&self, requests: f64) -> Bill {
        let has_api = self.find_function(Function::Api).is_some();
        let requests = if has_api { requests } else { 0.0 };
        let mut bill = self.fixed.clone();
        let mut is_probed = false;
        for schedule in &self.schedules {
            let runs = schedule.runs_per_month;
            bill.add(Item::Schedules, runs / 1e6);
            match schedule.function {
                Some(Function::Update) => {
                    self.add_usage(&mut bill, &usage::UPDATE, runs, Function::Update);
                    bill.add(Item::CustomMetrics, usage::UPDATE_METRICS);
                    bill.add(Item::TableStorage, usage::history_bytes() / 1e9);
                }
                Some(Function::Verify) => {
                    self.add_usage(&mut bill, &usage::PROBE, runs, Function::Verify);
                    bill.add(Item::CustomMetrics, usage::PROBE_METRICS);
                    is_probed = true;
                }
                Some(Function::Api) | None => {}
            }
        }
        self.add_usage(&mut bill, &usage::LIST, requests, Function::Api);
        bill.add(
            Item::CustomMetrics,
            request_metrics(is_probed, requests > 0.0),
        );
        if self.has_table {
            let rate = requests / (usage::MONTH_HOURS * 3_600.0);
            let connections = count(self.functions.len()) + rate / usage::ENVIRONMENT_RATE;
            bill.add(Item::TableKey, connections * usage::KEY_CALLS / 1e4);
        }
        if self.is_recoverable {
            bill.add(Item::TableRecovery, bill.quantity(Item::TableStorage));
        }
        let logs = bill.quantity(Item::LogIngestion) * usage::LOG_COMPRESSION;
        bill.add(Item::LogStorage, logs * usage::months(self.log_days));
        bill
    }

    fn find_function(&self, function: Function) -> Option<&BilledFunction> {
        let mut functions = self.functions.iter();
        functions.find(|billed| billed.function == function)
    }

    /// Adds a usage `times` times. The API function answers the requests, and `runner` is the
    /// scheduled function.
    fn add_usage(&self, bill: &mut Bill, usage: &Usage, times: f64, runner: Function) {
        let invoke = |bill: &mut Bill, function, invocations: f64, ms: f64| {
            let Some(billed) = self.find_function(function) else {
                return;
            };
            let item = if billed.is_arm {
                Item::LambdaArm
            } else {
                Item::LambdaX86
            };
            bill.add(Item::LambdaRequests, invocations / 1e6);
            bill.add(item, invocations * ms / 1e3 * billed.memory_gb);
        };
        let requests = usage.requests * times;
        invoke(bill, Function::Api, requests, usage.request_ms);
        if let Some(ms) = usage.run_ms {
            invoke(bill, runner, times, ms);
        }
        bill.add(Item::HttpRequests, requests / 1e6);
        bill.add(Item::TableWrites, usage.writes * times / 1e6);
        bill.add(Item::TableReads, usage.reads * times / 1e6);
        bill.add(Item::LogIngestion, usage.log_bytes * times / 1e9);
        bill.add(Item::Transfer, usage.sent_bytes * times / 1e9);
        bill.add(Item::TableStorage, usage.kept_bytes * times / 1e9);
    }

    /// Returns the bill of a million requests, without fixed costs, for a function of 256 MB on
    /// x86.
    pub fn million(usage: &Usage) -> Bill {
        let stack = Stack {
            functions: vec![BilledFunction {
                function: Function::Api,
                memory_gb: 0.25,
                is_arm: false,
            }],
            ..Stack::default()
        };
        let mut bill = Bill::default();
        stack.add_usage(&mut bill, usage, 1e6, Function::Api);
        bill
    }
}

/// Returns the number of custom metrics that requests of the probe and of watches cause.
fn request_metrics(is_probed: bool, has_watches: bool) -> f64 {
    use usage::{PROBE_ROUTES, REQUEST_METRICS, ROUTE_METRICS, WATCH_CLASSES, WATCH_ROUTES};
    let probe = PROBE_ROUTES * (ROUTE_METRICS + 1.0);
    let watches = WATCH_ROUTES * (ROUTE_METRICS + WATCH_CLASSES);
    // The probe and the watches share the metrics of one route and of its successful responses.
    let shared = ROUTE_METRICS + 1.0;
    match (is_probed, has_watches) {
        (false, false) => 0.0,
        (true, false) => REQUEST_METRICS + probe,
        (false, true) => REQUEST_METRICS + watches,
        (true, true) => REQUEST_METRICS + probe + watches - shared,
    }
}

impl BilledFunction {
    /// Reads a function. The key of its zip begins with the function's name: `api/0123.zip`.
    fn read(properties: &Value) -> Option<Self> {
        let key = properties["Code"]["S3Key"].as_str()?;
        let name = key.split('/').next()?;
        Some(Self {
            function: Function::ALL
                .into_iter()
                .find(|function| function.name() == name)?,
            memory_gb: properties["MemorySize"].as_f64()? / 1_024.0,
            is_arm: properties["Architectures"][0] == "arm64",
        })
    }
}

/// Returns the function of a schedule's target, which refers to a function or to its alias.
fn function_of(target: &Value, template: &Value) -> Option<Function> {
    let id = targets(target).next()?;
    let resource = &template["Resources"][&*id];
    match BilledFunction::read(&resource["Properties"]) {
        Some(billed) => Some(billed.function),
        None if resource["Type"] == "AWS::Lambda::Alias" => {
            function_of(&resource["Properties"]["FunctionName"], template)
        }
        None => None,
    }
}

/// Reads a schedule expression, such as `rate(5 minutes)`.
fn runs_per_month(expression: &str) -> f64 {
    let rate = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'));
    let Some((number, unit)) = rate.and_then(|rate| rate.split_once(' ')) else {
        return 0.0;
    };
    let hours = match unit.trim_end_matches('s') {
        "minute" => 1.0 / 60.0,
        "hour" => 1.0,
        _ => 24.0,
    };
    number.parse::<u32>().map_or(0.0, |number| {
        usage::MONTH_HOURS / hours / f64::from(number.max(1))
    })
}

/// Returns the number of metrics of an alarm: one, or all metrics in its metric math.
fn alarm_metrics(alarm: &Value) -> f64 {
    let queries = alarm["Metrics"].as_array();
    let stats = |queries: &Vec<Value>| {
        queries
            .iter()
            .filter(|query| !query["MetricStat"].is_null())
            .count()
    };
    queries.map_or(1.0, |queries| count(stats(queries)))
}

/// Returns the names of the secrets to which a template refers.
fn secrets(template: &Value) -> BTreeSet<String> {
    let text = template.to_string();
    let references = text.split("{{resolve:secretsmanager:").skip(1);
    references
        .filter_map(|rest| Some(rest.split_once("}}")?.0.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use infra::{Artifacts, Environment};
    use proptest::prelude::*;

    use super::*;

    fn stack(environment: Environment) -> Stack {
        let service = infra::stack::service(&environment.settings(), &Artifacts::placeholder());
        Stack::read(service.render().expect("it renders").as_value())
    }

    fn sum_of_lines(bill: &Bill) -> f64 {
        bill.lines().map(|line| line.dollars).sum()
    }

    #[test]
    fn every_resource_of_every_environment_has_a_price_or_is_free() {
        for environment in Environment::ALL {
            assert_eq!(
                stack(environment).unpriced,
                Vec::<String>::new(),
                "{environment}"
            );
        }
        let template = serde_json::json!({"Resources": {
            "Key": {"Type": "AWS::KMS::Key"},
            "Alias": {"Type": "AWS::Lambda::Alias", "Properties": {
                "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}}},
        }});
        let unpriced = ["Key (AWS::KMS::Key)", "Alias (AWS::Lambda::Alias)"];
        assert_eq!(Stack::read(&template).unpriced, unpriced);
    }

    #[test]
    fn the_idle_month_of_prod_has_the_quantities_and_dollars_calculated_by_hand() {
        let bill = stack(Environment::Prod).month(0.0);
        for (item, quantity) in [
            // Ten alarms, three of which have metric math over 7, 4 and 2 metrics.
            (Item::AlarmMetrics, 20.0),
            (Item::CompositeAlarms, 1.0),
            (Item::Dashboards, 1.0),
            // Six metrics each of GET /health and HEAD /health.
            (Item::DetailedMetrics, 12.0),
            // Ten of the update function, one of the probe, and six of the probe's requests.
            (Item::CustomMetrics, 17.0),
            // 8,760 updates, and 43,800 runs of the probe with two requests each.
            (Item::Schedules, 0.052_56),
            (Item::HttpRequests, 0.087_6),
            (Item::LambdaRequests, 0.140_16),
            // 0.25 GB: 1 s for each update, 0.1 s for each run of the probe, 0.01 s for each request.
            (Item::LambdaX86, 2_190.0 + 1_095.0 + 219.0),
            (Item::TableWrites, 8_760.0 * 93e-6 + 43_800.0 * 4e-6),
            (Item::TableReads, 8_760.0 * 2e-6 + 43_800.0 * 3e-6),
            (Item::TableKey, 3.0 * 12.0 * 730.0 / 1e4), // Three functions, 12 calls to KMS an hour each.
        ] {
            let found = bill.quantity(item);
            assert!(
                (found - quantity).abs() < 1e-9,
                "{item:?}: {found}, not {quantity}"
            );
        }
        let dollars = [
            (Item::AlarmMetrics, 2.0),
            (Item::CompositeAlarms, 0.5),
            (Item::Dashboards, 3.0),
            (Item::DetailedMetrics, 3.6),
            (Item::CustomMetrics, 5.1),
        ];
        for (item, dollars) in dollars {
            assert!((bill.dollars(item) - dollars).abs() < 1e-9, "{item:?}");
        }
        let total = bill.total();
        assert!((15.0..16.5).contains(&total), "{total}");
    }

    #[test]
    fn the_cost_of_a_million_requests_equals_a_calculation_by_hand() {
        let bill = Stack::million(&usage::LIST);
        let lambda = 0.2 + 1e6 * 0.01 * 0.25 * 0.000_016_666_7;
        // The table keeps the count of each request, 180 bytes, for 49 of 730 hours.
        let table = 2.0 * 0.625 + 0.125 + 180.0 * 49.0 / 730.0 / 1e3 * 0.25;
        let logs = usage::LIST.log_bytes / 1e3 * 0.5;
        let expected = 1.0 + lambda + table + logs + 1.4 * 0.09;
        assert!((bill.total() - expected).abs() < 1e-9, "{}", bill.total());
    }

    #[test]
    fn requests_beyond_300_million_a_month_are_cheaper_at_the_gateway() {
        let bill = stack(Environment::Dev).month(400e6);
        let dollars = bill.dollars(Item::HttpRequests);
        assert!((dollars - (300.0 + 90.0)).abs() < 1e-9, "{dollars}");
    }

    #[test]
    fn a_template_without_the_api_costs_nothing_for_requests() {
        let boundary = infra::stack::boundary(Environment::Prod);
        let boundary = Stack::read(boundary.render().expect("it renders").as_value());
        assert!(boundary.month(1e6).total() < f64::EPSILON);
    }

    #[test]
    fn a_secret_of_two_functions_is_counted_once_and_arm_apart_from_x86() {
        let function = |name: &str| {
            serde_json::json!({"Type": "AWS::Lambda::Function", "Properties": {
            "Code": {"S3Key": format!("{name}/0.zip")}, "MemorySize": 512, "Architectures": ["arm64"],
            "Environment": {"Variables": {"KEY": "{{resolve:secretsmanager:a:SecretString:::1}}"}}}})
        };
        let template =
            serde_json::json!({"Resources": {"A": function("api"), "B": function("update")}});
        let bill = Stack::read(&template).month(1e6);
        assert!((bill.quantity(Item::Secrets) - 1.0).abs() < f64::EPSILON);
        assert!((bill.quantity(Item::LambdaArm) - 5_000.0).abs() < 1e-9);
        assert!(bill.quantity(Item::LambdaX86).abs() < f64::EPSILON);
    }

    mod properties {
        use super::*;

        proptest! {
            #[test]
            fn more_requests_never_cost_less_and_the_lines_add_up_to_the_total(
                few in 0.0..1e12_f64,
                more in 0.0..1e12_f64,
                environment in proptest::sample::select(Environment::ALL.to_vec()),
            ) {
                let stack = stack(environment);
                let (before, after) = (stack.month(few), stack.month(few + more));
                prop_assert!(before.total() <= after.total());
                for (few, more) in before.lines().zip(after.lines()) {
                    prop_assert!(few.dollars <= more.dollars, "{few:?} {more:?}");
                }
                prop_assert!((sum_of_lines(&after) - after.total()).abs() <= 1e-9 * after.total());
            }
        }
    }
}
