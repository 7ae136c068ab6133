//! A function: its idle instances, and new ones when they are needed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::instance::{FunctionConfig, Instance, InvocationFailure};

/// The time that running invocations get when the stack stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A function that can be invoked.
pub(crate) struct Function {
    config: FunctionConfig,
    idle: Mutex<Vec<Instance>>,
    /// One permit for each instance that may run.
    permits: Semaphore,
}

impl Function {
    /// Starts one instance, so that a function that cannot start is reported before anything
    /// depends on it.
    pub(crate) async fn start(config: FunctionConfig) -> anyhow::Result<Arc<Self>> {
        let first = Instance::start(&config).await?;
        let permits = Semaphore::new(config.plan.pool.instances as usize);
        Ok(Arc::new(Function {
            config,
            idle: Mutex::new(vec![first]),
            permits,
        }))
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
        if instance.is_usable() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(instance);
        } else {
            instance.stop().await;
        }
        result
    }

    async fn usable_instance(&self) -> anyhow::Result<Instance> {
        while let Some(mut instance) = self.take_idle() {
            if instance.is_usable() {
                return Ok(instance);
            }
            instance.stop().await;
        }
        Instance::start(&self.config).await
    }

    /// Takes the instance that was used last, as Lambda prefers: its caches are warm.
    fn take_idle(&self) -> Option<Instance> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    /// Stops every instance. Invocations that do not end within a second are ended by the end
    /// of this process.
    pub(crate) async fn stop(&self) {
        let all = self.config.plan.pool.instances;
        if let Ok(Ok(permits)) = timeout(STOP_TIMEOUT, self.permits.acquire_many(all)).await {
            permits.forget();
        }
        self.permits.close();
        while let Some(instance) = self.take_idle() {
            instance.stop().await;
        }
    }
}
