//! Test support: an in-memory store, and the comparison of committed files. The store applies the
//! conditions of the table's writes, records its calls, and fails on demand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::api_key::{ApiKey, KeyId, TemporaryKey};
use crate::currency::ListedCurrency;
use crate::error::StoreError;
use crate::history::{Samples, Slot};
use crate::price::Price;
use crate::rate::Rate;
use crate::rate_limit::{Admission, Window};
use crate::store::{
    ApiStore, Changed, Created, PriceHistory, PricesRead, RateHistory, RateRead, StatusStore,
    Stored, StoredTogether, UpdateFailure, UpdateStatus, UpdateStore, UpdateSuccess, VerifyStore,
    WithDeadline, in_time,
};
use crate::symbol::Symbol;
use crate::timestamp::Timestamp;

/// A method of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    ApiKey,
    TouchApiKey,
    CountRequest,
    Prices,
    PriceHistory,
    RateHistory,
    UpdateStatus,
    PutPrice,
    PutRate,
    PutRun,
    Rates,
    RecordSuccess,
    RecordSuperseded,
    RecordFailure,
    CreateTemporaryKey,
    DeleteTemporaryKey,
}

/// A failure of an operation.
#[derive(Debug, Clone)]
enum Fault {
    Error(StoreError),
    Hang,
    Panic,
}

#[derive(Debug, Default)]
struct State {
    api_keys: BTreeMap<KeyId, ApiKey>,
    request_counts: BTreeMap<(KeyId, Window), u32>,
    prices: BTreeMap<&'static str, Price>,
    rates: BTreeMap<&'static str, Rate>,
    /// The samples of a coin, by its symbol, or of a currency, by its code.
    samples: BTreeMap<&'static str, Samples>,
    /// The symbols of the coins and the codes of the currencies whose items cannot be read.
    unreadable: BTreeSet<&'static str>,
    status: Option<UpdateStatus>,
    calls: Vec<Operation>,
    faults: BTreeMap<Operation, Fault>,
    pauses: VecDeque<u8>,
}

impl State {
    fn refuses_price(&self, price: &Price) -> bool {
        let stored = self.prices.get(price.symbol.as_str());
        stored.is_some_and(|stored| price.is_refused_by(stored))
    }

    fn refuses_rate(&self, rate: &Rate) -> bool {
        let stored = self.rates.get(rate.currency.code());
        stored.is_some_and(|stored| rate.is_refused_by(stored))
    }

    fn put_price(&mut self, price: &Price, slot: Slot) {
        let symbol = price.symbol.as_str();
        self.prices.insert(symbol, price.clone());
        let samples = self.samples.entry(symbol).or_default();
        samples.entry(slot).or_insert_with(|| price.price.clone());
    }

    fn put_rate(&mut self, rate: &Rate, slot: Slot) {
        let code = rate.currency.code();
        self.rates.insert(code, rate.clone());
        let samples = self.samples.entry(code).or_default();
        samples.entry(slot).or_insert_with(|| rate.value.clone());
    }

    fn check_readable(&self, name: &str, item: &'static str) -> Result<(), StoreError> {
        if self.unreadable.contains(name) {
            let attribute = item;
            return Err(StoreError::MalformedItem { item, attribute });
        }
        Ok(())
    }

    /// Returns the samples since the start of the hour that contains `since`.
    fn samples_since(&self, name: &str, since: Slot) -> Samples {
        let all = self.samples.get(name).into_iter().flatten();
        let kept = all.filter(|(slot, _)| slot.hour() >= since.hour());
        kept.map(|(slot, value)| (*slot, value.clone())).collect()
    }

    /// Records a run that confirmed no price, unless the status has a later run.
    fn record_attempt(&mut self, started_at: Timestamp, error_code: Option<String>) {
        let known = self.status.as_ref();
        if known.is_none_or(|status| status.last_attempt <= started_at) {
            self.status = Some(UpdateStatus {
                last_attempt: started_at,
                newest_price: known.and_then(|status| status.newest_price),
                error_code,
            });
        }
    }
}

