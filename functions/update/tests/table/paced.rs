//! A store that delays its calls, so that a test controls the order of the calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use shared::error::StoreError;
use shared::history::Slot;
use shared::price::Price;
use shared::rate::Rate;
use shared::store::{
    StatusStore, Store, Stored, StoredTogether, UpdateFailure, UpdateStatus, UpdateStore,
    UpdateSuccess, WithDeadline,
};
use shared::timestamp::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The way in which prices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In one transaction, if possible.
    Together,
    /// One by one, because the store refuses the transaction with all prices.
    OneByOne,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Together, Self::OneByOne];
}

/// The delay of each call.
pub(crate) enum Pace {
    /// No delay.
    Free,
    /// A random number of yields to other tasks.
    Random(Mutex<fastrand::Rng>),
    /// Until the test adds permits.
    Held(Semaphore),
    /// No delay for this number of writes. All further writes wait forever.
    StopsAfter(AtomicUsize),
}

/// A store whose calls are delayed by its pace.
#[derive(Clone)]
pub(crate) struct Paced {
    pub(crate) store: Store,
    pub(crate) pace: Arc<Pace>,
    pub(crate) way: Way,
}

impl Paced {
    async fn delay(&self) {
        match &*self.pace {
            Pace::Free => {}
            Pace::Random(random) => {
                let yields = random.lock().unwrap().u8(0..40);
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
            }
            Pace::Held(gate) => drop(gate.acquire().await.unwrap()),
            Pace::StopsAfter(left) => {
                let is_left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                    left.checked_sub(1)
                });
                if is_left.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl WithDeadline for Paced {
    fn until(&self, deadline: Instant) -> Self {
        Self {
            store: self.store.until(deadline),
            ..self.clone()
        }
    }
}

impl StatusStore for Paced {
    async fn update_status(&self) -> Result<Option<UpdateStatus>, StoreError> {
        if !matches!(*self.pace, Pace::StopsAfter(_)) {
            self.delay().await;
        }
        self.store.update_status().await
    }
}

impl UpdateStore for Paced {
    async fn put_price(&self, price: &Price, slot: Slot) -> Result<Stored, StoreError> {
        self.delay().await;
        self.store.put_price(price, slot).await
    }

    async fn put_rate(&self, rate: &Rate, slot: Slot) -> Result<Stored, StoreError> {
        self.delay().await;
        self.store.put_rate(rate, slot).await
    }

    async fn put_run(
        &self,
        prices: &[Price],
        rates: &[Rate],
        slot: Slot,
    ) -> Result<StoredTogether, StoreError> {
        if self.way == Way::OneByOne {
            return Err(StoreError::Throttled {
                operation: "TransactWriteItems",
            });
        }
        self.delay().await;
        self.store.put_run(prices, rates, slot).await
    }

    async fn rates(&self) -> Result<Vec<Rate>, StoreError> {
        self.store.rates().await
    }

    async fn record_success(&self, run: &UpdateSuccess) -> Result<(), StoreError> {
        self.delay().await;
        self.store.record_success(run).await
    }

    async fn record_superseded(&self, started_at: Timestamp) -> Result<(), StoreError> {
        self.delay().await;
        self.store.record_superseded(started_at).await
    }

    async fn record_failure(&self, run: &UpdateFailure) -> Result<(), StoreError> {
        self.delay().await;
        self.store.record_failure(run).await
    }
}
