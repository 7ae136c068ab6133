//! Refused keys: the response does not reveal the reason, and a well-formed key causes one read.

use serde_json::Value;
use shared::api_key::{NewApiKey, RawApiKey};
use shared::timestamp::Timestamp;

use crate::function::{Function, event, prices_event};
use crate::proxy::{Call, Proxy};
use crate::sample_table::SampleTable;

/// Returns a response without its time.
fn without_time(answer: &Value) -> String {
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let time = body["timestamp"].as_str().unwrap();
    assert!(Timestamp::parse(time).is_ok(), "{time}");
    answer.to_string().replace(time, "now")
}

/// Adds a disabled and an expired key to the table.
pub(crate) async fn add_invalid_keys(table: &SampleTable) -> [String; 2] {
    let now = Timestamp::now();
    let make = || NewApiKey::generate("useless", now).unwrap();
    let (mut disabled, mut expired) = (make(), make());
    disabled.record.enabled = false;
    expired.record.expires_at = Some(now);
    for key in [&disabled, &expired] {
        table.store().create_api_key(&key.record).await.unwrap();
    }
    [disabled.raw.reveal(), expired.raw.reveal()]
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte_and_causes_at_most_one_read() {
    let table = SampleTable::create().await;
    let [disabled, expired] = add_invalid_keys(&table).await;
    let proxy = Proxy::to(table.endpoint()).await;
    let function = Function::at(proxy.endpoint(), &[]).await;
    let unknown = RawApiKey::generate().unwrap().reveal();
    // The secret begins after `cw_`, the id of 12 characters and `_`.
    let wrong_secret = format!("{}{}", &table.key[..16], &unknown[16..]);

    // After this request, the process remembers the key. A wrong secret for the same id still causes one
    // read.
    let answer = function.invoke(event(&table.key, "/prices", "")).await;
    assert_eq!(answer.unwrap()["statusCode"], 200);

    let mut without = prices_event("");
    without["headers"]
        .as_object_mut()
        .unwrap()
        .remove("x-api-key");
    let expected = function.invoke(without).await.unwrap();
    assert_eq!(expected["statusCode"], 401);
    let malformed = "cw_0123456789AB_short";
    proxy.take_calls();
    for (key, calls) in [
        ("", 0),
        (malformed, 0),
        (&*unknown, 1),
        (&*wrong_secret, 1),
        (&*disabled, 1),
        (&*expired, 1),
    ] {
        // The process remembers the refusal, so the second request causes no read.
        for calls in [calls, 0] {
            let answer = function.invoke(prices_event(key)).await.unwrap();
            assert_eq!(without_time(&answer), without_time(&expected), "{key}");
            assert_eq!(proxy.take_calls(), vec![Call::GetItem; calls], "{key}");
        }
    }
}
