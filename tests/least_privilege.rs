//! Tests of the functions' roles on the table: the roles allow every call that the functions make, and
//! each permission has a call that needs it.

#![cfg(test)]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::slice;

use contract::items;
use infra::{Artifacts, Environment};
use serde_json::Value;
use shared::api_key::{Maker, NewApiKey, TemporaryKey};
use shared::client::{ClientConfig, dynamodb_client};
use shared::currency::ListedCurrency;
use shared::decimal::Decimal;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::rate_limit::Window;
use shared::store::{ApiStore, Store, UpdateFailure, UpdateStore, UpdateSuccess, VerifyStore};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tests::scripted::Scripted;
use xtask::render;

/// A call as IAM evaluates it: the action, the partition keys, and the attributes of a write.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    action: String,
    keys: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

impl Call {
    /// Returns the calls that IAM checks for a request. IAM checks each call in a transaction:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>.
    fn all_of(target: &str, body: &str) -> Vec<Self> {
        let body: Value = serde_json::from_str(body).unwrap();
        if target != "TransactWriteItems" {
            return vec![Self::read(target, &body)];
        }
        let members = body["TransactItems"].as_array().unwrap().iter();
        let calls = members.flat_map(|member| member.as_object().unwrap());
        calls
            .map(|(action, body)| match action.as_str() {
                "ConditionCheck" => Self::read("ConditionCheckItem", body),
                write => Self::read(&format!("{write}Item"), body),
            })
            .collect()
    }

    fn read(target: &str, body: &Value) -> Self {
        let written = match target {
            "PutItem" => &body["Item"],
            "UpdateItem" | "DeleteItem" => &body["Key"],
            _ => &Value::Null,
        };
        let members = written.as_object().into_iter().flat_map(|map| map.keys());
        // All expressions of the store use placeholders for attribute names.
        let placeholders = body["ExpressionAttributeNames"].as_object();
        let named = placeholders.into_iter().flat_map(|map| map.values());
        let named = named.map(|name| name.as_str().unwrap());
        let attributes = match written {
            Value::Null => BTreeSet::new(),
            _ => members
                .map(String::as_str)
                .chain(named)
                .map(str::to_owned)
                .collect(),
        };
        let keys: Vec<&Value> = match target {
            "BatchGetItem" => {
                let tables = body["RequestItems"].as_object().unwrap().values();
                tables
                    .flat_map(|table| table["Keys"].as_array().unwrap())
                    .map(|key| &key[items::PK])
                    .collect()
            }
            "GetItem" | "ConditionCheckItem" => vec![&body["Key"][items::PK]],
            // The store's only Query has this placeholder for the partition key's value.
            "Query" => vec![&body["ExpressionAttributeValues"][":pk"]],
            _ => vec![&written[items::PK]],
        };
        let keys = keys.into_iter().map(|key| key["S"].as_str().unwrap());
        Call {
            action: format!("dynamodb:{target}"),
            keys: keys.map(str::to_owned).collect(),
            attributes,
        }
    }
}

/// Runs `call_store` with a table that rejects every call, and returns the calls.
async fn record_calls(call_store: impl AsyncFnOnce(Store)) -> BTreeSet<Call> {
    let endpoint = Scripted::start(&[]).await;
    let client = dynamodb_client(&ClientConfig::emulator(endpoint.url())).unwrap();
    Box::pin(call_store(Store::new(client, "table"))).await;
    let requests = endpoint.all_requests();
    assert!(!requests.is_empty());
    requests
        .iter()
        .flat_map(|request| Call::all_of(request.target.as_deref().unwrap(), &request.body))
        .collect()
}

