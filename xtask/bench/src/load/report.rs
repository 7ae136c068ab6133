//! The report of a load test, and the faults by which it fails.

use std::time::Duration;

use anyhow::Context as _;
use xtask::bench::LoadArgs;
use xtask::failure::Failure;
use xtask::output;

use super::clients::Results;
use super::processes::{self, ProcessMemory, Usage};
use super::rate_limit::{self, LIMIT};
use crate::machine::Machine;
use crate::report::quantile;

/// The p99 latency in milliseconds above which the service's alarm is raised.
const MAX_P99: f64 = 1_000.0;

/// The largest accepted CPU time of a request in milliseconds. docs/scale.md assumes 10 ms of
/// Lambda's time for a request, and a function of 256 MB gets 256/1769 of a core
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MAX_FUNCTION_CPU: f64 = 10.0 * 256.0 / 1_769.0;

/// Prints the report. The samples in `usage` are evenly spaced over the run.
///
/// # Errors
///
/// Fails with the first fault of the run.
#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 requests")]
pub(super) fn print(
    args: &LoadArgs,
    mut results: Results,
    usage: &[Usage],
    other_work: Option<f64>,
) -> anyhow::Result<()> {
    let before = usage.first().context("the processes were not measured")?;
    let after = usage.last().context("the processes were not measured")?;
    let count = results.times.len();
    let seconds = args.duration.as_secs_f64();
    let per_request = |from: Duration, to: Duration| {
        to.saturating_sub(from).as_secs_f64() * 1e3 / count.max(1) as f64
    };
    let cpu = per_request(before.functions, after.functions);
    let local_stack_cpu = per_request(before.local_stack, after.local_stack);
    results.times.sort_unstable();
    let [median, p99, p999, max] =
        [500, 990, 999, 1_000].map(|per_mille| quantile(&results.times, per_mille));
    let statuses = results.statuses.iter();
    let statuses: Vec<_> = statuses
        .map(|(status, n)| format!("{n} x {status}"))
        .collect();
    let statuses = statuses.join(", ");
    let processes = processes::memory(usage);
    let minutes = rate_limit::minutes(&results.limited, LIMIT.get());
    let memory = processes
        .iter()
        .map(|process| format!("memory        {process}\n"));
    let limits = minutes
        .iter()
        .map(|minute| format!("limit         {minute}\n"));
    let rows: String = memory.chain(limits).collect();
    output::text(&format!(
        "\
{}

load          {} clients, {} keys, {} processes
requests      {count} in {seconds:.0} s, {:.0} a second
latency       median {median:.2} ms, p99 {p99:.2} of {MAX_P99:.0} ms, p99.9 {p999:.2} ms, max {max:.1} ms
statuses      {statuses}, {} failed
function CPU  {cpu:.3} of {MAX_FUNCTION_CPU:.2} ms a request: {:.0} requests a second of one core
local CPU     {local_stack_cpu:.3} ms a request in the local gateway and table
{rows}",
        Machine::current().heading(other_work),
        args.clients,
        args.keys,
        processes.len(),
        count as f64 / seconds,
        results.failed,
        1e3 / cpu,
    ))?;

    let failed = results
        .failure
        .map(|failure| format!("{} requests failed, such as: {failure}", results.failed));
    let not_exact = minutes.iter().find(|minute| !minute.is_exact());
    let faults = [
        failed,
        minutes
            .iter()
            .all(|minute| minute.refused == 0)
            .then(|| format!("the limit of {LIMIT} was not tested: no minute reached it")),
        not_exact.map(|minute| format!("the limit was not exact: {minute}")),
        (p99 > MAX_P99)
            .then(|| format!("the p99 is {p99:.0} ms, and the alarm's limit is {MAX_P99:.0} ms")),
        (cpu > MAX_FUNCTION_CPU).then(|| {
            format!("a request takes {cpu:.2} ms of CPU, more than {MAX_FUNCTION_CPU:.2} ms")
        }),
        processes.iter().find_map(ProcessMemory::fault),
    ];
    match faults.into_iter().flatten().next() {
        Some(fault) => Err(Failure::new(fault).into()),
        None => Ok(()),
    }
}
