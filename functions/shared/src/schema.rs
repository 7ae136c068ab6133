//! JSON schemas of the models.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::currency::Currency;
use crate::decimal::Decimal;
use crate::symbol::{RequestedSymbol, Symbol};
use crate::timestamp::Timestamp;

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A decimal number without an exponent. It may have more digits than a \
                64-bit float holds: read it as text if every digit matters.",
            "type": "number",
        })
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339, UTC, in whole seconds.",
            "type": "string",
            "format": "date-time",
            "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$",
            "examples": ["2026-01-15T10:30:00Z"],
        })
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A currency's code.",
            "type": "string",
            "enum": Self::all().map(Self::code).collect::<Vec<_>>(),
        })
    }
}

impl JsonSchema for Symbol {
    fn schema_name() -> Cow<'static, str> {
        "Symbol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A coin's symbol: upper-case letters and digits. More coins may follow.",
            "type": "string",
            "examples": ["BTC"],
        })
    }
}

impl JsonSchema for RequestedSymbol {
    fn schema_name() -> Cow<'static, str> {
        Symbol::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Symbol::json_schema(generator)
    }
}
