//! The generator of `openapi.json`, the description of the API. Schemas come from the types of the
//! responses, and paths and names from constants. Only tests compile this module, so the binary for
//! Lambda does not contain it.

mod examples;

use contract::catalogue::MIGRATIONS;
use contract::routes::{API_KEY_HEADER, GET_HEALTH, GET_PRICE, GET_PRICES};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use shared::currency::Currency;
use shared::symbol::{MAX_SYMBOLS, Symbol};

use self::examples::examples;
use crate::error::{ErrorBody, ErrorCode};
use crate::format::{CompactBody, CompactDetailBody, PricesBody};
use crate::health::Health;
use crate::key::KeyBody;
use crate::query::{
    COIN_FORMATS, COIN_INCLUDES, COMPACT, COMPACT_DETAIL, CURRENCY, DETAIL, FORMAT, FORMATS,
    INCLUDE, INCLUDES, JSON, SYMBOLS,
};
use crate::router::GET_KEY;

/// The header that every response has.
const CACHE_CONTROL: &str = "Cache-Control";
/// The headers for caching a response.
const CACHE_HEADERS: [&str; 3] = ["ETag", CACHE_CONTROL, "Vary"];
/// The headers with the quota of the key.
const LIMIT_HEADERS: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
/// The suffix of the components that describe [`LIMIT_HEADERS`] as optional.
const IF_COUNTED: &str = ".where-counted";

/// The errors of every operation that needs a key.
const KEY_ERRORS: [ErrorCode; 4] = [
    ErrorCode::Unauthorized,
    ErrorCode::RateLimitExceeded,
    ErrorCode::InternalError,
    ErrorCode::ServiceUnavailable,
];

/// The generator of the description, which collects the schemas of the response bodies.
struct Generator {
    schemas: SchemaGenerator,
}

impl Generator {
    fn new() -> Self {
        // OpenAPI 3.1 uses JSON Schema 2020-12.
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
            .with_transform(RecursiveTransform(join_lines))
            .with_transform(RecursiveTransform(let_optional_columns_move));
        Self {
            schemas: settings.into_generator(),
        }
    }

