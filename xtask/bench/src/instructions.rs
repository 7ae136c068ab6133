//! How many instructions pieces of the service take, which no other process on the
//! machine changes: counted by callgrind and compared with what is committed.
//!
//! Each piece runs in a process of its own, this binary under valgrind, once to warm
//! up and once to be counted. Counts depend on compiler and processor architecture,
//! so both stand beside them.
//!
//! gungraun (formerly iai-callgrind) does not replace this. Its runner is a program of 175
//! crates, one of them under CDDL-1.0, that each machine has to install in exactly the
//! version of the library. It has no committed counts: comparing and accepting them, which is
//! most of this file, would stay, and the call of valgrind is what it would spare.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xtask::bench::Args;
use xtask::cargo::{self, Profile};
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::{child, files, output, workspace};

use crate::machine;
use crate::pieces::PIECES;
use crate::table;

/// What is committed.
const FILE: &str = "tests/instructions.json";

/// What to do where a count has grown.
const ACCEPT: &str = "if that is meant to be, run: cargo xtask bench instructions --accept";

/// By how much a count may grow before somebody has to look.
const TOLERANCE: f64 = 1.05;

/// Counts of every piece.
type Instructions = BTreeMap<String, u64>;

/// What is committed: counts, and for what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    architecture: String,
    rustc: String,
    /// With the optimisation of Lambda's binaries, nearly: this is what a request costs.
    optimised: Instructions,
    /// Of what the tests are compiled to, so that one of them can count.
    unoptimised: Instructions,
}

/// Counts every piece, and says which has grown; or commits the counts.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(name) = &args.run_once {
        return run_once(name);
    }
    if !child::is_installed("valgrind") {
        // Where a machine checks, nobody reads that nothing was checked.
        if std::env::var_os("CI").is_some() {
            return Err(Failure::new("counting instructions needs valgrind").into());
        }
        output::progress("skipped: counting instructions needs valgrind");
        return Ok(());
    }
    if args.accept {
        return accept();
    }
    let committed = read()?;
    let before = match args.profile() {
        Profile::Dev => &committed.unoptimised,
        _ => &committed.optimised,
    };
    let now = count_all(&std::env::current_exe().context("finding this binary")?)?;
    let verdict = comparable(&committed, &machine::rustc()).and_then(|comparable| {
        if comparable {
            compare(&now, before)
        } else {
            Ok(())
        }
    });
    show(&now, before, verdict.is_ok(), args.output)?;
    say_what_shrank(&now, before);
    Ok(verdict?)
}

/// Commits the counts of both builds.
fn accept() -> anyhow::Result<()> {
    let count = |profile| {
        let binaries = cargo::build_binaries(&["xtask-bench"], profile)?;
        count_all(binaries.first().context("cargo built no xtask-bench")?)
    };
    let now = Counts {
        architecture: ARCH.to_owned(),
        rustc: machine::rustc(),
        optimised: count(Profile::Bench)?,
        unoptimised: count(Profile::Dev)?,
    };
    let mut text = serde_json::to_string_pretty(&now)?;
    text.push('\n');
    files::replace(&file(), text, files::PUBLIC)?;
    output::progress(format_args!("wrote {FILE}"));
    Ok(())
}

fn file() -> PathBuf {
    workspace::root().join(FILE)
}

fn read() -> anyhow::Result<Counts> {
    let text = fs::read_to_string(file()).with_context(|| format!("reading {FILE}"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {FILE}"))
}

fn run_once(name: &str) -> anyhow::Result<()> {
    let piece = PIECES.into_iter().find(|(known, _)| *known == name);
    let (_, prepare) = piece.with_context(|| format!("{name} is nothing that is counted"))?;
    let mut work = prepare()?;
    // What happens once in a process is not what a request costs.
    black_box(work());
    counted(&mut work);
    Ok(())
}

/// What callgrind counts is what happens in here, found by this name.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> usize) {
    black_box(work());
}

fn count_all(binary: &Path) -> anyhow::Result<Instructions> {
    PIECES
        .into_iter()
        .map(|(name, _)| Ok((name.to_owned(), count(name, binary)?)))
        .collect()
}

/// Runs a piece under callgrind.
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
    let count = log
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse().ok())
        .filter(|count| *count > 0);
    count.with_context(|| format!("valgrind counted nothing of {name}:\n{log}"))
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    outcome: &'static str,
    instructions: &'a Instructions,
    committed: &'a Instructions,
}

