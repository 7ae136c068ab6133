//! Cold starts: from the start of a process to its first response.

use anyhow::Context as _;
use xtask::output;

use crate::fixture::{Fixture, Prices, Scheme, Subject};
use crate::function_process::{FunctionProcess, Program};
use crate::report::{Measurement, Samples, mebibytes};

/// The number of rounds before the measurement, which bring files into the page cache.
const WARM_UP: u32 = 2;

/// Starts every function in turn, so that a busy moment of the machine affects all of them.
pub(crate) async fn measure(fixture: &Fixture, rounds: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!(
        "measuring {rounds} cold starts of each function"
    ));
    let mut subjects = Vec::new();
    for (name, subject, scheme) in [
        ("cold hello", Subject::Hello, Scheme::Http),
        ("cold api http", Subject::Api, Scheme::Http),
        ("cold api https", Subject::Api, Scheme::Https),
        ("cold update http", Subject::Update, Scheme::Http),
        ("cold update https", Subject::Update, Scheme::Https),
        ("cold sdk-default http", Subject::SdkDefault, Scheme::Http),
        ("cold sdk-default https", Subject::SdkDefault, Scheme::Https),
    ] {
        let program = fixture.program(subject, scheme, Prices::Fresh)?;
        subjects.push((name, program, Samples::default(), Samples::default()));
    }
    for round in 0..rounds + WARM_UP {
        for (name, program, responses, inits) in &mut subjects {
            let started = start_once(program, responses, inits, round >= WARM_UP).await;
            started.with_context(|| format!("measuring {name}"))?;
        }
    }
    let mut measurements = Vec::new();
    for (name, _, responses, inits) in subjects {
        measurements.push(responses.measurement(name));
        measurements.push(inits.measurement(format!("{name} init")));
    }
    set_targets(&mut measurements);
    Ok(measurements)
}

async fn start_once(
    program: &Program,
    responses: &mut Samples,
    inits: &mut Samples,
    is_measured: bool,
) -> anyhow::Result<()> {
    let (process, init, response) = FunctionProcess::start(program).await?;
    if is_measured {
        responses.times.push(response.time);
        responses.cpu.push(response.cpu);
        responses.peak_memory = responses.peak_memory.max(process.peak_memory()?);
        inits.times.push(init.time);
        inits.cpu.push(init.cpu);
    }
    process.stop().await
}

/// Adds the targets: the time as a multiple of the time of `hello`, and the peak memory.
fn set_targets(measurements: &mut [Measurement]) {
    let Some(hello) = measurements.first().map(|hello| hello.median) else {
        return;
    };
    for measurement in measurements {
        let limit = match measurement.name.as_str() {
            "cold api http" => 2.0,
            "cold api https" => 4.0,
            "cold update http" => 2.5,
            _ => continue,
        };
        measurement.add_target("times hello", measurement.median / hello, limit);
        if let Some(peak) = measurement.peak_memory {
            measurement.add_target("MiB", mebibytes(peak), 10.0);
        }
    }
}
