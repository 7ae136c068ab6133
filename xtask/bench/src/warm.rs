//! One request to a function that is running.

use std::time::Duration;

use anyhow::Context as _;
use xtask::output;

use crate::fixture::{Fixture, Scheme};
use crate::measurement::{Measurement, Samples};
use crate::process::{Process, Program};

/// Requests at the start of each burst that nobody looks at.
const WARM_UP: u32 = 10;

struct Subject {
    name: &'static str,
    program: Program,
    process: Process,
    samples: Samples,
}

impl Subject {
    async fn start(name: &'static str, program: Program) -> anyhow::Result<Self> {
        let mut process = Process::start(&program).await?;
        process.answer().await?;
        Ok(Subject {
            name,
            program,
            process,
            samples: Samples::default(),
        })
    }

    /// Sends requests one after the other. The CPU time is that of all of them, from
    /// idle to idle, divided by their number: what a request leaves for after its
    /// answer is in it, and what reading the clock may miss is not in it each time.
    async fn burst(&mut self) -> anyhow::Result<()> {
        for _ in 0..WARM_UP {
            self.ask_once().await?;
        }
        let before = self.process.cpu_when_idle().await?;
        for _ in 0..BURST {
            let time = self.ask_once().await?;
            self.samples.add_time(time);
        }
        let after = self.process.cpu_when_idle().await?;
        self.samples.add_cpu(after.saturating_sub(before) / BURST);
        Ok(())
    }

    async fn ask_once(&mut self) -> anyhow::Result<Duration> {
        let sent = self.process.send(self.program.event.clone())?;
        let invocation = self.process.answer().await?;
        Ok(invocation.answered - sent)
    }
}

/// Requests that one function gets before it is the next one's turn: a function under
/// load has its code in the processor's caches.
const BURST: u32 = 50;

/// Sends requests to every function in turn, in bursts.
pub(crate) async fn measure(fixture: &Fixture, requests: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!(
        "measuring {requests} requests to each function"
    ));
    let mut subjects = [
        Subject::start("warm hello", fixture.hello()).await?,
        Subject::start("warm api from the table", fixture.api_with_stale_prices()?).await?,
        Subject::start("warm api from memory", fixture.api(Scheme::Http)?).await?,
        Subject::start("warm sdk-default", fixture.sdk_default(Scheme::Http)).await?,
    ];
    for turn in 0..requests.div_ceil(BURST) {
        for subject in &mut subjects {
            subject
                .burst()
                .await
                .with_context(|| format!("measuring {} in turn {turn}", subject.name))?;
        }
    }
    let mut measurements = Vec::new();
    for mut subject in subjects {
        subject.samples.memory(subject.process.peak_memory()?);
        subject.process.stop().await?;
        let mut measurement = subject.samples.measurement(subject.name);
        let limit = match subject.name {
            "warm api from the table" => Some(0.20),
            "warm api from memory" => Some(0.10),
            _ => None,
        };
        if let (Some(limit), Some(cpu)) = (limit, measurement.cpu) {
            measurement.target("ms CPU", cpu, limit);
        }
        measurements.push(measurement);
    }
    Ok(measurements)
}
