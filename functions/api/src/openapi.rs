//! `openapi.json`, the description of the API: schemas from the types that the
//! answers are made of, paths and names from the constants that the code uses.
//! Only tests know this module, so nothing of it is in what Lambda runs.

use std::collections::BTreeMap;

use contract::catalogue::MIGRATIONS;
use contract::routes::{API_KEY_HEADER, GET_HEALTH, GET_PRICE, GET_PRICES};
use lambda_http::http::StatusCode;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use shared::symbol::{MAX_SYMBOLS, Symbol};

use crate::error::{Code, ErrorBody};
use crate::format::{CompactBody, PricesBody};
use crate::health::Health;
use crate::key::KeyBody;
use crate::parameters::{COMPACT, FORMAT, INCLUDE, JSON, MARKET_CAP, SYMBOLS, TIME};
use crate::router::GET_KEY;

/// The schemas of the answers, as they are collected.
struct Description {
    schemas: SchemaGenerator,
}

impl Description {
    fn new() -> Self {
        // OpenAPI 3.1 takes JSON Schema 2020-12 as it is.
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
            .with_transform(RecursiveTransform(unwrap_lines));
        Self {
            schemas: settings.into_generator(),
        }
    }

    fn write(mut self) -> Value {
        let paths = json!({
            path(GET_PRICES): self.prices(
                "getPrices",
                "The prices of some coins, or of all",
                &[symbols_parameter(), parameter("Format"), parameter("Include")],
                &[Code::ValidationError],
            ),
            path(GET_PRICE): self.prices(
                "getPrice",
                "The price of one coin",
                &[symbol_parameter(), parameter("Format"), parameter("Include")],
                &[Code::ValidationError, Code::NotFound],
            ),
            path(GET_KEY): self.key(),
            path(GET_HEALTH): self.health(),
        });
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Crypto Watch",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Prices of crypto currencies for smartwatch apps. \
                    docs/api.md says the same at length.",
            },
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "apiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                },
                "parameters": parameters(),
                "headers": headers(),
                "schemas": self.schemas.take_definitions(true),
            },
        })
    }

    fn content<T: JsonSchema>(&mut self) -> Value {
        json!({"application/json": {"schema": self.schemas.subschema_for::<T>()}})
    }

    fn prices(
        &mut self,
        id: &str,
        summary: &str,
        parameters: &[Value],
        refusals: &[Code],
    ) -> Value {
        let formats = json!({"application/json": {"schema": {"anyOf": [
            self.schemas.subschema_for::<PricesBody>(),
            self.schemas.subschema_for::<CompactBody>(),
        ]}}});
        let found = header_references(&[&CACHE_HEADERS[..], &LIMIT_HEADERS].concat());
        let mut responses = BTreeMap::from([
            (
                StatusCode::OK.as_str().to_owned(),
                json!({
                    "description": "Prices, stale ones marked",
                    "headers": found,
                    "content": formats,
                }),
            ),
            (
                StatusCode::NOT_MODIFIED.as_str().to_owned(),
                json!({"description": "The client has this answer already", "headers": found}),
            ),
        ]);
        let always = [
            Code::Unauthorized,
            Code::RateLimitExceeded,
            Code::InternalError,
            Code::ServiceUnavailable,
            Code::NoPrice,
        ];
        for code in refusals.iter().chain(&always) {
            responses.insert(code.status().as_str().to_owned(), self.error(*code));
        }
        let mut parameters = parameters.to_vec();
        parameters.push(parameter("IfNoneMatch"));
        operations(&json!({
            "operationId": id,
            "summary": summary,
            "security": [{"apiKey": []}],
            "parameters": parameters,
            "responses": responses,
        }))
    }

    fn key(&mut self) -> Value {
        let key = self.content::<KeyBody<'_>>();
        let mut responses = BTreeMap::from([(
            StatusCode::OK.as_str().to_owned(),
            json!({
                "description": "The key",
                "headers": header_references(&[&[CACHE_CONTROL][..], &LIMIT_HEADERS].concat()),
                "content": key,
            }),
        )]);
        for code in [
            Code::Unauthorized,
            Code::RateLimitExceeded,
            Code::InternalError,
            Code::ServiceUnavailable,
        ] {
            responses.insert(code.status().as_str().to_owned(), self.error(code));
        }
        operations(&json!({
            "operationId": "getKey",
            "summary": "The key of the request: its limit and its end",
            "security": [{"apiKey": []}],
            "responses": responses,
        }))
    }

    fn health(&mut self) -> Value {
        let health = self.content::<Health>();
        let headers = header_references(&[CACHE_CONTROL]);
        let mut internal = self.error(Code::InternalError);
        // No request of it is counted.
        internal["headers"] = headers.clone();
        operations(&json!({
            "operationId": "getHealth",
            "summary": "Whether the service works; needs no key",
            "security": [],
            "responses": {
                "200": {"description": "Healthy", "headers": headers, "content": health},
                "503": {"description": "Unhealthy", "headers": headers, "content": health},
                "500": internal,
            },
        }))
    }

    fn error(&mut self, code: Code) -> Value {
        let (description, headers): (_, &[&str]) = match code {
            Code::ValidationError => ("A parameter is wrong", &LIMIT_HEADERS),
            Code::Unauthorized => ("No valid API key", &["WWW-Authenticate"]),
            Code::NotFound => ("The symbol is not supported", &LIMIT_HEADERS),
            Code::MethodNotAllowed => ("Only GET and HEAD are allowed", &[]),
            Code::RateLimitExceeded => (
                "The limit of this minute is reached",
                &[
                    "Retry-After",
                    "RateLimit-Limit",
                    "RateLimit-Remaining",
                    "RateLimit-Reset",
                ],
            ),
            Code::InternalError => ("Something went wrong", &[]),
            Code::ServiceUnavailable => ("The table or the limiter fails", &["Retry-After"]),
            // One status has one response object.
            Code::NoPrice => (
                "SERVICE_UNAVAILABLE: the table or the limiter fails; NO_PRICE: none of the \
                 requested symbols has a price yet",
                &["Retry-After"],
            ),
        };
        let mut headers = header_references(&[&[CACHE_CONTROL][..], headers].concat());
        if matches!(
            code,
            Code::InternalError | Code::ServiceUnavailable | Code::NoPrice
        ) {
            for name in LIMIT_HEADERS {
                let component = Presence::WhereCounted.component(name);
                headers[name] = json!({"$ref": format!("#/components/headers/{component}")});
            }
        }
        json!({
            "description": description,
            "headers": headers,
            "content": self.content::<ErrorBody>(),
        })
    }
}

