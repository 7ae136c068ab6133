//! `cargo xtask bench instructions`: counts the instructions of parts of the service with callgrind,
//! a tool of valgrind, and compares the counts with the committed counts in tests/instructions.json.
//! Other processes on the machine do not change a count.
//!
//! Each workload runs in a separate process, which is this binary under valgrind. The process runs
//! the workload once to warm up, and once to count. Counts depend on the compiler and the processor
//! architecture, so the file names both.
//!
//! gungraun (formerly iai-callgrind) would replace only the call of valgrind, and not the comparison,
//! which is most of this module. Its runner has 175 crates, one of them under CDDL-1.0, and must be
//! installed in the same version as the library.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xtask::bench::InstructionsArgs;
use xtask::cargo::{self, Profile};
use xtask::failure::Failure;
use xtask::tools::VALGRIND;
use xtask::{child, files, output, workspace};

use crate::machine;
use crate::report::table;
use crate::workloads::WORKLOADS;

const FILE: &str = "tests/instructions.json";

const ACCEPT_HINT: &str = "to accept the new counts, run: cargo xtask bench instructions --accept";

/// The largest accepted ratio of a count to the committed count.
const TOLERANCE: f64 = 1.05;

/// The number of instructions of each workload.
type Counts = BTreeMap<String, u64>;

/// The content of `FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Committed {
    architecture: String,
    rustc: String,
    /// Counts of the profile `bench`, which optimises nearly as much as the profile of Lambda's
    /// binaries.
    optimised: Counts,
    /// Counts of the profile `dev`. The tests build with this profile anyway, so a test can count.
    unoptimised: Counts,
}

/// Counts every workload, and compares the counts with the committed counts. With `--accept`, writes
/// the counts instead.
pub(crate) fn run(args: &InstructionsArgs) -> anyhow::Result<()> {
    if let Some(name) = &args.run_once {
        return run_once(name);
    }
    if !VALGRIND.is_installed() {
        // In CI, no one would notice that the check was skipped.
        if std::env::var_os("CI").is_some() {
            return Err(Failure::new("counting instructions needs valgrind").into());
        }
        output::progress(VALGRIND.missing());
        return Ok(());
    }
    if args.accept {
        return accept();
    }
    let file = read()?;
    let committed = if args.unoptimised {
        &file.unoptimised
    } else {
        &file.optimised
    };
    let counts = count_all(&std::env::current_exe().context("finding this binary")?)?;
    let compared = match is_comparable(&file, &machine::rustc()) {
        Ok(true) => compare(&counts, committed),
        Ok(false) => Ok(()),
        Err(failure) => Err(failure),
    };
    output::text(&table(rows(&counts, committed)))?;
    for (name, count) in &counts {
        let before = committed.get(name);
        if before.is_some_and(|before| ratio(*before, *count) > TOLERANCE) {
            output::progress(format_args!(
                "{name} has over 5 % fewer instructions than committed; to keep the gain, pass --accept"
            ));
        }
    }
    Ok(compared?)
}

/// Writes the counts of both profiles.
fn accept() -> anyhow::Result<()> {
    let count = |profile| {
        let binaries = cargo::build_binaries(&["xtask-bench"], profile)?;
        count_all(binaries.first().context("cargo built no xtask-bench")?)
    };
    let counts = Committed {
        architecture: ARCH.to_owned(),
        rustc: machine::rustc(),
        optimised: count(Profile::Bench)?,
        unoptimised: count(Profile::Dev)?,
    };
    let text = serde_json::to_string_pretty(&counts)? + "\n";
    files::replace(&workspace::root().join(FILE), text, files::PUBLIC)?;
    output::progress(format_args!("wrote {FILE}"));
    Ok(())
}

fn read() -> anyhow::Result<Committed> {
    let text = fs::read_to_string(workspace::root().join(FILE));
    let text = text.with_context(|| format!("reading {FILE}"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {FILE}"))
}

fn run_once(name: &str) -> anyhow::Result<()> {
    let workload = WORKLOADS.into_iter().find(|(known, _)| *known == name);
    let (_, prepare) = workload.with_context(|| format!("there is no workload {name}"))?;
    let mut work = prepare()?;
    // The first run also does work that happens once per process.
    black_box(work());
    counted(&mut work);
    Ok(())
}

/// Runs the work. Callgrind finds this function by its name, and counts only inside the function.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> usize) {
    black_box(work());
}

fn count_all(binary: &Path) -> anyhow::Result<Counts> {
    WORKLOADS
        .into_iter()
        .map(|(name, _)| Ok((name.to_owned(), count(name, binary)?)))
        .collect()
}

/// Runs a workload under callgrind.
fn count(name: &str, binary: &Path) -> anyhow::Result<u64> {
    let run = child::command("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*xtask_bench::instructions::counted*",
        ])
        .arg(binary)
        .args(["bench", "instructions", "--run-once", name])
        .stdin(Stdio::null())
        .output()
        .context("starting valgrind")?;
    let log = String::from_utf8_lossy(&run.stderr);
    anyhow::ensure!(run.status.success(), "counting {name} failed:\n{log}");
    log.lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse().ok())
        .filter(|count| *count > 0)
        .with_context(|| format!("valgrind counted no instruction of {name}:\n{log}"))
}