/// Calls every method of the API's store. A new method of the trait must be added here.
async fn call_api_store(store: &impl ApiStore) {
    let now = Timestamp::now();
    let key = NewApiKey::generate("watch", now).unwrap().record.key_id;
    let bitcoin = Symbol::find("BTC").unwrap();
    let euro = ListedCurrency::find("EUR").unwrap();
    let slot = Slot::of(now);
    let refused = [
        store.api_key(&key).await.is_err(),
        store.touch_api_key(&key, now).await.is_err(),
        store
            .count_request(&key, Window::at(now), NonZeroU32::MIN)
            .await
            .is_err(),
        store.prices(&[bitcoin], Some(euro)).await.is_err(),
        store.price_history(bitcoin, slot).await.is_err(),
        store.rate_history(euro, slot).await.is_err(),
        store.update_status().await.is_err(),
    ];
    assert_eq!(refused, [true; 7]);
}

/// Calls every method of the update's store. A new method of the trait must be added here.
async fn call_update_store(store: &impl UpdateStore) {
    let now = Timestamp::now();
    let price = Price {
        symbol: Symbol::find("BTC").unwrap(),
        price: Decimal::parse("103663").unwrap(),
        change_24h: None,
        market_cap: None,
        volume_24h: None,
        last_updated: now,
        fetched_at: now,
    };
    let rate = Rate {
        currency: ListedCurrency::find("EUR").unwrap(),
        value: price.price.clone(),
        change_24h: None,
        last_updated: now,
        fetched_at: now,
    };
    let slot = Slot::of(now);
    let success = UpdateSuccess {
        started_at: now,
        finished_at: now,
        newest_price: now,
        stored: 1,
        skipped: 0,
        provider: "test".to_owned(),
        duration_ms: 1,
    };
    let failure = UpdateFailure {
        started_at: now,
        error_code: "TIMEOUT".to_owned(),
    };
    let refused = [
        store
            .put_run(slice::from_ref(&price), &[], slot)
            .await
            .is_err(),
        store.put_price(&price, slot).await.is_err(),
        store.put_rate(&rate, slot).await.is_err(),
        store.rates().await.is_err(),
        store.record_success(&success).await.is_err(),
        store.record_superseded(now).await.is_err(),
        store.record_failure(&failure).await.is_err(),
        store.update_status().await.is_err(),
    ];
    assert_eq!(refused, [true; 8]);
}

/// Calls every method of the store for temporary keys. A new method of the trait must be added
/// here.
async fn call_verify_store(store: &impl VerifyStore, maker: Maker) {
    let key = TemporaryKey::generate(maker, 300, Timestamp::now()).unwrap();
    let refused = [
        store.create_temporary_key(&key).await.is_err(),
        store.delete_temporary_key(&key).await.is_err(),
    ];
    assert_eq!(refused, [true; 2]);
}

/// A statement of a role: its actions, and the partition keys and attributes in its conditions. `None`
/// stands for a missing condition.
struct Allowed {
    actions: BTreeSet<String>,
    keys: Option<Vec<String>>,
    attributes: Option<Vec<String>>,
}

