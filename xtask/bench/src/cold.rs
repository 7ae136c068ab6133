//! From a function's start to its first answer.

use anyhow::Context as _;
use xtask::output;

use crate::fixture::{Fixture, Scheme};
use crate::measurement::{Measurement, Samples};
use crate::process::{Process, Program};

/// Rounds that nobody looks at: files come into the page cache.
const WARM_UP: u32 = 2;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

struct Subject {
    name: &'static str,
    program: Program,
    first_answer: Samples,
    init: Samples,
}

/// Starts every function in turn, `rounds` times, so that a noisy moment of the
/// machine meets all of them.
pub(crate) async fn measure(fixture: &Fixture, rounds: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!(
        "measuring {rounds} cold starts of each function"
    ));
    let subject = |name, program| Subject {
        name,
        program,
        first_answer: Samples::default(),
        init: Samples::default(),
    };
    let mut subjects = [
        subject("cold hello", fixture.hello()),
        subject("cold api http", fixture.api(Scheme::Http)?),
        subject("cold api https", fixture.api(Scheme::Https)?),
        subject("cold update http", fixture.update(Scheme::Http)?),
        subject("cold update https", fixture.update(Scheme::Https)?),
        subject("cold sdk-default http", fixture.sdk_default(Scheme::Http)),
        subject("cold sdk-default https", fixture.sdk_default(Scheme::Https)),
    ];
    for round in 0..rounds + WARM_UP {
        for subject in &mut subjects {
            subject
                .start_once(round >= WARM_UP)
                .await
                .with_context(|| format!("measuring {}", subject.name))?;
        }
    }
    let mut measurements = Vec::new();
    for subject in subjects {
        measurements.push(subject.first_answer.measurement(subject.name));
        measurements.push(subject.init.measurement(format!("{} init", subject.name)));
    }
    set_targets(&mut measurements);
    Ok(measurements)
}

impl Subject {
    async fn start_once(&mut self, counts: bool) -> anyhow::Result<()> {
        let mut process = Process::start(&self.program).await?;
        let invocation = process.answer().await?;
        if counts {
            let started = process.started();
            let ready = process.ready();
            self.first_answer
                .add(invocation.answered - started, invocation.cpu);
            self.first_answer.memory(process.peak_memory()?);
            self.init.add(ready.at - started, ready.cpu);
        }
        process.stop().await
    }
}

/// How many times as long as the smallest function each may take.
fn set_targets(measurements: &mut [Measurement]) {
    let Some(floor) = measurements.first().map(|hello| hello.median) else {
        return;
    };
    for measurement in measurements {
        let limit = match measurement.name.as_str() {
            "cold api http" => 2.0,
            "cold api https" => 4.0,
            "cold update http" => 2.5,
            _ => continue,
        };
        measurement.target("times hello", measurement.median / floor, limit);
        if let Some(peak) = measurement.peak_memory {
            #[expect(clippy::cast_precision_loss, reason = "no process has 2^53 bytes")]
            let mebibytes = peak as f64 / MEBIBYTE;
            measurement.target("MiB", mebibytes, 10.0);
        }
    }
}
