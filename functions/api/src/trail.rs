//! What becomes known of a request on its way. It is kept outside of the work,
//! so that a panic in there loses none of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::routes::DEFAULT;
use lambda_http::http::Method;

use crate::limiter::Quota;

/// Facts about a request that is being answered.
#[derive(Debug, Default)]
pub(crate) struct Trail(Mutex<Facts>);

/// What is known so far.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// None where the event could not be read.
    pub(crate) method: Option<Method>,
    /// The route key; the gateway's `$default` where the path has no other.
    pub(crate) route: &'static str,
    /// The id of the key that was presented, masked; whether it was let in, the
    /// status tells.
    pub(crate) key_id: Option<String>,
    /// None where the limiter has not answered.
    pub(crate) quota: Option<Quota>,
    /// How many prices are answered.
    pub(crate) symbols: usize,
    /// How many of them are stale.
    pub(crate) stale: usize,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            method: None,
            route: DEFAULT,
            key_id: None,
            quota: None,
            symbols: 0,
            stale: 0,
        }
    }
}

impl Trail {
    /// Writes something down.
    pub(crate) fn note(&self, note: impl FnOnce(&mut Facts)) {
        note(&mut self.lock());
    }

    /// What is known by now.
    pub(crate) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