/// The header that every response has.
const CACHE_CONTROL: &str = "Cache-Control";
/// The headers with which a client keeps a response and asks whether it still holds.
const CACHE_HEADERS: [&str; 3] = ["ETag", CACHE_CONTROL, "Vary"];
/// The headers that show the client's place in this minute.
const LIMIT_HEADERS: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// A doc comment is wrapped for its source file, and nowhere else.
fn unwrap_lines(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
}

/// The path of a route key.
fn path(route: &str) -> &str {
    route.split_once(' ').map_or(route, |(_, path)| path)
}

/// GET as described, and HEAD, which has everything of it but the bodies.
fn operations(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = json!(get["operationId"].as_str().unwrap().replace("get", "head"));
    for response in head["responses"].as_object_mut().unwrap().values_mut() {
        response.as_object_mut().unwrap().remove("content");
    }
    json!({"get": get, "head": head})
}

fn parameter(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
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
            "Symbols in any case, with commas between them; at most {MAX_SYMBOLS} different ones. \
             Every supported symbol without it.",
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
        "description": "A symbol in any case.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
        "example": "BTC",
    })
}

fn parameters() -> Value {
    json!({
        "Format": {
            "name": FORMAT,
            "in": "query",
            "description": "The layout of the answer.",
            "schema": {"type": "string", "enum": [JSON, COMPACT], "default": JSON},
        },
        "Include": {
            "name": INCLUDE,
            "in": "query",
            "description": format!("Columns that the format {COMPACT} otherwise leaves out."),
            "style": "form",
            "explode": false,
            "schema": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "enum": [MARKET_CAP, TIME]},
            },
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "The ETag of an answer that the client has.",
            "schema": {"type": "string"},
        },
    })
}

