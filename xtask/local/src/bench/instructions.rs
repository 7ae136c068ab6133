//! How many instructions pieces of the service take, which no other process on the
//! machine changes: counted by callgrind and compared with what is committed.
//!
//! Each piece runs in a process of its own, this binary under valgrind, once to warm
//! up and once to be counted. Counts depend on compiler and processor architecture,
//! so both stand beside them.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use xtask::bench::Args;
use xtask::failure::Failure;
use xtask::options::OutputFormat;
use xtask::{output, workspace};

use super::machine;
use super::pieces::Piece;
use super::table;

/// What is committed.
const FILE: &str = "tests/instructions.json";

/// By how much a count may grow before somebody has to look.
const TOLERANCE: f64 = 1.05;

/// Counts, and for what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    architecture: String,
    rustc: String,
    instructions: BTreeMap<String, u64>,
}

/// Counts every piece, and says which has grown; or commits the counts.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(name) = &args.run_once {
        return run_once(name);
    }
    if !valgrind_is_there() {
        // Where a machine checks, nobody reads that nothing was checked.
        if std::env::var_os("CI").is_some() {
            return Err(Failure::new("counting instructions needs valgrind").into());
        }
        output::progress("skipped: counting instructions needs valgrind");
        return Ok(());
    }
    let mut now = Counts {
        architecture: std::env::consts::ARCH.to_owned(),
        rustc: machine::rustc(),
        instructions: BTreeMap::new(),
    };
    for piece in Piece::ALL {
        now.instructions
            .insert(piece.name().to_owned(), count(piece)?);
    }
    if args.accept {
        let mut text = serde_json::to_string_pretty(&now)?;
        text.push('\n');
        fs::write(file(), text).with_context(|| format!("writing {FILE}"))?;
        output::progress(format_args!("wrote {FILE}"));
        return Ok(());
    }
    let committed = read()?;
    let verdict = compare(&now, &committed);
    show(&now, &committed, verdict.is_ok(), args.output)?;
    verdict
}

fn file() -> PathBuf {
    workspace::root().join(FILE)
}

fn read() -> anyhow::Result<Counts> {
    let text = fs::read_to_string(file()).with_context(|| format!("reading {FILE}"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {FILE}"))
}

fn valgrind_is_there() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn run_once(name: &str) -> anyhow::Result<()> {
    let piece = Piece::ALL.into_iter().find(|piece| piece.name() == name);
    let mut work = piece
        .with_context(|| format!("{name} is nothing that is counted"))?
        .prepare()?;
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

/// Runs a piece under callgrind.
fn count(piece: Piece) -> anyhow::Result<u64> {
    let name = piece.name();
    let binary = std::env::current_exe().context("finding this binary")?;
    let run = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*bench::instructions::counted*",
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
    #[serde(flatten)]
    now: &'a Counts,
    committed: &'a BTreeMap<String, u64>,
}

fn show(
    now: &Counts,
    committed: &Counts,
    passed: bool,
    format: OutputFormat,
) -> anyhow::Result<()> {
    if format == OutputFormat::Json {
        return output::json_line(&Line {
            event: "result",
            outcome: if passed { "passed" } else { "failed" },
            now,
            committed: &committed.instructions,
        });
    }
    let mut rows = vec![["INSTRUCTIONS", "NOW", "COMMITTED", "RATIO"].map(str::to_owned)];
    for (name, count) in &now.instructions {
        let before = committed.instructions.get(name);
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

/// Fails where a count has grown, or where the counts are not comparable.
fn compare(now: &Counts, committed: &Counts) -> anyhow::Result<()> {
    let accept = "if that is meant to be, run: cargo xtask bench instructions --accept";
    if now.architecture != committed.architecture {
        output::progress(format_args!(
            "skipped: the committed counts are for {}",
            committed.architecture
        ));
        return Ok(());
    }
    let grown: Vec<_> = now
        .instructions
        .iter()
        .filter(|(name, count)| {
            let before = committed.instructions.get(*name);
            before.is_none_or(|before| ratio(**count, *before) > TOLERANCE)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if now.rustc != committed.rustc {
        return Err(Failure::new(format!(
            "the committed counts are of {}, and this is {}",
            committed.rustc, now.rustc
        ))
        .hint(accept)
        .into());
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "more than 5 % more instructions than committed: {}",
        grown.join(", ")
    ))
    .hint(accept)
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instructions: &[(&str, u64)]) -> Counts {
        Counts {
            architecture: "x86_64".to_owned(),
            rustc: "rustc 1".to_owned(),
            instructions: instructions
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn a_count_may_grow_by_a_twentieth_and_fall_as_it_likes() {
        let committed = counts(&[("a piece", 1000), ("another", 1000)]);
        let compared = |a, b| compare(&counts(&[("a piece", a), ("another", b)]), &committed);
        assert!(compared(1050, 10).is_ok());
        let error = compared(1051, 1000).expect_err("it has grown").to_string();
        assert!(error.ends_with("committed: a piece"), "{error}");
    }

    #[test]
    fn a_piece_that_nobody_has_counted_yet_has_to_be_committed() {
        let error = compare(&counts(&[("new", 1)]), &counts(&[])).expect_err("it is new");
        assert!(error.to_string().ends_with("committed: new"), "{error}");
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared() {
        let mut other = counts(&[("a piece", 1)]);
        other.rustc = "rustc 2".to_owned();
        let error = compare(&counts(&[("a piece", 1)]), &other).expect_err("not comparable");
        assert!(error.to_string().contains("rustc 2"), "{error}");
    }

    #[test]
    fn counts_are_committed_for_every_piece() {
        let committed = read().expect("counts are committed");
        let names: Vec<_> = committed.instructions.keys().map(String::as_str).collect();
        let mut pieces = Piece::ALL.map(Piece::name);
        pieces.sort_unstable();
        assert_eq!(names, pieces);
    }
}
