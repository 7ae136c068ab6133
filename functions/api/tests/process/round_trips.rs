//! The number of calls to the table for a request, counted by the proxy.

use serde_json::Value;

use crate::function::{Function, event};
use crate::proxy::{Call, Fault, Proxy};
use crate::sample_table::SampleTable;

/// Takes all calls except the write of a key's last use, for which no request waits.
fn take_awaited_calls(proxy: &Proxy) -> Vec<Call> {
    let mut calls = proxy.take_calls();
    calls.retain(|call| *call != Call::LastUse);
    calls
}

fn assert_ok(answer: &Value) {
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

#[tokio::test]
async fn a_warm_request_is_one_round_trip_with_or_without_remembered_prices() {
    let table = SampleTable::create().await;
    let proxy = Proxy::to(table.endpoint()).await;
    let function = Function::at(proxy.endpoint(), &[]).await;
    let get = async |query| function.invoke(event(&table.key, "/prices", query)).await;

    assert_ok(&get("symbols=BTC").await.unwrap());
    let first = [Call::GetItem, Call::BatchGetItem, Call::Count];
    assert_eq!(take_awaited_calls(&proxy), first);

    // The proxy forwards the two calls only after both have arrived.
    proxy.fail(Call::Count, Fault::WaitForSecond);
    proxy.fail(Call::BatchGetItem, Fault::WaitForSecond);
    assert_ok(&get("symbols=BTC,ETH").await.unwrap());
    assert_eq!(
        take_awaited_calls(&proxy),
        [Call::BatchGetItem, Call::Count]
    );

    // The process remembers the prices now.
    proxy.recover();
    for _ in 0..20 {
        assert_ok(&get("symbols=ETH,BTC").await.unwrap());
        assert_eq!(take_awaited_calls(&proxy), [Call::Count]);
    }
}

#[tokio::test]
async fn a_detail_is_one_round_trip_of_two_calls_or_three_if_it_needs_a_rate() {
    let table = SampleTable::create().await;
    let proxy = Proxy::to(table.endpoint()).await;
    let function = Function::at(proxy.endpoint(), &[]).await;
    let get = async |path, query| function.invoke(event(&table.key, path, query)).await;
    assert_ok(&get("/prices", "").await.unwrap());
    take_awaited_calls(&proxy);

    proxy.fail(Call::Count, Fault::WaitForSecond);
    proxy.fail(Call::Query, Fault::WaitForSecond);
    assert_ok(&get("/prices/BTC", "include=detail").await.unwrap());
    assert_eq!(take_awaited_calls(&proxy), [Call::Query, Call::Count]);

    // The two queries do not wait for each other.
    proxy.recover();
    proxy.fail(Call::Query, Fault::WaitForSecond);
    let query = "format=compact-detail&currency=BTC";
    assert_ok(&get("/prices/ETH", query).await.unwrap());
    assert_eq!(
        take_awaited_calls(&proxy),
        [Call::Query, Call::Query, Call::Count]
    );
}

#[tokio::test]
async fn a_keys_last_use_is_written_at_most_once_a_minute() {
    let table = SampleTable::create().await;
    let proxy = Proxy::to(table.endpoint()).await;
    let function = Function::at(proxy.endpoint(), &[]).await;
    for _ in 0..20 {
        assert_ok(
            &function
                .invoke(event(&table.key, "/prices", ""))
                .await
                .unwrap(),
        );
    }
    let calls = proxy.take_calls();
    let writes = calls.iter().filter(|call| **call == Call::LastUse).count();
    // Two writes if a minute has ended in between.
    assert!((1..=2).contains(&writes), "{calls:?}");
}
