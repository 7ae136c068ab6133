//! The functions' environment variables: one struct a function.
//!
//! The stack fills the struct with template values, a function reads it with
//! strings; neither can forget or misspell a variable. The text beside each is
//! what `.env.example` says of it.

use crate::Function;

/// How a variable is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name in the process environment.
    pub name: &'static str,
    /// What it does, its unit and its default.
    pub description: &'static str,
    /// A value that works for the dev environment; empty where none is needed.
    pub example: &'static str,
}

macro_rules! environment {
    (
        $(#[doc = $struct_doc:literal])+
        $name:ident, named by $names:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident = $variable:literal, example: $example:literal;
            )+
        }
    ) => {
        $(#[doc = $struct_doc])+
        ///
        /// `V` is a template's value in the stack and a string in the function.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<V> {
            $(
                $(#[doc = $doc])+
                pub $field: Option<V>,
            )+
        }

        #[doc = concat!("The variables' names, field by field as in [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $names {
            $(
                $(#[doc = $doc])+
                pub $field: &'static str,
            )+
        }

        impl<V> $name<V> {
            /// The variables' names, for errors that speak of one.
            pub const NAMES: $names = $names { $($field: $variable,)+ };

            /// Every variable, in the order in which it is documented.
            pub const VARIABLES: &'static [Variable] = &[
                $(Variable {
                    name: $variable,
                    description: concat!($($doc, "\n"),+),
                    example: $example,
                },)+
            ];

            /// Reads every variable through `lookup`, the process environment
            /// in a function and a map in a test.
            pub fn read(mut lookup: impl FnMut(&'static str) -> Option<V>) -> Self {
                Self { $($field: lookup($variable),)+ }
            }

            /// The variables that have a value, with their names.
            pub fn into_pairs(self) -> Vec<(&'static str, V)> {
                [$(($variable, self.$field),)+]
                    .into_iter()
                    .filter_map(|(name, value)| value.map(|value| (name, value)))
                    .collect()
            }
        }
    };
}

environment! {
    /// What the API function reads at start.
    ApiEnvironment, named by ApiVariableNames {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// Requests that one API key may make in one minute, at most 60000; 100
        /// by default.
        rate_limit_per_minute = "RATE_LIMIT_PER_MINUTE", example: "50";
        /// Seconds after a fetch for which a price counts as fresh; 300 by default.
        cache_ttl_seconds = "CACHE_TTL_SECONDS", example: "300";
        /// Seconds beyond `CACHE_TTL_SECONDS` before a price is called stale,
        /// because the schedule is exact only to the minute; 90 by default.
        stale_grace_seconds = "STALE_GRACE_SECONDS", example: "90";
        /// Seconds after which the provider's own time of a price makes it
        /// stale, and after which the service is unhealthy without an update;
        /// 900 by default.
        max_price_age_seconds = "MAX_PRICE_AGE_SECONDS", example: "900";
        /// Seconds for which a process remembers a key, at most 60, which is the
        /// default. Prices are remembered until their update is due; with 0, no
        /// longer than a key.
        process_cache_seconds = "PROCESS_CACHE_SECONDS", example: "60";
        /// Comma-separated symbols out of the catalogue; all of it by default.
        supported_symbols = "SUPPORTED_SYMBOLS", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// What is logged: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

environment! {
    /// What the update function reads at start.
    UpdateEnvironment, named by UpdateVariableNames {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// Base URL of the price provider's API; CoinGecko's public host by default.
        external_api_url = "EXTERNAL_API_URL", example: "https://api.coingecko.com/api/v3";
        /// Key for the provider; none by default. It is sent as a demo key, or
        /// as a pro key where `EXTERNAL_API_URL` names the pro host.
        external_api_key = "EXTERNAL_API_KEY", example: "";
        /// Base URL of the second provider's API, asked when the first brings no
        /// price or old prices only; CoinPaprika's public host by default, whose
        /// free plan is for non-commercial use. `none` turns it off.
        second_api_url = "SECOND_API_URL", example: "https://api.coinpaprika.com/v1";
        /// Key for the second provider; none by default. CoinPaprika's paid
        /// plans have one, and a host of their own for `SECOND_API_URL`.
        second_api_key = "SECOND_API_KEY", example: "";
        /// Comma-separated symbols out of the catalogue; all of it by default.
        supported_symbols = "SUPPORTED_SYMBOLS", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// What is logged: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

environment! {
    /// What the verify function reads at start.
    VerifyEnvironment, named by VerifyVariableNames {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// ARN of the version of the API function that the pre-traffic check
        /// tries; required for the check.
        api_version_arn = "API_VERSION_ARN", example: "";
        /// Base URL of the API that the probe requests, `http://` only on this
        /// machine; required for the probe.
        api_url = "API_URL", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// What is logged: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

/// The variables that a function reads.
pub const fn variables(function: Function) -> &'static [Variable] {
    match function {
        Function::Api => ApiEnvironment::<String>::VARIABLES,
        Function::Update => UpdateEnvironment::<String>::VARIABLES,
        Function::Verify => VerifyEnvironment::<String>::VARIABLES,
    }
}

/// `.env.example`, whole: every variable of every function once, with what it
/// is for. A lint keeps the committed file equal to this.
pub fn env_example() -> String {
    let mut lines = vec![
        "# Every environment variable that the functions read, with values for dev.".to_owned(),
        "# Written by `cargo xtask fmt` from functions/contract/src/environment.rs.".to_owned(),
    ];
    for function in Function::ALL {
        for variable in variables(function) {
            let readers: Vec<_> = Function::ALL
                .into_iter()
                .filter(|reader| variables(*reader).contains(variable))
                .collect();
            // It stands where the first of its readers has it.
            if readers.first() == Some(&function) {
                describe(&mut lines, variable, &readers);
            }
        }
    }
    lines.join("\n") + "\n"
}

fn describe(lines: &mut Vec<String>, variable: &Variable, readers: &[Function]) {
    let readers: Vec<_> = readers.iter().map(|reader| reader.name()).collect();
    let description = variable.description.lines().map(str::trim);
    lines.push(String::new());
    lines.extend(description.map(|line| format!("# {line}")));
    lines.push(format!("# Read by: {}", readers.join(", ")));
    lines.push(format!("{}={}", variable.name, variable.example));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_several_functions_read_means_the_same_to_all() {
        let all = Function::ALL.map(variables).concat();
        for one in &all {
            for other in all.iter().filter(|other| other.name == one.name) {
                assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn what_is_written_by_one_side_is_read_by_the_other() {
        let written = ApiEnvironment::read(|name| Some(format!("value of {name}")));
        let pairs = written.clone().into_pairs();
        let read = ApiEnvironment::read(|name| {
            pairs
                .iter()
                .find(|(pair, _)| *pair == name)
                .map(|(_, value)| value.clone())
        });
        assert_eq!(written, read);
    }

    #[test]
    fn a_variable_without_a_value_is_left_out() {
        let none = UpdateEnvironment::<String>::read(|_| None);
        assert!(none.into_pairs().is_empty());
    }
}
