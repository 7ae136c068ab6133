//! A test with a client that `openapi-python-client` generates from `openapi.json`.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tests::local_stack::LocalStack;
use tests::python;
use tokio::process::Command;
use xtask::{child, workspace};

/// The settings of the generator, without the hooks that format the code.
const SETTINGS: &str = "post_hooks: []\n";

/// A Python script that calls the generated functions and prints the results as JSON. The script uses
/// only attributes that the generated types declare.
const QUERY: &str = r#"
import json, sys
from generated import AuthenticatedClient
from generated.api.default import get_health, get_key, get_price, get_prices
from generated.models import Currency, Error, GetPriceIncludeItem, GetPricesSymbolsItem

url, key = sys.argv[1:]
client = AuthenticatedClient(url, key, prefix="", auth_header_name="X-API-Key")
symbols = [GetPricesSymbolsItem.BTC, GetPricesSymbolsItem.MATIC]
found = get_prices.sync(client=client, symbols=symbols, currency=Currency.JPY)
detail = get_price.sync("ETH", client=client, include=[GetPriceIncludeItem.DETAIL]).data[0]
unknown = get_price.sync("NOPE", client=client)
assert isinstance(unknown, Error), unknown
print(json.dumps({
    "currency": found.currency.value,
    "prices": [[price.symbol, price.price] for price in found.data],
    "detail": [detail.low24h, detail.price, detail.high24h],
    "charts": [len(detail.chart1h), len(detail.chart24h), len(detail.chart7d)],
    "point": [detail.chart1h[-1].timestamp.isoformat(), detail.chart1h[-1].price],
    "remaining": get_key.sync(client=client).remaining,
    "health": get_health.sync(client=client).status.value,
    "unknown": unknown.code.value,
}))
"#;

async fn successful_output(mut command: Command) -> Output {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output
}

/// Generates the package `generated` in a folder.
async fn generate(generator: &Path, folder: &Path) {
    let settings = folder.join("settings.yaml");
    fs::write(&settings, SETTINGS).unwrap();
    let mut command = Command::from(child::command(generator));
    command
        .args([
            "generate",
            "--meta",
            "none",
            "--fail-on-warning",
            "--config",
        ])
        .arg(settings)
        .arg("--path")
        .arg(workspace::root().join("functions/api/openapi.json"))
        .arg("--output-path")
        .arg(folder.join("generated"));
    successful_output(command).await;
}

#[tokio::test]
async fn a_generated_client_reads_the_responses_and_errors_of_the_api() {
    let Some(generator) = python::tool("openapi-python-client") else {
        return;
    };
    let python = python::interpreter("openapi-python-client").unwrap();
    let folder = tempfile::tempdir().unwrap();
    generate(&generator, folder.path()).await;
    let stack = LocalStack::start(&[]).await;
    let mut command = Command::from(child::command(python));
    command
        .args(["-c", QUERY, &stack.url, &stack.api_key])
        .current_dir(folder.path());
    let output = successful_output(command).await;
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(result["currency"], "JPY");
    assert_eq!(result["prices"][0][0], "BTC");
    assert_eq!(result["prices"][1][0], "MATIC");
    let number = |path: &str| result.pointer(path).and_then(Value::as_f64).unwrap();
    assert!(number("/prices/0/1") > number("/prices/1/1"));
    assert!(number("/detail/0") <= number("/detail/1"));
    assert!(number("/detail/1") <= number("/detail/2"));
    for chart in ["/charts/0", "/charts/1", "/charts/2"] {
        assert!(number(chart) > 10.0, "{result}");
    }
    assert!(number("/point/1") > 0.0);
    assert_eq!(result["health"], "healthy");
    assert_eq!(result["unknown"], "NOT_FOUND");
    // The limit of dev, minus the requests for the prices, the detail, the unknown symbol and the key.
    assert_eq!(result["remaining"], 50 - 4);
}