    fn into_document(mut self) -> Value {
        let list_bodies = vec![
            self.schemas.subschema_for::<PricesBody>(),
            self.schemas.subschema_for::<CompactBody>(),
        ];
        let mut coin_bodies = list_bodies.clone();
        coin_bodies.push(self.schemas.subschema_for::<CompactDetailBody>());
        let mut paths = json!({
            path(GET_PRICES): self.prices(
                "getPrices",
                "Get the prices of some or all coins",
                [symbols_parameter(), parameter("Format"), parameter("Include")],
                &[ErrorCode::ValidationError],
                &list_bodies,
            ),
            path(GET_PRICE): self.prices(
                "getPrice",
                "Get the price of one coin, and its detail on request",
                [symbol_parameter(), parameter("CoinFormat"), parameter("CoinInclude")],
                &[ErrorCode::ValidationError, ErrorCode::NotFound],
                &coin_bodies,
            ),
            path(GET_KEY): self.key(),
            path(GET_HEALTH): self.health(),
        });
        let examples = add_examples(&mut paths);
        let currency = self.schemas.subschema_for::<Currency>();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Crypto Watch",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Prices of cryptocurrencies for smartwatch apps. \
                    docs/api.md is the guide to this API.",
            },
            "servers": servers(),
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "apiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                },
                "parameters": parameters(&currency),
                "headers": headers(),
                "examples": examples,
                "schemas": self.schemas.take_definitions(true),
            },
        })
    }

    fn prices(
        &mut self,
        id: &str,
        summary: &str,
        [symbols, format, include]: [Value; 3],
        errors: &[ErrorCode],
        bodies: &[Schema],
    ) -> Value {
        let formats = json!({"application/json": {"schema": {"anyOf": bodies}}});
        let headers = references(&[&CACHE_HEADERS[..], &LIMIT_HEADERS].concat());
        let mut responses = self.errors(&[errors, &KEY_ERRORS, &[ErrorCode::NoRate]].concat());
        responses["200"] = json!({
            "description": "Prices; stale prices are marked",
            "headers": headers,
            "content": formats,
        });
        responses["304"] = json!({
            "description": "The response that the client has cached is still valid",
            "headers": headers,
        });
        operations(&json!({
            "operationId": id,
            "summary": summary,
            "security": [{"apiKey": []}],
            "parameters": [
                symbols,
                parameter("Currency"),
                format,
                include,
                parameter("IfNoneMatch"),
            ],
            "responses": responses,
        }))
    }

    fn key(&mut self) -> Value {
        let mut responses = self.errors(&KEY_ERRORS);
        responses["200"] = json!({
            "description": "The key",
            "headers": references(&[&[CACHE_CONTROL][..], &LIMIT_HEADERS].concat()),
            "content": self.content::<KeyBody<'_>>(),
        });
        operations(&json!({
            "operationId": "getKey",
            "summary": "Get the limit and the expiry of the request's key",
            "security": [{"apiKey": []}],
            "responses": responses,
        }))
    }

    fn health(&mut self) -> Value {
        let health = self.content::<Health>();
        let headers = references(&[CACHE_CONTROL]);
        let mut internal = self.error(ErrorCode::InternalError);
        // Health requests are not counted, so their responses have no limit headers.
        internal["headers"] = headers.clone();
        operations(&json!({
            "operationId": "getHealth",
            "summary": "Get the health of the service; needs no key",
            "security": [],
            "responses": {
                "200": {"description": "Healthy", "headers": headers, "content": health},
                "503": {"description": "Unhealthy", "headers": headers, "content": health},
                "500": internal,
            },
        }))
    }

    fn content<T: JsonSchema>(&mut self) -> Value {
        json!({"application/json": {"schema": self.schemas.subschema_for::<T>()}})
    }

    /// Describes the responses with these codes, by status. If several codes have the same status,
    /// describes only the last code.
    fn errors(&mut self, codes: &[ErrorCode]) -> Value {
        let response = |code: &ErrorCode| (code.status().as_str().to_owned(), self.error(*code));
        Value::Object(codes.iter().map(response).collect())
    }

    fn error(&mut self, code: ErrorCode) -> Value {
        let (description, header): (_, &[&str]) = match code {
            ErrorCode::ValidationError => ("A parameter is invalid", &[]),
            ErrorCode::Unauthorized => ("No valid API key", &["WWW-Authenticate"]),
            ErrorCode::NotFound => ("The symbol is not supported", &[]),
            ErrorCode::MethodNotAllowed => ("Only GET and HEAD are allowed", &[]),
            ErrorCode::RateLimitExceeded => (
                "The limit of requests per minute is reached",
                &["Retry-After"],
            ),
            ErrorCode::InternalError => ("An internal error", &[]),
            ErrorCode::ServiceUnavailable => ("The table or the limiter fails", &["Retry-After"]),
            // `errors` keeps only the last code with status 503, so this text describes the three codes.
            ErrorCode::NoPrice | ErrorCode::NoRate => (
                "SERVICE_UNAVAILABLE: the table or the limiter fails; NO_PRICE: none of the \
                 requested symbols has a price; NO_RATE: the requested currency has no rate from \
                 the last 24 hours",
                &["Retry-After"],
            ),
        };
        let mut headers = references(&[&[CACHE_CONTROL][..], header].concat());
        let suffix = match code {
            ErrorCode::Unauthorized | ErrorCode::MethodNotAllowed => None,
            _ if code.status().is_server_error() => Some(IF_COUNTED),
            _ => Some(""),
        };
        if let Some(suffix) = suffix {
            for name in LIMIT_HEADERS {
                headers[name] = reference(&format!("{name}{suffix}"));
            }
        }
        json!({
            "description": description,
            "headers": headers,
            "content": self.content::<ErrorBody>(),
        })
    }
}

/// Adds to each response the references to its examples, and returns the examples.
///
/// # Panics
///
/// If no operation describes the response of an example, or if two examples have the same name.
fn add_examples(paths: &mut Value) -> Value {
    let mut components = Map::new();
    for example in examples() {
        let (request, status) = (example.request, example.status);
        let name = request.name;
        let value = json!({"summary": request.summary, "value": example.body});
        assert!(components.insert(name.to_owned(), value).is_none());
        for operation in request.operations {
            let content =
                &mut paths[path(operation)]["get"]["responses"][status.to_string()]["content"];
            assert!(content.is_object(), "{name}: {operation} has no {status}");
            content["application/json"]["examples"][name] =
                json!({"$ref": format!("#/components/examples/{name}")});
        }
    }
    components.into()
}