/// A table in the process. All clones share the table.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    deadline: Option<Instant>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes calls yield to other tasks, before they take effect and as often afterwards. Each
    /// number in `pauses` is the number of yields before one call takes effect. So a test chooses
    /// the order of concurrent calls.
    #[must_use]
    pub fn with_pauses(self, pauses: impl IntoIterator<Item = u8>) -> Self {
        self.lock().pauses = pauses.into_iter().collect();
        self
    }

    pub fn insert_api_key(&self, key: ApiKey) {
        self.lock().api_keys.insert(key.key_id.clone(), key);
    }

    pub fn insert_price(&self, price: Price) {
        self.lock().prices.insert(price.symbol.as_str(), price);
    }

    pub fn insert_rate(&self, rate: Rate) {
        self.lock().rates.insert(rate.currency.code(), rate);
    }

    pub fn remove_rate(&self, currency: ListedCurrency) {
        self.lock().rates.remove(currency.code());
    }

    /// Replaces the samples of a coin or a currency. `name` is the symbol or the code.
    pub fn insert_samples(&self, name: &'static str, samples: Samples) {
        self.lock().samples.insert(name, samples);
    }

    pub fn remove_price(&self, symbol: Symbol) {
        self.lock().prices.remove(symbol.as_str());
    }

    /// Makes a price unreadable, or readable again: `prices` lists the coin as unread, and
    /// `price_history` fails.
    pub fn set_unreadable(&self, symbol: Symbol, unreadable: bool) {
        self.set_name_unreadable(symbol.as_str(), unreadable);
    }

    /// Makes a rate unreadable, or readable again, like [`Self::set_unreadable`].
    pub fn set_rate_unreadable(&self, currency: ListedCurrency, unreadable: bool) {
        self.set_name_unreadable(currency.code(), unreadable);
    }

    fn set_name_unreadable(&self, name: &'static str, unreadable: bool) {
        let mut state = self.lock();
        if unreadable {
            state.unreadable.insert(name);
        } else {
            state.unreadable.remove(name);
        }
    }

    pub fn set_status(&self, status: UpdateStatus) {
        self.lock().status = Some(status);
    }

    pub fn stored_api_key(&self, key_id: &KeyId) -> Option<ApiKey> {
        self.lock().api_keys.get(key_id).cloned()
    }

    pub fn stored_price(&self, symbol: Symbol) -> Option<Price> {
        self.lock().prices.get(symbol.as_str()).cloned()
    }

    pub fn stored_rate(&self, currency: ListedCurrency) -> Option<Rate> {
        self.lock().rates.get(currency.code()).cloned()
    }

    /// Returns the samples of a coin or a currency. `name` is the symbol or the code.
    pub fn stored_samples(&self, name: &str) -> Samples {
        self.lock().samples.get(name).cloned().unwrap_or_default()
    }

    /// Makes an operation fail from now on.
    pub fn fail(&self, operation: Operation, error: StoreError) {
        self.lock().faults.insert(operation, Fault::Error(error));
    }

    /// Makes an operation never return from now on.
    pub fn hang(&self, operation: Operation) {
        self.lock().faults.insert(operation, Fault::Hang);
    }

    /// Makes an operation panic from now on.
    pub fn panic(&self, operation: Operation) {
        self.lock().faults.insert(operation, Fault::Panic);
    }

    /// Ends all failures.
    pub fn recover(&self) {
        self.lock().faults.clear();
    }

    /// Returns the calls since the last call of this method, in order.
    pub fn take_calls(&self) -> Vec<Operation> {
        std::mem::take(&mut self.lock().calls)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call within the deadline: records the call, yields, and then fails or takes effect
    /// in one step.
    async fn call<T>(
        &self,
        operation: Operation,
        apply: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StoreError> {
        let call = self.call_without_deadline(operation, apply);
        let result = in_time(self.deadline, "MemoryStore", call).await;
        result.flatten()
    }

    async fn call_without_deadline<T>(
        &self,
        operation: Operation,
        apply: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StoreError> {
        let (fault, pauses) = {
            let mut state = self.lock();
            state.calls.push(operation);
            (
                state.faults.get(&operation).cloned(),
                state.pauses.pop_front().unwrap_or(0),
            )
        };
        yield_times(pauses).await;
        let answer = match fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => panic!("{operation:?} panics"),
            Some(Fault::Error(error)) => Err(error),
            None => Ok(apply(&mut self.lock())),
        };
        yield_times(pauses).await;
        answer
    }
}

async fn yield_times(times: u8) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

impl WithDeadline for MemoryStore {
    fn until(&self, deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }
}

impl StatusStore for MemoryStore {
    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        self.call(Operation::UpdateStatus, |state| state.status.clone())
            .await
    }
}

