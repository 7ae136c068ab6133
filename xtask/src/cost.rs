//! `cargo xtask cost`: computes what an environment costs in a month.

use std::fmt::Write as _;

use cost::prices::REGION;
use cost::{Load, Stack};
use infra::{Artifacts, Environment};

use crate::options::environment;
use crate::{output, render};

#[derive(Debug, clap::Args)]
pub struct CostArgs {
    /// Environment to compute the cost of
    #[arg(long = "env", value_parser = environment())]
    environment: Environment,
    /// Requests of watches, such as 1M/day, 250k/month or 10/s
    #[arg(long, value_name = "LOAD", default_value = "1M/month")]
    requests: Load,
}

pub fn run(args: &CostArgs) -> anyhow::Result<()> {
    let rendered = render::service(args.environment, &Artifacts::placeholder())?;
    let stack = Stack::read(rendered.template.as_value());
    for resource in &stack.unpriced {
        output::progress(format_args!("warning: the price list lacks {resource}"));
    }
    let heading = format!(
        "{} in {REGION}, US dollars a month, without free tiers",
        args.environment
    );
    output::text(&format!("{heading}\n\n{}", table(&stack, &args.requests)))
}

/// Returns a line for each item with a cost. The columns are the cost without requests and with a load.
fn table(stack: &Stack, load: &Load) -> String {
    let (idle, loaded) = (stack.month(0.0), stack.month(load.per_month()));
    let load = load.to_string();
    let mut table = format!("{:<50}{:>22}{load:>22}\n", "", "idle");
    // Writing to a String cannot fail.
    let _ = writeln!(
        table,
        "{:<16}{:<22}{:>12}{:>12}{:>10}{:>12}{:>10}",
        "service", "unit", "price", "quantity", "cost", "quantity", "cost"
    );
    for (idle, loaded) in idle.lines().zip(loaded.lines()) {
        if loaded.quantity > 0.0 {
            let _ = writeln!(
                table,
                "{:<16}{:<22}{:>12}{:>12.3}{:>10.2}{:>12.3}{:>10.2}",
                idle.service,
                idle.unit,
                idle.price,
                idle.quantity,
                idle.dollars,
                loaded.quantity,
                loaded.dollars
            );
        }
    }
    let (idle, loaded) = (idle.total(), loaded.total());
    let _ = writeln!(table, "{:<62}{idle:>10.2}{loaded:>22.2}", "total");
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_item_with_a_cost_and_the_totals() {
        let prod =
            render::service(Environment::Prod, &Artifacts::placeholder()).expect("it renders");
        let stack = Stack::read(prod.template.as_value());
        let load: Load = "1M/day".parse().expect("a load");
        let table = table(&stack, &load);
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines.iter().all(|line| line.chars().count() == 94),
            "{table}"
        );
        assert!(lines[0].ends_with(" 1M/day"), "{table}");
        let alarms = "CloudWatch      metrics of alarms              0.1      20.000      2.00      20.000      2.00";
        assert!(lines.contains(&alarms), "{table}");
        assert!(!table.contains("arm64"), "prod uses x86-64: {table}");
        let cell = |line: &str, from_end: usize| -> f64 {
            let cells: Vec<&str> = line.split_whitespace().collect();
            cells[cells.len() - from_end].parse().expect("a number")
        };
        let total = lines[lines.len() - 1];
        let rows = &lines[2..lines.len() - 1];
        // Each cost is rounded to a cent.
        let idle: f64 = rows.iter().map(|row| cell(row, 3)).sum();
        assert!((idle - cell(total, 2)).abs() < 0.1, "{table}");
        let loaded: f64 = rows.iter().map(|row| cell(row, 1)).sum();
        assert!((loaded - cell(total, 1)).abs() < 0.1, "{table}");
    }
}