/// Removes the line breaks of a doc comment.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// Allows the optional columns of a tuple at any position after the required columns, because the
/// omission of one column moves the later columns.
fn let_optional_columns_move(schema: &mut Schema) {
    let required = schema.get("minItems").and_then(Value::as_u64);
    let Some(required) = required.and_then(|count| usize::try_from(count).ok()) else {
        return;
    };
    let Some(Value::Array(columns)) = schema.get_mut("prefixItems") else {
        return;
    };
    if required < columns.len() {
        let optional = columns.split_off(required);
        schema.insert("items".to_owned(), json!({"anyOf": optional}));
    }
}

/// Returns the path in a route key such as `GET /prices`.
fn path(route: &str) -> &str {
    route.split_once(' ').map_or(route, |(_, path)| path)
}

/// Returns the operation GET as described, and the operation HEAD: the same without the bodies.
fn operations(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = json!(get["operationId"].as_str().unwrap().replace("get", "head"));
    for response in head["responses"].as_object_mut().unwrap().values_mut() {
        response.as_object_mut().unwrap().remove("content");
    }
    json!({"get": get, "head": head})
}

fn symbols_parameter() -> Value {
    let migrated = MIGRATIONS.iter().filter(|found| found.is_one_for_one());
    let supported: Vec<_> = Symbol::all()
        .map(Symbol::as_str)
        .chain(migrated.map(|found| found.from))
        .collect();
    json!({
        "name": SYMBOLS,
        "in": "query",
        "description": format!(
            "Symbols in upper or lower case, separated by commas: at most {MAX_SYMBOLS} different \
             ones. Without this parameter, the response has the prices of all supported symbols.",
        ),
        "style": "form",
        "explode": false,
        "schema": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": supported},
        },
        "example": ["BTC", "ETH"],
    })
}

fn symbol_parameter() -> Value {
    json!({
        "name": "symbol",
        "in": "path",
        "required": true,
        "description": "A symbol in upper or lower case.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
        "example": "BTC",
    })
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// Returns the endpoints of a deployment and of the local stack.
fn servers() -> Value {
    json!([
        {
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com",
            "description": "A deployment: the output ApiEndpoint of its stack, or its own domain",
            "variables": {
                "apiId": {"default": "a1b2c3d4e5", "description": "The id of the HTTP API"},
                "region": {"default": "eu-central-1", "description": "The AWS region"},
            },
        },
        {
            "url": "http://127.0.0.1:{port}",
            "description": "The local stack, `cargo xtask local`",
            "variables": {
                "port": {"default": "3000", "description": "The value of `--port`"},
            },
        },
    ])
}

fn parameters(currency: &Schema) -> Value {
    json!({
        "Currency": {
            "name": CURRENCY,
            "in": "query",
            "description": "The code of the currency of all amounts, in upper or lower case. \
                Without this parameter, amounts are in US dollars. BTC is allowed only if the \
                symbol BTC is supported.",
            "schema": currency,
            "example": "EUR",
        },
        "Format": format_parameter(FORMATS),
        "Include": include_parameter(
            &format!(
                "Optional columns of the format {COMPACT}, separated by commas. The format {JSON} \
                 ignores them.",
            ),
            INCLUDES,
        ),
        "CoinFormat": format_parameter(COIN_FORMATS),
        "CoinInclude": include_parameter(
            &format!(
                "Optional parts of the response, separated by commas. {DETAIL} adds high, low, \
                 volume and charts to the format {JSON}. The other values are columns of the \
                 formats {COMPACT} and {COMPACT_DETAIL}.",
            ),
            COIN_INCLUDES,
        ),
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "The ETag of a response that the client has cached.",
            "schema": {"type": "string"},
        },
    })
}

fn format_parameter(formats: &[&str]) -> Value {
    json!({
        "name": FORMAT,
        "in": "query",
        "description": "The format of the response.",
        "schema": {"type": "string", "enum": formats, "default": JSON},
    })
}

fn include_parameter(description: &str, values: &[&str]) -> Value {
    json!({
        "name": INCLUDE,
        "in": "query",
        "description": description,
        "style": "form",
        "explode": false,
        "schema": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": values},
        },
    })
}

/// Returns references to the components of these headers, by the header's name.
fn references(headers: &[&str]) -> Value {
    let references = headers
        .iter()
        .map(|name| ((*name).to_owned(), reference(name)));
    Value::Object(references.collect())
}

fn reference(header: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{header}")})
}

