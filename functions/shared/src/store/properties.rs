//! Property test of items: any item is read or refused without a panic, and a written item reads
//! back unchanged.

mod fuzz {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    use contract::items::attributes as names;
    use proptest::prelude::*;
    use proptest::sample::select;

    use crate::store::items::{Item, api_key_item, price_item, read_api_key, read_price};
    use crate::store::status::read_status;

    const NAMES: [&str; 17] = [
        names::SYMBOL,
        names::NAME,
        names::PRICE,
        names::CHANGE_24H,
        names::MARKET_CAP,
        names::LAST_UPDATED,
        names::FETCHED_AT,
        names::KEY_ID,
        names::CREATED_AT,
        names::ENABLED,
        names::LAST_USED_AT,
        names::SECRET_HASH,
        names::EXPIRES_AT,
        names::RATE_LIMIT_PER_MINUTE,
        names::LAST_ATTEMPT,
        names::NEWEST_PRICE,
        names::ERROR_CODE,
    ];

    fn text() -> impl Strategy<Value = String> {
        let words = [
            "BTC",
            "2026-01-15T10:30:00Z",
            "9999-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2026-01-15T10:30:00+25:00",
            "2026-02-30T10:30:00Z",
            "0123456789AB",
            "ded56c42711bef54087ccb5dda8b7596c5d070a44f311549e87f067112a7cce0",
            "",
        ];
        prop_oneof![
            6 => select(words.to_vec()).prop_map(str::to_owned),
            1 => any::<String>(),
            1 => "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
            1 => "[0-9a-f]{64}",
        ]
    }

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "-?[0-9]{1,38}(\\.[0-9]{1,38})?([eE][+-]?[0-9]{1,3})?",
            1 => select(&["0", "-0", "1E+125", "1E-130", "9e999999999", "4294967296", "NaN"][..])
                .prop_map(str::to_owned),
            1 => any::<String>(),
        ]
    }

    fn value() -> impl Strategy<Value = AttributeValue> {
        prop_oneof![
            6 => text().prop_map(AttributeValue::S),
            4 => number().prop_map(AttributeValue::N),
            2 => any::<bool>().prop_map(AttributeValue::Bool),
            1 => Just(AttributeValue::Null(true)),
            1 => any::<Vec<u8>>().prop_map(|bytes| AttributeValue::B(Blob::new(bytes))),
            1 => text().prop_map(|text| AttributeValue::L(vec![AttributeValue::S(text)])),
            1 => Just(AttributeValue::M(HashMap::new())),
        ]
    }

    fn valid(name: &str) -> AttributeValue {
        let time = || AttributeValue::S("2026-01-15T10:30:00Z".to_owned());
        match name {
            names::PRICE | names::CHANGE_24H | names::MARKET_CAP => {
                AttributeValue::N("103663.5".to_owned())
            }
            names::RATE_LIMIT_PER_MINUTE => AttributeValue::N("50".to_owned()),
            names::ENABLED => AttributeValue::Bool(true),
            names::SYMBOL => AttributeValue::S("BTC".to_owned()),
            names::KEY_ID => AttributeValue::S("0123456789AB".to_owned()),
            names::SECRET_HASH => AttributeValue::S("0".repeat(64)),
            names::NAME | names::ERROR_CODE => AttributeValue::S("text".to_owned()),
            _ => time(),
        }
    }

    proptest! {
        #[test]
        fn any_item_is_read_or_refused_and_a_written_item_reads_back_unchanged(
            changes in proptest::collection::vec(
                (select(&NAMES[..]), proptest::option::of(value())),
                0..5,
            ),
        ) {
            let mut item: Item = NAMES
                .iter()
                .map(|name| ((*name).to_owned(), valid(name)))
                .collect();
            for (name, value) in changes {
                match value {
                    Some(value) => item.insert(name.to_owned(), value),
                    None => item.remove(name),
                };
            }
            let _ = read_status(&item);
            if let Ok(price) = read_price(&item) {
                prop_assert_eq!(read_price(&price_item(&price)).unwrap(), price);
            }
            if let Ok(key) = read_api_key(&item) {
                let again = read_api_key(&api_key_item(&key)).unwrap();
                prop_assert_eq!(again.key_id, key.key_id);
                prop_assert_eq!(again.expires_at, key.expires_at);
                prop_assert!(again.secret_hash.matches(&key.secret_hash));
            }
        }
    }
}