fn header_references(names: &[&str]) -> Value {
    let reference = |name: &&str| {
        let reference = json!({"$ref": format!("#/components/headers/{name}")});
        ((*name).to_owned(), reference)
    };
    Value::Object(names.iter().map(reference).collect())
}

/// The names of the headers that responses have.
const HEADERS: [&str; 8] = [
    "ETag",
    CACHE_CONTROL,
    "Vary",
    "WWW-Authenticate",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
];

/// Whether a response that names a header always has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    /// Only if the limiter has answered.
    WhereCounted,
}

impl Presence {
    /// The name of the component that describes a header.
    fn component(self, name: &str) -> String {
        match self {
            Self::Always => name.to_owned(),
            Self::WhereCounted => format!("{name}.where-counted"),
        }
    }
}

fn header(name: &str, presence: Presence) -> Value {
    let text = json!({"type": "string"});
    let seconds = json!({"type": "integer", "minimum": 1, "maximum": 60});
    let count = json!({"type": "integer", "minimum": 0});
    let (description, schema) = match name {
        "ETag" => (
            "A weak tag of what the answer says; none with include=time",
            text,
        ),
        CACHE_CONTROL => (
            "For how many seconds the client may keep the answer; `no-store` for everything but \
             prices",
            text,
        ),
        "Vary" => ("What a cache has to compare", text),
        "WWW-Authenticate" => (
            "The challenge of RFC 9110; the gateway may rename the header",
            text,
        ),
        "RateLimit-Limit" => ("Requests that one minute allows", count),
        "RateLimit-Remaining" => ("Requests that are left of them", count),
        "RateLimit-Reset" => ("Seconds until the next minute", seconds),
        "Retry-After" => ("Seconds after which to ask again", seconds),
        _ => unreachable!("{name} is no header of a response"),
    };
    let description = match presence {
        Presence::Always => description.to_owned(),
        Presence::WhereCounted => format!("{description}; only if the limiter has answered"),
    };
    // A response with `include=time` has no tag.
    let is_required = name != "ETag" && presence == Presence::Always;
    json!({"description": description, "required": is_required, "schema": schema})
}

fn headers() -> Value {
    let always = HEADERS.map(|name| (name, Presence::Always));
    let counted = LIMIT_HEADERS.map(|name| (name, Presence::WhereCounted));
    let all = always.into_iter().chain(counted);
    let described = all.map(|(name, presence)| (presence.component(name), header(name, presence)));
    Value::Object(described.collect())
}

mod tests {
    use super::*;
    use shared::golden::assert_committed;

    #[test]
    fn the_committed_description_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let text = serde_json::to_string_pretty(&Description::new().write()).unwrap();
        assert_committed(path, &format!("{text}\n"), "api openapi");
    }

    #[test]
    fn the_guide_has_one_row_for_every_code_with_the_status_of_the_description() {
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
        let description = Description::new().write();
        let codes = &description["components"]["schemas"]["ErrorCode"]["enum"];
        let codes: Vec<Code> = serde_json::from_value(codes.clone()).unwrap();
        let expected: BTreeMap<_, _> = codes
            .into_iter()
            .map(|code| {
                let name = serde_json::to_value(code).unwrap();
                (name.as_str().unwrap().to_owned(), code.status().as_u16())
            })
            .collect();
        assert_eq!(rows, expected);
        // No operation has a status that the guide does not explain.
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
    fn every_reference_leads_somewhere() {
        let description = Description::new().write();
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
