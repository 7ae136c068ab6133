//! Rendering all environments and checking them by our own rules.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use infra::Artifacts;
use xtask::cargo::{self, Profile};
use xtask::{child, output, render, validate};

use crate::cpu;
use crate::measurement::{Measurement, Samples};

/// In this process, which is optimised, and as the process that `cargo xtask` is.
pub(crate) fn measure(rounds: u32) -> anyhow::Result<Vec<Measurement>> {
    output::progress(format_args!("measuring {rounds} renderings"));
    let binaries = cargo::build_binaries(&["xtask"], Profile::Dev)?;
    let binary = binaries.first().context("cargo built no xtask")?;
    let mut inside = Samples::default();
    let mut process = Samples::default();
    for _ in 0..rounds {
        let (time, cpu) = measured(cpu::thread, in_process)?;
        inside.add(time, cpu);
        let (time, cpu) = measured(cpu::children, || {
            let status = child::command(binary)
                .args(["validate", "--own-rules-only"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .with_context(|| format!("starting {}", binary.display()))?;
            anyhow::ensure!(status.success(), "cargo xtask validate ended with {status}");
            Ok(())
        })?;
        process.add(time, cpu);
    }
    let mut inside = inside.measurement("render in process");
    if let Some(cpu) = inside.cpu {
        inside.target("ms CPU", cpu, 5.0);
    }
    let mut process = process.measurement("render whole process");
    process.target("ms", process.median, 25.0);
    Ok(vec![inside, process])
}

fn in_process() -> anyhow::Result<()> {
    for named in render::all(&Artifacts::placeholder())? {
        validate::refuse_faulty(&named.name, named.template.as_value())?;
    }
    Ok(())
}

/// The time and the CPU time that `run` takes.
fn measured(
    cpu: fn() -> anyhow::Result<Duration>,
    run: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<(Duration, Duration)> {
    let used = cpu()?;
    let started = Instant::now();
    run()?;
    Ok((started.elapsed(), cpu()?.saturating_sub(used)))
}
