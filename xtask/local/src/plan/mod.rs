//! What the local stack runs, read from the rendered template of dev.
//!
//! One way: template in, plan out. What the template says and the local stack
//! cannot do is an error here, before anything has started.

mod api;
mod function;
mod schedule;
mod table;
mod template;

use std::collections::BTreeMap;

use anyhow::Context as _;
use contract::Function;
use infra::{Artifacts, Environment, Settings};
use serde_json::Value;

#[cfg(test)]
pub(crate) use api::RoutePlan;
pub(crate) use api::{ApiPlan, Cors};
pub use function::FunctionPlan;
pub(crate) use function::Pool;
pub(crate) use schedule::SchedulePlan;
pub use table::TablePlan;
pub use template::REGION;
pub(crate) use template::{ACCOUNT_ID, function_arn};

/// Everything that the local stack runs.
#[derive(Debug)]
pub struct Plan {
    /// The table.
    pub table: TablePlan,
    pub(crate) functions: BTreeMap<Function, FunctionPlan>,
    pub(crate) api: ApiPlan,
    pub(crate) schedule: SchedulePlan,
}

impl Plan {
    /// The plan of the dev environment.
    pub fn of_dev() -> anyhow::Result<Self> {
        Plan::of(&Environment::Dev.settings())
    }

    fn of(settings: &Settings) -> anyhow::Result<Self> {
        let rendered = infra::stack::service(settings, &Artifacts::placeholder())
            .render()
            .context("rendering the template of dev")?;
        Plan::read(rendered.as_value())
    }

    fn read(template: &Value) -> anyhow::Result<Self> {
        let template = template::Template::new(template)?;
        let functions = function::read(&template)?;
        Ok(Plan {
            table: table::read(&template)?,
            api: api::read(&template, &functions)?,
            schedule: schedule::read(&template, &functions)?,
            functions,
        })
    }

    /// One function's plan.
    pub fn function(&self, function: Function) -> anyhow::Result<&FunctionPlan> {
        self.functions
            .get(&function)
            .with_context(|| format!("the template has no {} function", function.name()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cfn::resources::secretsmanager::SecretVersion;
    use infra::secret::{ApiKey, ProviderKey};

    use super::*;

    #[test]
    fn the_template_of_dev_is_understood_whole() {
        let plan = Plan::of_dev().unwrap();
        assert_eq!(plan.table.name, "crypto-watch-data-dev");
        assert_eq!(
            plan.table.create["KeySchema"][0]["AttributeName"],
            contract::items::PK
        );
        let ttl = &plan.table.time_to_live.as_ref().unwrap()["TimeToLiveSpecification"];
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
        assert!(plan.api.cors.is_some());

        assert_eq!(plan.schedule.function, Function::Update);
        assert_eq!(plan.schedule.every, Duration::from_mins(5));
        for function in Function::SERVING {
            let environment = &plan.function(function).unwrap().environment;
            assert_eq!(environment["DYNAMODB_TABLE_NAME"], plan.table.name);
        }
    }

    #[test]
    fn a_reference_to_a_secret_is_not_taken_for_the_secret() {
        let settings = Settings {
            external_api_key: ApiKey::Secret(SecretVersion::PLACEHOLDER),
            ..Environment::Dev.settings()
        };
        let plan = Plan::of(&settings).unwrap();
        let environment = &plan.function(Function::Update).unwrap().environment;
        assert_eq!(environment.get(ProviderKey::External.variable()), None);
        assert_eq!(environment["ENVIRONMENT"], "dev");
    }
}
