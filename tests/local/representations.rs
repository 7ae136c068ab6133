//! Tests of the representations of the same prices: conditional requests, gzip, the compact format.

use reqwest::Method;
use tests::http::Answer;
use tests::local_stack::LocalStack;

async fn get(stack: &LocalStack, path: &str, header: (&str, &str)) -> Answer {
    let headers = [("X-API-Key", &*stack.api_key), header];
    stack.send(Method::GET, path, &headers).await
}

fn length(answer: &Answer) -> usize {
    answer.header("content-length").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_matching_entity_tag_gets_a_304_that_counts_against_the_rate_limit() {
    let stack = LocalStack::start(&[]).await;
    let first = stack.get("/prices").await;
    let tag = first.header("etag").unwrap();
    let again = get(&stack, "/prices", ("If-None-Match", tag)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag));
    assert_eq!(again.header("content-type"), Some("application/json"));
    assert_eq!(again.header("vary"), first.header("vary"));
    let control = again.header("cache-control").unwrap();
    assert!(control.starts_with("private, max-age="), "{control}");
    let remaining = |answer: &Answer| {
        let header = answer.header("ratelimit-remaining").unwrap();
        header.parse::<u32>().unwrap()
    };
    // The limit is 50 requests a minute. If a new minute began between the two requests, the second
    // request was the first of that minute.
    let new_minute = remaining(&again) == 49;
    assert!(new_minute || remaining(&again) + 1 == remaining(&first));
}

#[tokio::test]
async fn a_client_that_accepts_gzip_gets_gzip_through_the_gateway() {
    let stack = LocalStack::start(&[]).await;
    let plain = stack.get("/prices").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(length(&plain), plain.text.len());
    let gzip = get(&stack, "/prices", ("Accept-Encoding", "gzip")).await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(length(&gzip) * 2 < length(&plain));
    // Every gzip file begins with 0x1f (RFC 1952), so the gateway has decoded the function's base64.
    assert!(gzip.text.starts_with('\u{1f}'));
    let refused = get(&stack, "/prices", ("Accept-Encoding", "gzip;q=0, *")).await;
    assert_eq!(refused.header("content-encoding"), None);
}

#[tokio::test]
async fn all_coins_take_at_most_600_bytes_in_the_compact_format() {
    let stack = LocalStack::start(&[]).await;
    let answer = stack.get("/prices?format=compact").await;
    assert_eq!(answer.status, 200);
    assert!(length(&answer) <= 600, "{}", answer.text);
    let columns = answer.json();
    assert_eq!(columns.as_array().unwrap().len(), 3);
    let symbols = columns[0].as_str().unwrap().split(' ').count();
    assert_eq!(symbols, contract::catalogue::COINS.len());
    assert_eq!(columns[1].as_array().unwrap().len(), symbols);
    assert_eq!(columns[2].as_array().unwrap().len(), symbols);
}
