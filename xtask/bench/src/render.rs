//! Measures the rendering of all templates, with the checks of the project's own rules.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::Artifacts;
use xtask::cargo::{self, Profile};
use xtask::{child, output, render, validate};

use crate::cpu::{self, CpuClock};
use crate::report::{Measurement, Samples};

/// Measures the rendering in this process, which is optimised, and in the unoptimised process of
/// `cargo xtask validate`.
pub(crate) fn measure(rounds: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!("measuring {rounds} renderings"));
    let binaries = cargo::build_binaries(&["xtask"], Profile::Dev)?;
    let binary = binaries.first().context("cargo built no xtask")?;
    let mut command = child::command(binary);
    command
        .args(["validate", "--own-rules-only"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut in_process = Samples::default();
    let mut whole_process = Samples::default();
    for _ in 0..rounds {
        add_sample(
            &mut in_process,
            || CpuClock::PROCESS.now(),
            || {
                for named in render::all(&Artifacts::placeholder())? {
                    validate::refuse_faulty(&named.name, named.template.as_value())?;
                }
                Ok(())
            },
        )?;
        add_sample(&mut whole_process, cpu::ended_children, || {
            let status = command.status().context("starting cargo xtask validate")?;
            anyhow::ensure!(status.success(), "cargo xtask validate ended with {status}");
            Ok(())
        })?;
    }
    let mut in_process = in_process.measurement("render in process");
    if let Some(cpu) = in_process.cpu {
        in_process.add_target("ms CPU", cpu, 5.0);
    }
    let mut whole_process = whole_process.measurement("render whole process");
    whole_process.add_target("ms", whole_process.median, 25.0);
    Ok(vec![in_process, whole_process])
}

fn add_sample(
    samples: &mut Samples,
    cpu: impl Fn() -> anyhow::Result<Duration>,
    run: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cpu_before = cpu()?;
    let started = Instant::now();
    run()?;
    samples.times.push(started.elapsed());
    samples.cpu.push(cpu()?.saturating_sub(cpu_before));
    Ok(())
}