impl ApiStore for MemoryStore {
    async fn api_key(&self, key_id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.call(Operation::ApiKey, |state| {
            state.api_keys.get(key_id).cloned()
        })
        .await
    }

    async fn touch_api_key(&self, key_id: &KeyId, now: Timestamp) -> Result<(), StoreError> {
        self.call(Operation::TouchApiKey, |state| {
            if let Some(key) = state.api_keys.get_mut(key_id) {
                let minute = Window::at(now).start();
                if key.last_used_at.is_none_or(|last| last < minute) {
                    key.last_used_at = Some(now);
                }
            }
        })
        .await
    }

    async fn count_request(
        &self,
        key_id: &KeyId,
        window: Window,
        limit: NonZeroU32,
    ) -> Result<Admission, StoreError> {
        self.call(Operation::CountRequest, |state| {
            let count = state
                .request_counts
                .entry((key_id.clone(), window))
                .or_default();
            if *count >= limit.get() {
                return Admission::Refused;
            }
            *count += 1;
            Admission::Admitted { count: *count }
        })
        .await
    }

    async fn prices(
        &self,
        symbols: &[Symbol],
        rate: Option<ListedCurrency>,
    ) -> Result<PricesRead, StoreError> {
        self.call(Operation::Prices, |state| {
            let (unread, read): (Vec<_>, Vec<_>) = symbols
                .iter()
                .partition(|symbol| state.unreadable.contains(symbol.as_str()));
            let stored = |symbol: Symbol| state.prices.get(symbol.as_str()).cloned();
            let rate = rate.map_or(RateRead::None, |currency| {
                let code = currency.code();
                if state.unreadable.contains(code) {
                    return RateRead::Unread;
                }
                let stored = state.rates.get(code).cloned();
                stored.map_or(RateRead::None, RateRead::Found)
            });
            PricesRead {
                found: read.into_iter().filter_map(stored).collect(),
                unread,
                rate,
            }
        })
        .await
    }

    async fn price_history(&self, symbol: Symbol, since: Slot) -> Result<PriceHistory, StoreError> {
        let history = |state: &mut State| {
            let symbol = symbol.as_str();
            state.check_readable(symbol, "price")?;
            Ok(PriceHistory {
                price: state.prices.get(symbol).cloned(),
                samples: state.samples_since(symbol, since),
            })
        };
        self.call(Operation::PriceHistory, history).await.flatten()
    }

    async fn rate_history(
        &self,
        currency: ListedCurrency,
        since: Slot,
    ) -> Result<RateHistory, StoreError> {
        let history = |state: &mut State| {
            let code = currency.code();
            state.check_readable(code, "rate")?;
            Ok(RateHistory {
                rate: state.rates.get(code).cloned(),
                samples: state.samples_since(code, since),
            })
        };
        self.call(Operation::RateHistory, history).await.flatten()
    }
}

impl UpdateStore for MemoryStore {
    async fn put_price(&self, price: &Price, slot: Slot) -> Result<Stored, StoreError> {
        self.call(Operation::PutPrice, |state| {
            if state.refuses_price(price) {
                return Stored::OlderThanStored;
            }
            state.put_price(price, slot);
            Stored::Stored
        })
        .await
    }

