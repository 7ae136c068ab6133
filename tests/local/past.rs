//! Tests of the made-up price history of a new table.

use nix::sys::signal::Signal;
use shared::client::{ClientConfig, dynamodb_client};
use shared::currency::ListedCurrency;
use shared::history::{Samples, Slot};
use shared::store::{ApiStore as _, Store};
use shared::symbol::Symbol;
use shared::timestamp::Timestamp;
use tests::local_stack::LocalStack;

const WEEK: u32 = 7 * 24 * 60 * 60;

/// Reads the samples of the last week of every coin and currency, with their names.
async fn samples_of_a_week(stack: &LocalStack) -> Vec<(&'static str, Samples)> {
    let client = dynamodb_client(&ClientConfig::emulator(&stack.table_endpoint)).unwrap();
    let store = Store::new(client, "crypto-watch-data-dev");
    let since = Slot::of(Timestamp::now().minus_seconds(WEEK));
    let mut all = Vec::new();
    for symbol in Symbol::all() {
        let history = store.price_history(symbol, since).await.unwrap();
        all.push((symbol.as_str(), history.samples));
    }
    for currency in ListedCurrency::all() {
        let history = store.rate_history(currency, since).await.unwrap();
        all.push((currency.code(), history.samples));
    }
    all
}

#[tokio::test]
async fn a_new_table_has_a_week_of_samples_without_gaps() {
    let stack = LocalStack::start(&[]).await;
    for (name, samples) in samples_of_a_week(&stack).await {
        let times: Vec<_> = samples
            .keys()
            .map(|slot| slot.start().unix_seconds())
            .collect();
        let steps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // A sample for every two hours of a week, and for every five minutes of the last day.
        let (two_hours, five_minutes) = (2 * 60 * 60, 5 * 60);
        assert!(
            steps.iter().all(|step| *step <= two_hours),
            "{name}: {steps:?}"
        );
        let last_day = steps.iter().rev().take(24 * 12);
        assert!(last_day.copied().all(|step| step == five_minutes), "{name}");
        assert!(times.len() >= 24 * 12 + 6 * 12, "{name}: {}", times.len());
    }
}

#[tokio::test]
async fn a_persisted_table_keeps_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    let persist = ["--persist", folder.path().to_str().unwrap()];
    let first = LocalStack::start(&persist).await;
    let before = samples_of_a_week(&first).await;
    first.service.stop(Signal::SIGINT).await;
    let second = LocalStack::start(&persist).await;
    for ((name, before), (_, after)) in before.iter().zip(samples_of_a_week(&second).await) {
        let kept = before
            .iter()
            .all(|(slot, value)| after.get(slot) == Some(value));
        assert!(kept, "{name}");
    }
}

#[tokio::test]
async fn with_another_provider_a_new_table_has_no_made_up_history() {
    let stack = LocalStack::start(&["--external-api-url", "http://127.0.0.1:9"]).await;
    for (name, samples) in samples_of_a_week(&stack).await {
        assert_eq!(samples.len(), 0, "{name}");
    }
}