fn headers() -> Value {
    let text = json!({"type": "string"});
    let seconds = json!({"type": "integer", "minimum": 1, "maximum": 60});
    let count = json!({"type": "integer", "minimum": 0});
    let headers = [
        (
            "ETag",
            "A weak tag of the data; absent from compact responses with include=time",
            &text,
        ),
        (
            CACHE_CONTROL,
            "The seconds for which the client may cache the response; `no-store` for errors, for \
             `GET /key` and `GET /health`, and for prices in a compact format with include=time",
            &text,
        ),
        (
            "Vary",
            "The request headers that the response depends on",
            &text,
        ),
        (
            "WWW-Authenticate",
            "The challenge of RFC 9110; the gateway may rename the header",
            &text,
        ),
        ("RateLimit-Limit", "Requests per minute", &count),
        (
            "RateLimit-Remaining",
            "Remaining requests of this minute",
            &count,
        ),
        ("RateLimit-Reset", "Seconds until the next minute", &seconds),
        ("Retry-After", "Seconds until a retry is useful", &seconds),
    ];
    let mut components = Map::new();
    for (name, description, schema) in headers {
        let required = name != "ETag";
        let header = json!({"description": description, "required": required, "schema": schema});
        components.insert(name.to_owned(), header);
        if LIMIT_HEADERS.contains(&name) {
            let description = format!("{description}; only if the limiter has responded");
            let header = json!({"description": description, "required": false, "schema": schema});
            components.insert(format!("{name}{IF_COUNTED}"), header);
        }
    }
    components.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use shared::testing::assert_committed;

    #[test]
    fn the_committed_description_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let text = serde_json::to_string_pretty(&Generator::new().into_document()).unwrap();
        assert_committed(path, &format!("{text}\n"), "api openapi");
    }

    #[test]
    fn the_guide_has_a_row_for_every_code_with_its_status() {
        let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
        let guide = std::fs::read_to_string(guide).unwrap();
        let rows: BTreeMap<_, _> = guide
            .lines()
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                let (status, code) = (cells.next()?, cells.next()?);
                let code = code.strip_prefix('`')?.strip_suffix('`')?;
                Some((code.to_owned(), status.parse::<u16>().ok()?))
            })
            .collect();
        let description = Generator::new().into_document();
        let codes = &description["components"]["schemas"]["ErrorCode"]["enum"];
        let codes: Vec<ErrorCode> = serde_json::from_value(codes.clone()).unwrap();
        let expected: BTreeMap<_, _> = codes
            .into_iter()
            .map(|code| {
                let name = serde_json::to_value(code).unwrap();
                (name.as_str().unwrap().to_owned(), code.status().as_u16())
            })
            .collect();
        assert_eq!(rows, expected);
        // The guide explains every status of every operation.
        let operations = description["paths"].as_object().unwrap().values();
        let operations = operations.flat_map(|path| path.as_object().unwrap().values());
        for operation in operations {
            for status in operation["responses"].as_object().unwrap().keys() {
                let status: u16 = status.parse().unwrap();
                let known = status < 400 || expected.values().any(|known| *known == status);
                assert!(known, "{status}");
            }
        }
    }

    #[test]
    fn every_response_with_a_body_has_an_example() {
        let description = Generator::new().into_document();
        for (path, operations) in description["paths"].as_object().unwrap() {
            for (status, response) in operations["get"]["responses"].as_object().unwrap() {
                if let Some(content) = response.get("content") {
                    let examples = &content["application/json"]["examples"];
                    assert!(examples.is_object(), "{path} {status}");
                }
            }
        }
        // OpenAPI describes no operation with a method that is not allowed.
        let text = description["components"]["examples"].to_string();
        let codes = description["components"]["schemas"]["ErrorCode"]["enum"].as_array();
        for code in codes
            .unwrap()
            .iter()
            .filter(|code| **code != "METHOD_NOT_ALLOWED")
        {
            assert!(text.contains(&code.to_string()), "{code}");
        }
    }

    #[test]
    fn every_reference_has_its_target() {
        let description = Generator::new().into_document();
        let mut references = 0;
        let mut values = vec![&description];
        while let Some(value) = values.pop() {
            if let Some(reference) = value.get("$ref") {
                let pointer = reference.as_str().unwrap().trim_start_matches('#');
                assert!(description.pointer(pointer).is_some(), "{reference}");
                references += 1;
            }
            values.extend(value.as_object().into_iter().flat_map(Map::values));
            values.extend(value.as_array().into_iter().flatten());
        }
        assert!(references > 20);
    }
}