    async fn put_rate(&self, rate: &Rate, slot: Slot) -> Result<Stored, StoreError> {
        self.call(Operation::PutRate, |state| {
            if state.refuses_rate(rate) {
                return Stored::OlderThanStored;
            }
            state.put_rate(rate, slot);
            Stored::Stored
        })
        .await
    }

    async fn put_run(
        &self,
        prices: &[Price],
        rates: &[Rate],
        slot: Slot,
    ) -> Result<StoredTogether, StoreError> {
        self.call(Operation::PutRun, |state| {
            let refused = prices.iter().filter(|price| state.refuses_price(price));
            let superseded: Vec<_> = refused.map(|price| price.symbol).collect();
            let refused = rates.iter().filter(|rate| state.refuses_rate(rate));
            let superseded_rates: Vec<_> = refused.map(|rate| rate.currency).collect();
            if !superseded.is_empty() || !superseded_rates.is_empty() {
                return StoredTogether::None {
                    superseded,
                    superseded_rates,
                };
            }
            for price in prices {
                state.put_price(price, slot);
            }
            for rate in rates {
                state.put_rate(rate, slot);
            }
            StoredTogether::All
        })
        .await
    }

    async fn rates(&self) -> Result<Vec<Rate>, StoreError> {
        self.call(Operation::Rates, |state| {
            state.rates.values().cloned().collect()
        })
        .await
    }

    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        self.call(Operation::RecordSuccess, |state| {
            let known = state.status.take();
            let newest_price = known.as_ref().and_then(|status| status.newest_price);
            let mut status = known
                .filter(|status| status.last_attempt > run.started_at)
                .unwrap_or(UpdateStatus {
                    last_attempt: run.started_at,
                    newest_price: None,
                    error_code: None,
                });
            status.newest_price = newest_price.max(Some(run.newest_price));
            state.status = Some(status);
        })
        .await
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        self.call(Operation::RecordSuperseded, |state| {
            state.record_attempt(started_at, None);
        })
        .await
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        self.call(Operation::RecordFailure, |state| {
            state.record_attempt(run.started_at, Some(run.error_code.clone()));
        })
        .await
    }
}

impl VerifyStore for MemoryStore {
    async fn create_temporary_key(&self, key: &TemporaryKey) -> Result<Created, StoreError> {
        self.call(Operation::CreateTemporaryKey, |state| {
            let record = key.record();
            if state.api_keys.contains_key(&record.key_id) {
                return Created::AlreadyExists;
            }
            state.api_keys.insert(record.key_id.clone(), record.clone());
            Created::Created
        })
        .await
    }

    async fn delete_temporary_key(&self, key: &TemporaryKey) -> Result<Changed, StoreError> {
        self.call(Operation::DeleteTemporaryKey, |state| {
            match state.api_keys.remove(key.key_id()) {
                Some(_) => Changed::Changed,
                None => Changed::NoSuchKey,
            }
        })
        .await
    }
}

/// Compares a committed file with its expected text. If `INSTA_UPDATE` is `always`, as for the
/// workspace's snapshots, writes the text.
///
/// # Panics
///
/// The file differs. The message has the command that updates the file. `selection` is the package
/// and the test filter in that command.
pub fn assert_committed(path: &str, text: &str, selection: &str) {
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, text).unwrap_or_else(|error| panic!("writing {path}: {error}"));
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let line = committed
        .lines()
        .zip(text.lines())
        .take_while(|(committed, current)| committed == current)
        .count();
    assert!(
        committed == text,
        "{path} differs from the code, from line {} on\n  committed: {:?}\n  current:   {:?}\n\
         hint: run `INSTA_UPDATE=always cargo test --package {selection}`",
        line + 1,
        committed.lines().nth(line),
        text.lines().nth(line),
    );
}
