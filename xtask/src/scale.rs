//! The tables of costs in docs/scale.md.

use std::fmt::Write as _;

use cost::prices::{PRICES, Price};
use cost::{Bill, Stack};
use infra::{Environment, RenderedTemplate};

/// Returns the tables with their names, from the service's templates in the order of
/// [`Environment::ALL`].
pub(crate) fn tables(services: &[RenderedTemplate]) -> [(&'static str, String); 3] {
    let stacks: Vec<Stack> = services
        .iter()
        .map(|service| Stack::read(service.as_value()))
        .collect();
    [
        ("idle month", idle(&stacks)),
        ("month with requests", load(&stacks)),
        ("price list", prices()),
    ]
}

/// Returns the head of a table: the first column, and one for each environment.
fn table_head(first: &str) -> String {
    let names = Environment::ALL.map(Environment::name).join(" | ");
    format!("| {first} | {names} |\n|---|---:|---:|---:|\n")
}

fn add_row(table: &mut String, name: &str, dollars: impl Iterator<Item = f64>) {
    let cells = dollars.map(|dollars| {
        // Above a thousand dollars, cents would be noise.
        let decimals = if dollars < 1_000.0 { 2 } else { 0 };
        format!("{dollars:.decimals$}")
    });
    let cells = cells.collect::<Vec<_>>();
    // Writing to a String cannot fail.
    let _ = writeln!(table, "| {name} | {} |", cells.join(" | "));
}

/// Returns the dollars of a month without requests, by service.
fn idle(stacks: &[Stack]) -> String {
    let bills: Vec<Bill> = stacks.iter().map(|stack| stack.month(0.0)).collect();
    let mut table = table_head("service");
    for of_service in PRICES.chunk_by(|one, next| one.service == next.service) {
        let dollars = |bill: &Bill| {
            of_service
                .iter()
                .map(|price| bill.dollars(price.item))
                .sum::<f64>()
        };
        if bills.iter().any(|bill| dollars(bill) > 0.0) {
            add_row(&mut table, of_service[0].service, bills.iter().map(dollars));
        }
    }
    add_row(&mut table, "total", bills.iter().map(Bill::total));
    table
}

/// Returns the dollars of a month with different numbers of requests.
fn load(stacks: &[Stack]) -> String {
    let mut table = table_head("requests");
    for load in [
        "1M/month", "1/s", "10/s", "100/s", "1k/s", "10k/s", "100k/s",
    ] {
        // Every text above parses.
        let requests = load
            .parse()
            .map_or(0.0, |load: cost::Load| load.per_month());
        let totals = stacks.iter().map(|stack| stack.month(requests).total());
        add_row(&mut table, load, totals);
    }
    table
}

fn prices() -> String {
    let mut table = String::from(
        "| service | dollars | unit | page | quoted by | read |\n|---|---:|---|---|---|---|\n",
    );
    for price in PRICES {
        let Price {
            service,
            dollars,
            unit,
            page,
            quoted,
            read,
            ..
        } = price;
        let tier = price.beyond.map_or(String::new(), |(first, dollars)| {
            format!("; {dollars} beyond {first}")
        });
        let host = quoted.split('/').nth(2).unwrap_or(quoted);
        let _ = writeln!(
            table,
            "| {service} | {dollars}{tier} | {unit} | <{page}> | [{host}]({quoted}) | {read} |"
        );
    }
    table
}