fn show(
    now: &Instructions,
    committed: &Instructions,
    passed: bool,
    format: OutputFormat,
) -> anyhow::Result<()> {
    if format == OutputFormat::Json {
        return output::json_line(&Line {
            event: "result",
            outcome: if passed { "passed" } else { "failed" },
            instructions: now,
            committed,
        });
    }
    let mut rows = vec![["INSTRUCTIONS", "NOW", "COMMITTED", "RATIO"].map(str::to_owned)];
    for (name, count) in now {
        let before = committed.get(name);
        rows.push([
            name.clone(),
            count.to_string(),
            before.map_or_else(String::new, u64::to_string),
            before.map_or_else(String::new, |before| {
                format!("{:.3}x", ratio(*count, *before))
            }),
        ]);
    }
    output::text(&table::text(rows))
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn ratio(now: u64, before: u64) -> f64 {
    now as f64 / before as f64
}

/// What was won is only kept where the committed count goes down with it.
fn say_what_shrank(now: &Instructions, committed: &Instructions) {
    for (name, count) in now {
        let before = committed.get(name);
        if before.is_some_and(|before| ratio(*before, *count) > TOLERANCE) {
            output::progress(format_args!(
                "{name} takes fewer than committed: keep that with --accept"
            ));
        }
    }
}

/// Whether counts of this machine and compiler can be compared with what is committed.
/// Another architecture is somebody's laptop; another compiler wants new counts.
fn comparable(committed: &Counts, rustc: &str) -> Result<bool, Failure> {
    if committed.architecture != ARCH {
        output::progress(format_args!(
            "not compared: the committed counts are for {}",
            committed.architecture
        ));
        return Ok(false);
    }
    if committed.rustc != rustc {
        return Err(Failure::new(format!(
            "the committed counts are of {}, and this is {rustc}",
            committed.rustc
        ))
        .hint(ACCEPT));
    }
    Ok(true)
}

/// Fails where a count has grown.
fn compare(now: &Instructions, committed: &Instructions) -> Result<(), Failure> {
    let grown: Vec<_> = now
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
        "more than 5 % more instructions than committed: {}",
        grown.join(", ")
    ))
    .hint(ACCEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instructions(counts: &[(&str, u64)]) -> Instructions {
        let owned = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        owned.collect()
    }

    #[test]
    fn a_count_may_grow_by_a_twentieth_and_fall_as_it_likes() {
        let committed = instructions(&[("a piece", 1000), ("another", 1000)]);
        let compared = |a, b| compare(&instructions(&[("a piece", a), ("another", b)]), &committed);
        assert!(compared(1050, 10).is_ok());
        let error = compared(1051, 1000).expect_err("it has grown").to_string();
        assert!(error.ends_with("committed: a piece"), "{error}");
    }

    #[test]
    fn a_piece_that_nobody_has_counted_yet_has_to_be_committed() {
        let error = compare(&instructions(&[("new", 1)]), &instructions(&[]));
        let error = error.expect_err("it is new");
        assert!(error.to_string().ends_with("committed: new"), "{error}");
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared() {
        let committed = Counts {
            architecture: ARCH.to_owned(),
            rustc: "rustc 1".to_owned(),
            optimised: Instructions::new(),
            unoptimised: Instructions::new(),
        };
        let error = comparable(&committed, "rustc 2").expect_err("not comparable");
        assert!(error.to_string().contains("rustc 2"), "{error}");
        let elsewhere = Counts {
            architecture: "another".to_owned(),
            ..committed.clone()
        };
        assert!(matches!(comparable(&elsewhere, "rustc 1"), Ok(false)));
        assert!(matches!(comparable(&committed, "rustc 1"), Ok(true)));
    }

    #[test]
    fn counts_are_committed_for_every_piece() {
        let committed = read().expect("counts are committed");
        let mut pieces = PIECES.map(|(name, _)| name);
        pieces.sort_unstable();
        for counts in [committed.optimised, committed.unoptimised] {
            assert!(counts.keys().eq(pieces), "{counts:?}");
        }
    }
}