impl Allowed {
    fn allows(&self, call: &Call) -> bool {
        let matches_key = |key: &String| {
            self.keys.as_ref().is_none_or(|patterns| {
                let mut beginnings = patterns.iter().map(|key| key.strip_suffix('*').unwrap());
                beginnings.any(|beginning| key.starts_with(beginning))
            })
        };
        let matches_attributes = self.attributes.as_ref().is_none_or(|names| {
            let mut attributes = call.attributes.iter();
            attributes.all(|attribute| names.contains(attribute))
        });
        self.actions.contains(&call.action)
            && call.keys.iter().all(matches_key)
            && matches_attributes
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array()?;
    Some(
        items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect(),
    )
}

/// The actions that the functions' roles may call on other resources than the table.
const NOT_ON_TABLE: [&str; 6] = [
    // Lambda writes logs and sends failed events with the function's role.
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    // The verify function calls Lambda and CodeDeploy. Rules of `cargo xtask validate` check these
    // permissions.
    "codedeploy:GetDeployment",
    "codedeploy:PutLifecycleEventHookExecutionStatus",
    "lambda:InvokeFunction",
];

/// Returns the statements of a function's role in prod, limited to the actions on the table.
fn table_statements(role: &str) -> Vec<Allowed> {
    let prod = render::service(Environment::Prod, &Artifacts::placeholder()).unwrap();
    let role = &prod.template.as_value()["Resources"][role];
    let policies = role["Properties"]["Policies"].as_array().unwrap();
    let statements = policies
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let mut found = Vec::new();
    for statement in statements {
        let mut actions: BTreeSet<String> =
            texts(&statement["Action"]).unwrap().into_iter().collect();
        actions.retain(|action| !NOT_ON_TABLE.contains(&action.as_str()));
        if actions.is_empty() {
            continue;
        }
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let condition = &statement["Condition"];
        found.push(Allowed {
            actions,
            keys: texts(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
            attributes: texts(&condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]),
        });
    }
    found
}

/// Asserts that a function's role in prod allows every call, and that each action, key and attribute
/// of the role's statements has a call that needs it.
fn assert_allows_exactly(role: &str, calls: &BTreeSet<Call>) {
    let statements = table_statements(role);
    for call in calls {
        let is_allowed = statements.iter().any(|statement| statement.allows(call));
        assert!(is_allowed, "{role} may not do {call:?}");
    }
    for statement in &statements {
        for action in &statement.actions {
            let is_used = calls
                .iter()
                .any(|call| call.action == *action && statement.allows(call));
            assert!(is_used, "{role} may do {action}, and no call needs it");
        }
        for pattern in statement.keys.iter().flatten() {
            let beginning = pattern.strip_suffix('*').unwrap();
            let allowed = calls.iter().filter(|call| statement.allows(call));
            let mut keys = allowed.flat_map(|call| &call.keys);
            let is_used = keys.any(|key| key.starts_with(beginning));
            assert!(is_used, "{role} may use {pattern}, and no call does");
        }
        for attribute in statement.attributes.iter().flatten() {
            let is_used = calls
                .iter()
                .any(|call| statement.allows(call) && call.attributes.contains(attribute));
            assert!(is_used, "{role} may write {attribute}, and no call does");
        }
    }
}

#[tokio::test]
async fn the_apis_role_allows_exactly_the_apis_calls() {
    let calls = record_calls(async |store| call_api_store(&store).await).await;
    assert_allows_exactly("ApiRole", &calls);
}

/// The API queries only price and rate histories.
#[test]
fn the_apis_role_does_not_allow_a_query_of_keys_or_of_the_status() {
    let statements = table_statements("ApiRole");
    let query = |key: String| Call {
        action: "dynamodb:Query".to_owned(),
        keys: [key].into(),
        attributes: BTreeSet::new(),
    };
    let is_allowed = |call: &Call| statements.iter().any(|statement| statement.allows(call));
    assert!(is_allowed(&query(items::price_pk("BTC"))));
    assert!(!is_allowed(&query(items::api_key_pk("0123456789AB"))));
    assert!(!is_allowed(&query(items::STATUS_UPDATE.to_owned())));
}

#[tokio::test]
async fn the_updates_role_allows_exactly_the_updates_calls() {
    let calls = record_calls(async |store| call_update_store(&store).await).await;
    assert_allows_exactly("UpdateRole", &calls);
}

#[tokio::test]
async fn the_verify_functions_role_allows_exactly_its_calls() {
    let calls = record_calls(async |store| call_verify_store(&store, Maker::Verify).await).await;
    assert_allows_exactly("VerifyRole", &calls);
}

/// An attacker's code in the API function must not be able to enable a key or change its limits.
#[test]
fn the_apis_role_does_not_allow_writes_that_enable_a_key() {
    let statements = table_statements("ApiRole");
    for attribute in [
        items::attributes::ENABLED,
        items::attributes::EXPIRES_AT,
        items::attributes::RATE_LIMIT_PER_MINUTE,
        items::attributes::SECRET_HASH,
    ] {
        let call = Call {
            action: "dynamodb:UpdateItem".to_owned(),
            keys: [items::api_key_pk("0123456789AB")].into(),
            attributes: [items::PK, items::SK, attribute].map(str::to_owned).into(),
        };
        let is_allowed = statements.iter().any(|statement| statement.allows(&call));
        assert!(!is_allowed, "{attribute}");
    }
}
