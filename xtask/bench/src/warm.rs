//! Warm requests: requests to a function that is running already.

use anyhow::Context as _;
use xtask::output;

use crate::fixture::{Fixture, Prices, Scheme, Subject};
use crate::function_process::{FunctionProcess, Program};
use crate::report::{Measurement, Samples};

/// The number of requests before each burst, which are not measured.
const WARM_UP: u32 = 10;

/// The number of requests to one function before the next function's turn. During a burst, the
/// function's code stays in the processor's caches, as it does under load.
const BURST: u32 = 50;

/// Sends bursts of requests to every function in turn.
pub(crate) async fn measure(fixture: &Fixture, requests: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!(
        "measuring {requests} requests to each function"
    ));
    let mut subjects = Vec::new();
    for (name, subject, prices, limit) in [
        ("warm hello", Subject::Hello, Prices::Fresh, None),
        (
            "warm api from the table",
            Subject::Api,
            Prices::Stale,
            Some(0.20),
        ),
        (
            "warm api from memory",
            Subject::Api,
            Prices::Fresh,
            Some(0.10),
        ),
        ("warm api detail", Subject::ApiDetail, Prices::Fresh, None),
        ("warm sdk-default", Subject::SdkDefault, Prices::Fresh, None),
    ] {
        let program = fixture.program(subject, Scheme::Http, prices)?;
        let (process, ..) = FunctionProcess::start(&program).await?;
        subjects.push((name, limit, program, process, Samples::default()));
    }
    for _ in 0..requests.div_ceil(BURST) {
        for (name, _, program, process, samples) in &mut subjects {
            let sent = send_burst(program, process, samples).await;
            sent.with_context(|| format!("measuring {name}"))?;
        }
    }
    let mut measurements = Vec::new();
    for (name, limit, _, process, mut samples) in subjects {
        samples.peak_memory = process.peak_memory()?;
        process.stop().await?;
        let mut measurement = samples.measurement(name);
        if let (Some(limit), Some(cpu)) = (limit, measurement.cpu) {
            measurement.add_target("ms CPU", cpu, limit);
        }
        measurements.push(measurement);
    }
    Ok(measurements)
}

/// Sends requests one after the other. The CPU time of the whole burst, divided by the number of
/// requests, is one sample. So a sample includes the work that a function does after a response, and
/// the inexactness of the clock hardly matters.
async fn send_burst(
    program: &Program,
    process: &mut FunctionProcess,
    samples: &mut Samples,
) -> anyhow::Result<()> {
    for _ in 0..WARM_UP {
        process.invoke(program.event.clone()).await?;
    }
    let before = process.cpu_when_idle().await?;
    for _ in 0..BURST {
        let time = process.invoke(program.event.clone()).await?;
        samples.times.push(time);
    }
    let after = process.cpu_when_idle().await?;
    samples.cpu.push(after.saturating_sub(before) / BURST);
    Ok(())
}
