//! A process that is frozen, as Lambda does between invocations, and loses its connections to the
//! table. Each request gets exactly one response, and no request counts twice.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::function::{Function, event};
use crate::relay::{Loss, Relay};
use crate::sample_table::SampleTable;

/// The maximum duration of a response: 5 s for the store, and a reserve for a busy machine.
const LIMIT: Duration = Duration::from_secs(8);

const LOSSES: [Loss; 3] = [Loss::Close, Loss::Reset, Loss::Silence];

/// A function with connections to its table.
struct Setup {
    table: SampleTable,
    relay: Relay,
    function: Function,
    answers: usize,
}

impl Setup {
    /// Starts a function that has responded to one counted request.
    async fn new() -> Self {
        let table = SampleTable::create().await;
        let relay = Relay::to(table.endpoint()).await;
        let function = Function::at(relay.endpoint(), &[]).await;
        let mut setup = Self {
            table,
            relay,
            function,
            answers: 0,
        };
        let id = setup.send().await;
        let answer = setup.answer(&id).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(setup.table.counted().await, 1);
        setup
    }

    async fn send(&self) -> String {
        let event = event(&self.table.key, "/prices", "symbols=BTC,ETH");
        self.function.send(event).await
    }

    async fn answer(&mut self, id: &str) -> Value {
        let answer = self.function.answer(id).await.unwrap();
        self.answers += 1;
        answer
    }

    /// Sends requests until one succeeds, and returns the number of failed requests. Asserts that each
    /// failed request counts at most once, and the successful request exactly once.
    async fn count_failures(&mut self) -> usize {
        let mut failures = 0;
        loop {
            let counted = self.table.counted().await;
            let id = self.send().await;
            let answer = self.answer(&id).await;
            let now_counted = self.table.counted().await;
            if answer["statusCode"] == 200 {
                assert_eq!(now_counted, counted + 1);
                return failures;
            }
            assert_unavailable(&answer);
            assert!((counted..=counted + 1).contains(&now_counted));
            failures += 1;
        }
    }

    /// Ends the process, and asserts that it has written one log line for each response.
    async fn end(self) {
        let log = self.function.log().await;
        let requests = log.iter().filter(|line| line["message"] == "request");
        assert_eq!(requests.count(), self.answers);
    }
}

fn assert_unavailable(answer: &Value) {
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(answer["headers"]["retry-after"], "5", "{answer}");
}

#[tokio::test]
async fn connections_that_were_lost_while_the_process_was_frozen_are_replaced() {
    for loss in LOSSES {
        let mut setup = Setup::new().await;
        setup.function.freeze();
        let lost = setup.relay.lose(loss).await;
        assert!(lost > 0);
        let id = setup.send().await;
        let thawed = Instant::now();
        setup.function.thaw();
        let answer = setup.answer(&id).await;
        let took = thawed.elapsed();
        assert!(took < LIMIT, "{loss:?} took {took:?}");
        let counted = setup.table.counted().await;
        if answer["statusCode"] == 200 {
            assert_eq!(counted, 2, "{loss:?}");
        } else {
            // The function cannot distinguish a lost, silent connection from a late response.
            assert_eq!(loss, Loss::Silence, "{answer}");
            assert_unavailable(&answer);
            // No request on the lost connection has reached the table.
            assert_eq!(counted, 1);
        }
        let failures = setup.count_failures().await;
        assert!(failures < lost, "{loss:?}: {failures} failed, {lost} lost");
        setup.end().await;
    }
}

#[tokio::test]
async fn a_count_whose_response_was_lost_while_the_process_was_frozen_counts_once() {
    for loss in LOSSES {
        let mut setup = Setup::new().await;
        setup.relay.pass_answers(false);
        let id = setup.send().await;
        while setup.table.counted().await < 2 {
            tokio::task::yield_now().await;
        }
        setup.function.freeze();
        assert!(setup.relay.lose(loss).await > 0);
        setup.relay.pass_answers(true);
        let thawed = Instant::now();
        setup.function.thaw();
        let answer = setup.answer(&id).await;
        let took = thawed.elapsed();
        assert!(took < LIMIT, "{loss:?} took {took:?}");
        assert_unavailable(&answer);
        assert_eq!(setup.table.counted().await, 2, "{loss:?}");
        setup.count_failures().await;
        setup.end().await;
    }
}

#[tokio::test]
async fn a_freeze_without_a_lost_connection_causes_no_error() {
    let mut setup = Setup::new().await;
    setup.function.freeze();
    let id = setup.send().await;
    setup.function.thaw();
    let answer = setup.answer(&id).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(setup.table.counted().await, 2);
    setup.end().await;
}
