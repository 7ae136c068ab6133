//! What the functions' roles may do to the table, compared with the calls that
//! the functions make: none is refused, and nothing is allowed that none makes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::slice;

use contract::items;
use infra::{Artifacts, Environment};
use serde_json::Value;
use shared::api_key::NewApiKey;
use shared::client::{ClientConfig, dynamodb_client};
use shared::decimal::Decimal;
use shared::price::Price;
use shared::rate_limit::Window;
use shared::store::{ApiStore, Store, UpdateFailure, UpdateStore, UpdateSuccess};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tests::scripted::Scripted;
use xtask::render;

/// One call: an action of IAM, and for a write the partition key and the attributes that it
/// names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    action: String,
    writes: Option<String>,
    attributes: BTreeSet<String>,
}

impl Call {
    /// What a request is to IAM, which sees a transaction as the calls in it:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>.
    fn all_of(target: &str, body: &str) -> Vec<Self> {
        let body: Value = serde_json::from_str(body).unwrap();
        if target != "TransactWriteItems" {
            return vec![Self::of(target, &body)];
        }
        let members = body["TransactItems"].as_array().unwrap().iter();
        let calls = members.flat_map(|member| member.as_object().unwrap());
        calls
            .map(|(action, body)| match action.as_str() {
                "ConditionCheck" => Self::of("ConditionCheckItem", body),
                write => Self::of(&format!("{write}Item"), body),
            })
            .collect()
    }

    fn of(target: &str, body: &Value) -> Self {
        let written = match target {
            "PutItem" => &body["Item"],
            "UpdateItem" | "DeleteItem" => &body["Key"],
            _ => &Value::Null,
        };
        let named = body["ExpressionAttributeNames"].as_object();
        let named = named.into_iter().flatten();
        let named = named.map(|(_, name)| name.as_str().unwrap());
        let keys = written.as_object().into_iter().flatten();
        let keys = keys.map(|(name, _)| name.as_str());
        Call {
            action: format!("dynamodb:{target}"),
            writes: written[items::PK]["S"].as_str().map(str::to_owned),
            attributes: keys.chain(named).map(str::to_owned).collect(),
        }
    }
}

/// The calls that came to a table, which has refused each.
async fn calls(drive: impl AsyncFnOnce(Store)) -> BTreeSet<Call> {
    let endpoint = Scripted::start(&[]).await;
    let client = dynamodb_client(&ClientConfig::emulator(endpoint.url())).unwrap();
    Box::pin(drive(Store::new(client, "table"))).await;
    let requests = endpoint.all();
    assert!(!requests.is_empty());
    requests
        .iter()
        .flat_map(|request| Call::all_of(request.target.as_deref().unwrap(), &request.body))
        .collect()
}

/// Everything that the API function does with its table. A method that is added
/// to the trait belongs here, too.
async fn api(store: &impl ApiStore) {
    let now = Timestamp::now();
    let key = NewApiKey::generate("watch", now).unwrap().record.key_id;
    let refused = [
        store.api_key(&key).await.is_err(),
        store.touch_api_key(&key, now).await.is_err(),
        store.count_request(&key, Window::at(now), 1).await.is_err(),
        store.prices(&[Symbol::find("BTC").unwrap()]).await.is_err(),
        store.update_status().await.is_err(),
    ];
    assert_eq!(refused, [true; 5]);
}

/// Everything that the update function does with its table; as [`api`].
async fn update(store: &impl UpdateStore) {
    let now = Timestamp::now();
    let price = Price {
        symbol: Symbol::find("BTC").unwrap(),
        price: Decimal::parse("103663").unwrap(),
        change_24h: None,
        market_cap: None,
        last_updated: now,
        fetched_at: now,
    };
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
        store.put_prices(slice::from_ref(&price)).await.is_err(),
        store.put_price(&price).await.is_err(),
        store.record_success(&success).await.is_err(),
        store.record_superseded(now).await.is_err(),
        store.record_failure(&failure).await.is_err(),
        store.last_update().await.is_err(),
    ];
    assert_eq!(refused, [true; 6]);
}

