//! The functions' environment variables: one struct for each function.
//!
//! The crate `infra` fills the struct with template values, and a function reads it from its process
//! environment. Neither can forget or misspell a variable. The comment of a variable is also its text
//! in `.env.example`.

use crate::Function;

/// The documentation of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name in the process environment.
    pub name: &'static str,
    /// The effect, the unit and the default.
    pub description: &'static str,
    /// A value for the dev environment; empty if none is needed.
    pub example: &'static str,
}

macro_rules! environment {
    (
        $(#[doc = $struct_doc:literal])+
        $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident = $variable:literal, example: $example:literal;
            )+
        }
    ) => {
        $(#[doc = $struct_doc])+
        ///
        /// `T` is an optional template value in `infra`, an optional string in the function, and a
        /// name in [`Self::NAMES`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<T> {
            $(
                $(#[doc = $doc])+
                pub $field: T,
            )+
        }

        impl $name<&'static str> {
            /// The names of the variables.
            pub const NAMES: Self = Self { $($field: $variable,)+ };

            /// The documentation of the variables.
            pub const VARIABLES: &'static [Variable] = &[
                $(Variable {
                    name: $variable,
                    description: concat!($($doc, "\n"),+),
                    example: $example,
                },)+
            ];
        }

        impl<V> $name<Option<V>> {
            /// Reads every variable through `lookup`.
            pub fn read(mut lookup: impl FnMut(&'static str) -> Option<V>) -> Self {
                Self { $($field: lookup($variable),)+ }
            }

            /// Returns the variables that have a value, with their names.
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
    /// Variables of the API function.
    ApiEnvironment {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// Rate limit of one API key in requests per minute, 1 to 60000; 100 by default.
        rate_limit_per_minute = "RATE_LIMIT_PER_MINUTE", example: "50";
        /// Seconds from a fetch to the next expected update, 1 to 86400; 300 by default.
        cache_ttl_seconds = "CACHE_TTL_SECONDS", example: "300";
        /// Seconds after `CACHE_TTL_SECONDS` until a price is stale, 0 to 86400; 90 by default. An
        /// update can be a minute late, because the schedule is exact only to the minute.
        stale_grace_seconds = "STALE_GRACE_SECONDS", example: "90";
        /// Maximum age of a fresh price by the provider's time, in seconds, 1 to 86400; 900 by
        /// default. The service is unhealthy if its newest price is older.
        max_price_age_seconds = "MAX_PRICE_AGE_SECONDS", example: "900";
        /// Seconds for which a process remembers an API key, 0 to 60; 60 by default. With 0, the
        /// process uses remembered prices only while the table fails.
        process_cache_seconds = "PROCESS_CACHE_SECONDS", example: "60";
        /// Symbols of coins, separated by commas; all coins of the catalogue by default.
        supported_symbols = "SUPPORTED_SYMBOLS", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// Log level: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

environment! {
    /// Variables of the update function.
    UpdateEnvironment {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// Base URL of the first provider's API; CoinGecko's public host by default.
        external_api_url = "EXTERNAL_API_URL", example: "https://api.coingecko.com/api/v3";
        /// Key of the first provider; none by default. If `EXTERNAL_API_URL` is CoinGecko's pro host,
        /// the function sends the key as a pro key, otherwise as a demo key.
        external_api_key = "EXTERNAL_API_KEY", example: "";
        /// Base URL of the second provider's API; CoinPaprika's public host by default. The function
        /// calls the second provider if the first one has no price or only old prices. `none` turns the
        /// second provider off. CoinPaprika's free plan is for non-commercial use.
        second_api_url = "SECOND_API_URL", example: "https://api.coinpaprika.com/v1";
        /// Key of the second provider; none by default. A paid plan of CoinPaprika needs a key, and
        /// another host in `SECOND_API_URL`.
        second_api_key = "SECOND_API_KEY", example: "";
        /// Symbols of coins, separated by commas; all coins of the catalogue by default.
        supported_symbols = "SUPPORTED_SYMBOLS", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// Log level: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

environment! {
    /// Variables of the verify function.
    VerifyEnvironment {
        /// Name of the DynamoDB table; required.
        dynamodb_table_name = "DYNAMODB_TABLE_NAME", example: "crypto-watch-data-dev";
        /// ARN of the version of the API function to check; required for the pre-traffic check.
        api_version_arn = "API_VERSION_ARN", example: "";
        /// Base URL of the API to probe; required for the probe. `http://` is allowed only for an
        /// API on this machine.
        api_url = "API_URL", example: "";
        /// The environment: dev, staging or prod; required.
        environment = "ENVIRONMENT", example: "dev";
        /// Log level: DEBUG, INFO or ERROR; INFO by default.
        log_level = "LOG_LEVEL", example: "DEBUG";
    }
}

/// Returns the variables of a function.
pub const fn variables(function: Function) -> &'static [Variable] {
    match function {
        Function::Api => ApiEnvironment::VARIABLES,
        Function::Update => UpdateEnvironment::VARIABLES,
        Function::Verify => VerifyEnvironment::VARIABLES,
    }
}

/// Returns the text of `.env.example`: every variable of every function once, with its
/// documentation. A lint compares the committed file with this text.
pub fn env_example() -> String {
    let mut lines = vec![
        "# Every environment variable that the functions read, with values for dev.".to_owned(),
        "# Written by `cargo xtask fmt` from functions/contract/src/environment.rs.".to_owned(),
    ];
    for function in Function::ALL {
        for variable in variables(function) {
            let reads = |reader: &Function| variables(*reader).contains(variable);
            let readers = Function::ALL.into_iter().filter(reads);
            let readers: Vec<_> = readers.map(Function::name).collect();
            // A variable is listed with the first function that reads it.
            if readers.first() == Some(&function.name()) {
                let description = variable.description.lines();
                lines.push(String::new());
                lines.extend(description.map(|line| format!("# {}", line.trim())));
                lines.push(format!("# Read by: {}", readers.join(", ")));
                lines.push(format!("{}={}", variable.name, variable.example));
            }
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_the_same_documentation_for_every_function() {
        let all = Function::ALL.map(variables).concat();
        for one in &all {
            for other in all.iter().filter(|other| other.name == one.name) {
                assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn a_function_reads_the_values_that_the_stack_writes() {
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
    fn a_variable_without_a_value_is_omitted() {
        let none = UpdateEnvironment::<Option<String>>::read(|_| None);
        assert!(none.into_pairs().is_empty());
    }
}
