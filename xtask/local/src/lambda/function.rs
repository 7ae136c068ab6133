//! A function that can be invoked: reuses idle instances, and starts a new instance if none is idle.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::instance::{FunctionConfig, Instance, InvocationFailure};
use crate::binaries::Binary;

/// The time that running invocations get when the stack stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Function {
    instances: Mutex<Instances>,
    /// One permit for each invocation that may run at the same time.
    permits: Semaphore,
}

struct Instances {
    config: Arc<FunctionConfig>,
    /// Instances of `config`.
    idle: Vec<Instance>,
}

impl Function {
    /// Starts the first instance, so that a function that cannot start fails here and not at its
    /// first event.
    pub(crate) async fn start(config: FunctionConfig) -> anyhow::Result<Arc<Self>> {
        let config = Arc::new(config);
        let first = Instance::start(&config).await?;
        let permits = Semaphore::new(config.plan.pool.instances as usize);
        let idle = vec![first];
        Ok(Arc::new(Function {
            instances: Mutex::new(Instances { config, idle }),
            permits,
        }))
    }

    /// Replaces the binary: starts an instance of the new binary, and then sends new events only to
    /// instances of that binary. Instances of the old binary finish their invocations.
    ///
    /// # Errors
    ///
    /// Fails if the new binary does not start. The old instances then stay in use.
    pub(crate) async fn swap(&self, binary: Binary) -> anyhow::Result<()> {
        let old = Arc::clone(&self.lock().config);
        let config = Arc::new(FunctionConfig {
            binary,
            ..FunctionConfig::clone(&old)
        });
        let idle = vec![Instance::start(&config).await?];
        let old = mem::replace(&mut *self.lock(), Instances { config, idle });
        for instance in old.idle {
            instance.stop().await;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Instances> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Invokes the function. As in Lambda, the invocation continues if the caller stops
    /// waiting.
    pub(crate) async fn invoke(self: &Arc<Self>, event: Value) -> Result<Value, InvocationFailure> {
        let function = Arc::clone(self);
        let invocation = tokio::spawn(async move { function.run(event).await });
        invocation
            .await
            .unwrap_or_else(|error| Err(InvocationFailure::NotStarted(error.into())))
    }

    async fn run(&self, event: Value) -> Result<Value, InvocationFailure> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(InvocationFailure::Stopping);
        };
        let instance = self.usable_instance().await;
        let mut instance = instance.map_err(InvocationFailure::NotStarted)?;
        let result = instance.invoke(event).await;
        if let Some(unusable) = self.put_back(instance) {
            unusable.stop().await;
        }
        result
    }

    /// Keeps an instance for the next event, or returns it to be stopped.
    fn put_back(&self, mut instance: Instance) -> Option<Instance> {
        let mut instances = self.lock();
        if !instance.is_usable() || !instance.has_config(&instances.config) {
            return Some(instance);
        }
        instances.idle.push(instance);
        None
    }

    async fn usable_instance(&self) -> anyhow::Result<Instance> {
        while let Some(mut instance) = self.take_idle() {
            if instance.is_usable() {
                return Ok(instance);
            }
            instance.stop().await;
        }
        let config = Arc::clone(&self.lock().config);
        Instance::start(&config).await
    }

    /// Takes the instance that was used last, because its caches are warm.
    fn take_idle(&self) -> Option<Instance> {
        self.lock().idle.pop()
    }

    /// Stops every instance. An invocation that takes longer than [`STOP_TIMEOUT`] ends with this
    /// process.
    pub(crate) async fn stop(&self) {
        let all = self.lock().config.plan.pool.instances;
        if let Ok(Ok(permits)) = timeout(STOP_TIMEOUT, self.permits.acquire_many(all)).await {
            permits.forget();
        }
        self.permits.close();
        while let Some(instance) = self.take_idle() {
            instance.stop().await;
        }
    }
}
