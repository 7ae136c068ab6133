//! `--set NAME=VALUE`: overrides environment variables of the functions.

use std::collections::BTreeSet;

use contract::Function;
use contract::environment::{ApiEnvironment, variables};
use shared::settings::{ApiSettings, UpdateSettings};
use xtask::failure::Failure;

use crate::plan::Plan;

/// Variables that take precedence over those of the template and of the built-in price feed.
#[derive(Debug)]
pub(crate) struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Parses the arguments of `--set`.
    ///
    /// # Errors
    ///
    /// Fails if an argument is not `NAME=VALUE`, if no function reads the name, or if a function would
    /// not start with the value.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, Failure> {
        let known: BTreeSet<_> = Function::SERVING
            .into_iter()
            .flat_map(variables)
            .map(|variable| variable.name)
            .collect();
        let parse = |text: &String| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("--set {text}: the form is NAME=VALUE")))?;
            if known.contains(name) {
                return Ok((name.to_owned(), value.to_owned()));
            }
            let known: Vec<_> = known.iter().copied().collect();
            Err(
                Failure::usage(format!("--set {text}: no function reads {name}"))
                    .hint(format!("the functions read {}", known.join(", "))),
            )
        };
        let overrides = Self(texts.iter().map(parse).collect::<Result<_, _>>()?);
        overrides.check()?;
        Ok(overrides)
    }

    /// Checks the values as the functions do at their start, so that an error appears before the build.
    fn check(&self) -> Result<(), Failure> {
        let names = ApiEnvironment::NAMES;
        let value = |name: &'static str| {
            let set = self.0.iter().rev().find(|(other, _)| other == name);
            match set {
                Some((_, value)) => Some(value.clone()),
                // The settings require these two variables, which the template sets.
                None if name == names.dynamodb_table_name => Some("table".to_owned()),
                None if name == names.environment => Some("dev".to_owned()),
                None => None,
            }
        };
        ApiSettings::read(value)
            .map(drop)
            .and_then(|()| UpdateSettings::read(value).map(drop))
            .map_err(|error| Failure::usage(format!("--set: {error}")))
    }

    /// Sets each variable for the functions that read it.
    pub(crate) fn apply(self, plan: &mut Plan) {
        for (name, value) in self.0 {
            for (function, plan) in &mut plan.functions {
                if variables(*function).iter().any(|known| known.name == name) {
                    plan.environment.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'p>(plan: &'p Plan, function: Function, name: &str) -> Option<&'p str> {
        plan.functions[&function]
            .environment
            .get(name)
            .map(String::as_str)
    }

    #[test]
    fn a_variable_is_set_for_the_functions_that_read_it() {
        let mut plan = Plan::of_dev().unwrap();
        let overrides = [
            "CACHE_TTL_SECONDS=1",
            "LOG_LEVEL=ERROR",
            "EXTERNAL_API_KEY=a=b",
        ];
        let overrides = Overrides::parse(&overrides.map(str::to_owned));
        overrides.unwrap().apply(&mut plan);
        assert_eq!(value(&plan, Function::Api, "CACHE_TTL_SECONDS"), Some("1"));
        assert_eq!(value(&plan, Function::Update, "CACHE_TTL_SECONDS"), None);
        assert_eq!(value(&plan, Function::Api, "LOG_LEVEL"), Some("ERROR"));
        assert_eq!(value(&plan, Function::Update, "LOG_LEVEL"), Some("ERROR"));
        assert_eq!(
            value(&plan, Function::Update, "EXTERNAL_API_KEY"),
            Some("a=b")
        );
    }

    #[test]
    fn an_unknown_variable_or_an_invalid_value_is_a_usage_error() {
        let unusable = ["CACHE_TTL_SECONDS=soon", "LOG_LEVEL=LOUD", "ENVIRONMENT="];
        for bad in ["NAME", "NO_SUCH_NAME=1", "=1"].iter().chain(&unusable) {
            let error = Overrides::parse(&[(*bad).to_owned()]).unwrap_err().into();
            assert_eq!(
                xtask::failure::exit_of(&error),
                xtask::failure::Exit::Usage,
                "{bad}"
            );
        }
    }
}