/// A statement of a role: its actions, and the partition keys and attributes that it is
/// limited to.
struct Allowed {
    actions: BTreeSet<String>,
    keys: Option<Vec<String>>,
    attributes: Option<Vec<String>>,
}

impl Allowed {
    /// `ForAllValues` also holds where a call names no key at all, as reading
    /// and counting do not have to here.
    fn allows(&self, call: &Call) -> bool {
        let held_to = |key: &String| {
            self.keys.as_ref().is_none_or(|patterns| {
                let mut beginnings = patterns.iter().map(|key| key.strip_suffix('*').unwrap());
                beginnings.any(|beginning| key.starts_with(beginning))
            })
        };
        let limited_to = |attribute| {
            let allowed = self.attributes.as_ref();
            allowed.is_none_or(|allowed| allowed.contains(attribute))
        };
        self.actions.contains(&call.action)
            && call.writes.as_ref().is_none_or(held_to)
            && call.attributes.iter().all(limited_to)
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

/// What a role may do to the table.
fn allowed(role: &str) -> Vec<Allowed> {
    let prod = render::service(Environment::Prod, &Artifacts::placeholder()).unwrap();
    let properties = prod.template.as_value()["Resources"][role]["Properties"].clone();
    let statements = properties["Policies"][0]["PolicyDocument"]["Statement"].as_array();
    let mut found = Vec::new();
    for statement in statements.unwrap() {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let mut actions: BTreeSet<String> =
            texts(&statement["Action"]).unwrap().into_iter().collect();
        actions.retain(|action| {
            // Lambda writes the log, and gives up events, with the function's role.
            let lambdas_own = [
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "sqs:SendMessage",
            ];
            !lambdas_own.contains(&action.as_str())
        });
        let keys =
            texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
        let attributes =
            texts(&statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]);
        found.push(Allowed {
            actions,
            keys,
            attributes,
        });
    }
    found
}

/// Both ways: every call is allowed, and every action is used.
fn compare(role: &str, calls: &BTreeSet<Call>) {
    let statements = allowed(role);
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
            let written = calls.iter().filter_map(|call| call.writes.as_ref());
            let is_used = written.into_iter().any(|key| key.starts_with(beginning));
            assert!(is_used, "{role} may write {pattern}, and no call does");
        }
        for attribute in statement.attributes.iter().flatten() {
            let mut written = calls.iter().filter(|call| call.writes.is_some());
            let is_used = written.any(|call| call.attributes.contains(attribute));
            assert!(is_used, "{role} may write {attribute}, and no call does");
        }
    }
}

/// What the API's role could do to a key if its code were another's.
#[test]
fn the_api_may_not_write_what_lets_a_key_in() {
    let statements = allowed("ApiRole");
    for attribute in [
        items::attributes::ENABLED,
        items::attributes::EXPIRES_AT,
        items::attributes::RATE_LIMIT_PER_MINUTE,
        items::attributes::SECRET_HASH,
    ] {
        let call = Call {
            action: "dynamodb:UpdateItem".to_owned(),
            writes: Some(items::api_key_pk("0123456789AB")),
            attributes: [items::PK, items::SK, attribute].map(str::to_owned).into(),
        };
        let is_allowed = statements.iter().any(|statement| statement.allows(&call));
        assert!(!is_allowed, "{attribute}");
    }
}

#[tokio::test]
async fn the_api_may_do_exactly_what_it_does() {
    let calls = calls(async |store| api(&store).await).await;
    compare("ApiRole", &calls);
}

#[tokio::test]
async fn the_update_may_do_exactly_what_it_does() {
    let calls = calls(async |store| update(&store).await).await;
    compare("UpdateRole", &calls);
}
