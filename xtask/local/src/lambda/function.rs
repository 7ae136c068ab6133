//! One function: its idle instances, and new ones as they are needed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::instance::{Instance, InvocationFailure};
use crate::plan::FunctionPlan;

/// How long running invocations may take to end when the stack stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// What is needed to start an instance.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) function: contract::Function,
    pub(crate) plan: FunctionPlan,
    pub(crate) binary: PathBuf,
    /// The base URL of the DynamoDB API.
    pub(crate) table_endpoint: String,
}

impl Blueprint {
    /// What people call the function.
    pub(super) fn label(&self) -> &'static str {
        self.function.name()
    }
}

/// A function that can be invoked.
pub(crate) struct Function {
    blueprint: Blueprint,
    idle: Mutex<Vec<Instance>>,
    permits: Semaphore,
}

impl Function {
    /// Starts one instance, so that a function which cannot start is found
    /// before anything depends on it.
    pub(crate) async fn start(blueprint: Blueprint) -> anyhow::Result<Arc<Self>> {
        let first = Instance::start(&blueprint).await?;
        let permits = Semaphore::new(blueprint.plan.pool.instances as usize);
        Ok(Arc::new(Function {
            blueprint,
            idle: Mutex::new(vec![first]),
            permits,
        }))
    }

    /// Invokes the function. The invocation runs to its end also where the
    /// caller stops waiting, as it does in Lambda.
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
        let instance = self.instance().await;
        let mut instance = instance.map_err(InvocationFailure::NotStarted)?;
        let result = instance.invoke(event).await;
        self.give_back(instance).await;
        result
    }

    async fn instance(&self) -> anyhow::Result<Instance> {
        while let Some(mut instance) = self.take_idle() {
            if instance.is_usable() {
                return Ok(instance);
            }
            instance.retire().await;
        }
        Instance::start(&self.blueprint).await
    }

    /// The instance that was used last, as Lambda prefers: its caches are warm.
    fn take_idle(&self) -> Option<Instance> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    async fn give_back(&self, mut instance: Instance) {
        if instance.is_usable() {
            self.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(instance);
        } else {
            instance.retire().await;
        }
    }

    /// Ends every instance. Running invocations have a second; after that the
    /// end of this process ends theirs.
    pub(crate) async fn stop(&self) {
        let all = self.blueprint.plan.pool.instances;
        if let Ok(Ok(permits)) = timeout(STOP_TIMEOUT, self.permits.acquire_many(all)).await {
            permits.forget();
        }
        self.permits.close();
        while let Some(instance) = self.take_idle() {
            instance.retire().await;
        }
    }
}
