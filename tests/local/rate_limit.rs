//! A test of the rate limit, with requests to several processes of the API at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tests::http::Answer;
use tests::local_stack::LocalStack;

/// The limit in the template of dev.
const LIMIT: usize = 50;
const CLIENTS: usize = 16;
const REQUESTS_PER_CLIENT: usize = 8;

/// Returns the end of the minute in which the limiter counted a request. The result is right even if the
/// response took half a minute.
fn window(answer: &Answer) -> u64 {
    let reset: u64 = answer.header("ratelimit-reset").unwrap().parse().unwrap();
    assert!((1..=60).contains(&reset), "{reset}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (now.as_secs() + reset + 30) / 60
}

#[tokio::test]
async fn sixteen_clients_at_once_get_exactly_the_limit() {
    let stack = Arc::new(LocalStack::start(&[]).await);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let stack = Arc::clone(&stack);
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for _ in 0..REQUESTS_PER_CLIENT {
                    let answer = stack.get("/prices/BTC").await;
                    answers.push((window(&answer), answer));
                }
                answers
            })
        })
        .collect();
    // A minute may end during the test, and each minute has its own limit.
    let mut windows: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
    for client in clients {
        for (window, answer) in client.await.unwrap() {
            windows.entry(window).or_default().push(answer);
        }
    }
    assert!(windows.len() <= 2, "{} minutes", windows.len());
    for answers in windows.values() {
        let (passed, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(passed.len(), LIMIT.min(answers.len()));
        for answer in refused {
            assert_eq!(answer.status, 429, "{}", answer.text);
            assert_eq!(answer.json()["code"], "RATE_LIMIT_EXCEEDED");
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{seconds}");
            assert_eq!(answer.json()["retryAfter"], seconds);
            assert_eq!(answer.header("ratelimit-remaining"), Some("0"));
        }
    }
    let total: usize = windows.values().map(Vec::len).sum();
    assert_eq!(total, CLIENTS * REQUESTS_PER_CLIENT);
}