fn rows(counts: &Counts, committed: &Counts) -> Vec<[String; 4]> {
    let mut rows = vec![["INSTRUCTIONS", "NOW", "COMMITTED", "RATIO"].map(str::to_owned)];
    for (name, count) in counts {
        let (before, ratio) = match committed.get(name) {
            Some(before) => (
                before.to_string(),
                format!("{:.3}x", ratio(*count, *before)),
            ),
            None => (String::new(), String::new()),
        };
        rows.push([name.clone(), count.to_string(), before, ratio]);
    }
    rows
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn ratio(count: u64, before: u64) -> f64 {
    count as f64 / before as f64
}

/// Returns true if the counts of this machine can be compared with the committed counts.
///
/// # Errors
///
/// Fails if the committed counts are from another compiler, so that new counts must be committed.
/// Another architecture is no error, because developers have machines of both architectures.
fn is_comparable(committed: &Committed, rustc: &str) -> Result<bool, Failure> {
    if committed.architecture != ARCH {
        output::progress(format_args!(
            "the counts are not compared, because the committed counts are for {}",
            committed.architecture
        ));
        return Ok(false);
    }
    if committed.rustc != rustc {
        return Err(Failure::new(format!(
            "could not compare the counts: the committed counts are from {}, and this is {rustc}",
            committed.rustc
        ))
        .hint(ACCEPT_HINT));
    }
    Ok(true)
}

/// Fails if a workload has no committed count, or more instructions than the tolerance allows.
fn compare(counts: &Counts, committed: &Counts) -> Result<(), Failure> {
    let grown: Vec<_> = counts
        .iter()
        .filter(|(name, count)| {
            let before = committed.get(*name);
            before.is_none_or(|before| ratio(**count, *before) > TOLERANCE)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if grown.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "these workloads have no committed count, or have over 5 % more instructions: {}",
        grown.join(", ")
    ))
    .hint(ACCEPT_HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Counts {
        let owned = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        owned.collect()
    }

    #[test]
    fn a_count_may_grow_by_5_percent_and_shrink_without_limit() {
        let committed = counts(&[("first", 1000), ("second", 1000)]);
        let compared = |a, b| compare(&counts(&[("first", a), ("second", b)]), &committed);
        assert!(compared(1050, 10).is_ok());
        let error = compared(1051, 1000).expect_err("a count has grown");
        assert!(error.to_string().ends_with(": first"), "{error}");
    }

    #[test]
    fn a_workload_without_a_committed_count_is_an_error() {
        let error = compare(&counts(&[("new", 1)]), &counts(&[]));
        let error = error.expect_err("the workload is new");
        assert!(error.to_string().ends_with(": new"), "{error}");
    }

    #[test]
    fn only_counts_of_the_same_architecture_and_compiler_are_compared() {
        let committed = Committed {
            architecture: ARCH.to_owned(),
            rustc: "rustc 1".to_owned(),
            optimised: Counts::new(),
            unoptimised: Counts::new(),
        };
        let error = is_comparable(&committed, "rustc 2").expect_err("not comparable");
        assert!(error.to_string().contains("rustc 2"), "{error}");
        let elsewhere = Committed {
            architecture: "another".to_owned(),
            ..committed.clone()
        };
        assert!(matches!(is_comparable(&elsewhere, "rustc 1"), Ok(false)));
        assert!(matches!(is_comparable(&committed, "rustc 1"), Ok(true)));
    }

    #[test]
    fn counts_of_every_workload_are_committed() {
        let committed = read().expect("counts are committed");
        let mut names = WORKLOADS.map(|(name, _)| name);
        names.sort_unstable();
        for counts in [committed.optimised, committed.unoptimised] {
            assert!(counts.keys().eq(names), "{counts:?}");
        }
    }
}
