//! Tests of the page of the local stack: over HTTP, and in a real browser at two sizes.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tests::browser::{Browser, Screen};
use tests::http::{client, eventually};
use tests::local_stack::LocalStack;
use xtask::workspace;

/// The `Accept` header of a browser that opens a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// `cargo xtask test screenshots` sets this variable, so that the tests write the screenshots in docs/.
const SCREENSHOTS: &str = "SCREENSHOTS";

const DESKTOP: Screen = Screen {
    width: 1200,
    height: 900,
    mobile: false,
};
const PHONE: Screen = Screen {
    width: 390,
    height: 844,
    mobile: true,
};

/// Returns the token in the page's HTML.
pub(crate) async fn token(stack: &LocalStack) -> String {
    let html = stack.send(Method::GET, "/_local/", &[]).await.text;
    let (_, rest) = html.split_once(r#"name="token" content=""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_root_redirects_only_a_browser_to_the_page() {
    let stack = LocalStack::start(&[]).await;
    let page = stack.send(Method::GET, "/_local/", &[]).await;
    assert_eq!(page.status, 200);
    let browser = stack.send(Method::GET, "/", &[("Accept", BROWSER)]).await;
    // The client follows the redirect.
    assert_eq!(browser.status, 200);
    assert_eq!(browser.header("content-type"), page.header("content-type"));
    for headers in [
        &[][..],
        &[("Accept", "*/*")],
        &[("Accept", "application/json")],
    ] {
        let other = stack.send(Method::GET, "/", headers).await;
        let code = &other.json()["code"];
        assert_eq!(
            (other.status, code),
            (404, &json!("NOT_FOUND")),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn another_site_can_neither_read_nor_control_the_stack() {
    let stack = LocalStack::start(&[]).await;
    let token = token(&stack).await;
    let with_token = ("X-Local-Token", token.as_str());
    let update = "/_local/api/update";
    let accepted = stack.send(Method::POST, update, &[with_token]).await;
    assert_eq!(accepted.status, 200);
    let origin = stack.url.clone();
    let same_origin = [with_token, ("Origin", &origin)];
    let accepted = stack.send(Method::POST, update, &same_origin).await;
    assert_eq!(accepted.status, 200);

    for (headers, status) in [
        (&[][..], 403),
        (&[("X-Local-Token", "")], 403),
        (&[("X-Local-Token", "cw_wrong")], 403),
        (&[with_token, ("Origin", "https://evil.example")], 403),
        (&[with_token, ("Origin", "null")], 403),
        (&[with_token, ("Host", "evil.example")], 421),
        (&[with_token, ("Host", "127.0.0.1.evil.example:3000")], 421),
    ] {
        for (method, path) in [
            (Method::POST, update),
            (Method::POST, "/_local/api/fault"),
            (Method::GET, "/_local/api/state"),
            (Method::GET, "/_local/api/table"),
        ] {
            let answer = stack.send(method, path, headers).await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    // The page contains the token and the API key, so DNS rebinding must not reach the page.
    let rebound = [("Host", "evil.example")];
    assert_eq!(
        stack.send(Method::GET, "/_local/", &rebound).await.status,
        421
    );
    let preflight_headers = [
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let preflight = stack
        .send(Method::OPTIONS, update, &preflight_headers)
        .await;
    assert_eq!(preflight.header("access-control-allow-origin"), None);
}

/// Sends a request to an endpoint of the page's own API, as the page does.
pub(crate) async fn call_page_api(
    stack: &LocalStack,
    token: &str,
    endpoint: &str,
    body: Option<Value>,
) -> Value {
    let url = format!("{}/_local/api/{endpoint}", stack.url);
    let client = client();
    let request = match body {
        Some(body) => client.post(url).json(&body),
        None => client.get(url),
    };
    let response = request.header("X-Local-Token", token).send().await.unwrap();
    assert_eq!(response.status(), 200, "{endpoint}");
    response.json().await.unwrap()
}

#[tokio::test]
async fn an_update_from_the_page_has_the_faults_that_the_page_switched_on() {
    let stack = LocalStack::start(&["--every", "1h"]).await;
    let token = token(&stack).await;
    for provider in ["first", "second"] {
        let switch = json!({"provider": provider, "fault": "server-error", "on": true});
        let state = call_page_api(&stack, &token, "fault", Some(switch)).await;
        assert_eq!(state["faults"][provider], json!(["server-error"]));
    }
    call_page_api(&stack, &token, "update", Some(json!({}))).await;
    let failed = eventually("a failed update", Duration::from_secs(30), async || {
        let state = call_page_api(&stack, &token, "state", None).await;
        let all = state["invocations"].as_array().cloned().unwrap();
        // The newest event is the first.
        let last = all.into_iter().find(|event| event["function"] == "update");
        last.filter(|last| !last["outcome"].is_null() && last["outcome"] != "ok")
    });
    let lines = failed.await["lines"].to_string();
    assert!(lines.contains("500"), "{lines}");
}

#[tokio::test]
async fn the_page_shows_the_table_calls_of_each_event() {
    let stack = LocalStack::start(&["--every", "1h"]).await;
    let token = token(&stack).await;
    assert_eq!(stack.get("/prices/ETH").await.status, 200);
    let state = call_page_api(&stack, &token, "state", None).await;
    let events = state["invocations"].as_array().unwrap();
    for (name, value, operation) in [
        ("request", "GET /prices/ETH", "GetItem: 200, "),
        ("function", "update", "TransactWriteItems: 200, "),
    ] {
        let event = events.iter().find(|event| event[name] == value).unwrap();
        let calls = event["calls"].as_array().unwrap();
        let has_call = |call: &Value| call.as_str().unwrap().starts_with(operation);
        assert!(calls.iter().any(has_call), "{event}");
    }
}

#[tokio::test]
async fn the_view_of_the_table_has_no_hash_of_a_secret() {
    let stack = LocalStack::start(&[]).await;
    let token = token(&stack).await;
    let headers = [("X-Local-Token", token.as_str())];
    let table = stack.send(Method::GET, "/_local/api/table", &headers).await;
    assert!(table.text.contains("APIKEY"), "{}", table.text);
    assert!(!table.text.contains("secretHash"), "{}", table.text);
}

#[tokio::test]
async fn the_page_works_in_a_browser_on_a_desktop() {
    use_page(DESKTOP, &[], "local-page-desktop.webp").await;
}

#[tokio::test]
async fn the_page_works_in_a_browser_on_a_phone() {
    use_page(
        PHONE,
        &["--host", "0.0.0.0", "--https"],
        "local-page-phone.webp",
    )
    .await;
}

/// Uses every tab of the page. `network` has the options with which other devices can connect.
async fn use_page(screen: Screen, network: &[&str], screenshot: &str) {
    let Some(mut browser) = Browser::start(screen).await else {
        return;
    };
    let short_limits = [
        "--every",
        "2s",
        "--set",
        "CACHE_TTL_SECONDS=6",
        "--set",
        "STALE_GRACE_SECONDS=0",
        "--set",
        "MAX_PRICE_AGE_SECONDS=8",
        "--set",
        "PROCESS_CACHE_SECONDS=0",
    ];
    let stack = LocalStack::start(&[&short_limits, network].concat()).await;
    let opened = if network.is_empty() {
        &stack.url
    } else {
        &stack.page_url
    };
    browser.open(opened).await;
    let coins = contract::catalogue::COINS.len();
    browser
        .wait_until(&format!(
            "document.querySelectorAll('#price-rows tr').length === {coins}"
        ))
        .await;
    browser
        .wait_until("document.getElementById('health').textContent.includes('200 healthy')")
        .await;
    browser
        .wait_until("document.querySelectorAll('#price-rows polyline').length > 0")
        .await;
    browser
        .wait_until("/^[0-9]+ bytes/.test(document.getElementById('face-bytes').textContent)")
        .await;
    let price = "document.querySelector('#price-rows .price').textContent";
    let first = browser.evaluate(price).await;
    browser.click("#update").await;
    browser.wait_until(&format!("{price} !== {first}")).await;
    wait_until_page_fits(&mut browser).await;
    assert_readable(&mut browser).await;
    if std::env::var_os(SCREENSHOTS).is_some() {
        let form = json!({"format": "webp", "quality": 60});
        let image = browser.call("Page.captureScreenshot", form).await;
        let image = STANDARD.decode(image["data"].as_str().unwrap()).unwrap();
        fs::write(workspace::root().join("docs").join(screenshot), image).unwrap();
    }

    use_console(&mut browser).await;
    open_reference(&mut browser).await;
    simulate_outage(&mut browser).await;

    // Chromium reports each 503 of `/health` as a failed load.
    let health = format!("{}/health", stack.url);
    let problems = browser.problems(&stack.url, &health);
    assert!(problems.is_empty(), "{problems:#?}");
}

/// A JavaScript expression that returns the texts with too little contrast, and the luminance of the
/// page's background. The minimum contrast is 4.5, that of level AA of WCAG 2.2
/// (<https://www.w3.org/TR/WCAG22/#contrast-minimum>).
const CONTRASTS: &str = r"(() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const linear = (byte) => byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const background = (element) => {
    const color = channels(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? background(element.parentElement) : color;
  };
  const contrast = (element) => {
    const both = [channels(getComputedStyle(element).color), background(element)].map(luminance);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  };
  const hasText = (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim();
  const texts = [...document.querySelectorAll('body :not(svg *)')].filter((element) =>
    element.checkVisibility() && [...element.childNodes].some(hasText));
  const faint = texts.filter((element) => contrast(element) < 4.5);
  return {
    texts: texts.length,
    faint: faint.map((element) => `${contrast(element)} ${element.outerHTML}`),
    background: luminance(background(document.body)),
  };
})()";

/// Asserts that every text has enough contrast in both colour schemes. Leaves the page in the light
/// scheme.
async fn assert_readable(browser: &mut Browser) {
    for (scheme, luminances) in [("dark", 0.0..0.1), ("light", 0.8..1.0)] {
        browser.set_colour_scheme(scheme).await;
        let result = browser.evaluate(CONTRASTS).await;
        assert!(result["texts"].as_u64() > Some(10), "{scheme}: {result}");
        let background = result["background"].as_f64().unwrap();
        assert!(luminances.contains(&background), "{scheme}: {result}");
        assert_eq!(result["faint"], json!([]), "{scheme}");
    }
}

async fn use_console(browser: &mut Browser) {
    browser.click("nav a[href='#console']").await;
    browser
        .evaluate(
            "document.querySelector('[name=parameters]').value = 'include=detail&currency=EUR'",
        )
        .await;
    browser.click("#request button").await;
    browser
        .wait_until("document.getElementById('response-status').textContent.startsWith('200')")
        .await;
    browser
        .wait_until(
            "JSON.parse(document.getElementById('response-body').textContent).data[0].chart24h",
        )
        .await;
    browser
        // Two formats, each decompressed and as sent.
        .wait_until("document.querySelectorAll('#response-bytes tr').length === 4")
        .await;
    browser
        .wait_until(
            "document.getElementById('response-headers').textContent.includes('ratelimit-limit')",
        )
        .await;
    assert_readable(browser).await;
    browser
        .wait_until("document.getElementById('curl').textContent.startsWith('curl ')")
        .await;
    wait_until_page_fits(browser).await;
}

async fn open_reference(browser: &mut Browser) {
    // The viewer of the reference reads the colour scheme only when the viewer opens.
    browser.set_colour_scheme("dark").await;
    browser.click("nav a[href='#reference']").await;
    let document = "document.getElementById('viewer').contentDocument";
    browser
        .wait_until(&format!(
            "{document}.body.innerText.includes('/prices/{{symbol}}')"
        ))
        .await;
    let style = "getComputedStyle(document.getElementById('viewer').contentDocument.body)";
    let is_dark = format!("{style}.backgroundColor.match(/[0-9]+/g).every((part) => part < 80)");
    browser.wait_until(&is_dark).await;
    browser.set_colour_scheme("light").await;
    wait_until_page_fits(browser).await;
}

/// Opens the tab `Inside`, makes both providers of the feed fail, and lets them recover.
async fn simulate_outage(browser: &mut Browser) {
    browser.click("nav a[href='#inside']").await;
    browser
        .wait_until("document.getElementById('keys').innerText.includes('local')")
        .await;
    browser
        .wait_until("document.getElementById('invocations').textContent.includes('GET /prices')")
        .await;
    browser
        .wait_until("document.getElementById('kinds').textContent.includes('PRICE HISTORY')")
        .await;
    browser
        // The local stack evaluates five of prod's alarms.
        .wait_until("document.querySelectorAll('#alarms .good').length === 5")
        .await;
    wait_until_page_fits(browser).await;
    assert_readable(browser).await;
    browser.click("[name=first-server-error]").await;
    browser.click("[name=second-server-error]").await;
    browser.click("nav a[href='#prices']").await;
    browser
        .wait_until("document.querySelectorAll('#price-rows .stale').length > 0")
        .await;
    browser
        .wait_until("document.getElementById('health').textContent.includes('503 unhealthy')")
        .await;
    browser
        .wait_until("document.getElementById('face').textContent.includes('old')")
        .await;
    browser.click("[name=first-server-error]").await;
    browser.click("[name=second-server-error]").await;
    browser
        .wait_until("document.querySelectorAll('#price-rows .stale').length === 0")
        .await;
    browser
        .wait_until("document.getElementById('health').textContent.includes('200 healthy')")
        .await;
}

async fn wait_until_page_fits(browser: &mut Browser) {
    browser
        .wait_until("document.documentElement.scrollWidth <= innerWidth")
        .await;
}
