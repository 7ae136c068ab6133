//! Tests of the local stack for a phone or a watch: `--host` and `--https`.

use std::fs;

use cfn::Sha256Digest;
use nix::sys::signal::Signal;
use reqwest::Method;
use reqwest::tls::TlsInfo;
use rqrr::PreparedImage;
use tests::http;
use tests::local_stack::{LocalStack, Service, command, run};
use tokio::net::TcpStream;

/// The options with which the stack listens on every address of this machine, with TLS.
const NETWORK: [&str; 3] = ["--host", "0.0.0.0", "--https"];

/// An address for documentation, which no machine has (RFC 5737).
const FOREIGN_ADDRESS: &str = "203.0.113.1";

#[tokio::test]
async fn host_with_a_foreign_address_causes_an_error_that_lists_usable_addresses() {
    let output = run(["local", "--port", "0", "--host", FOREIGN_ADDRESS]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let error =
        format!("error: could not listen on {FOREIGN_ADDRESS}: this machine has no such address\n");
    assert!(stderr.starts_with(&error), "{stderr}");
    assert!(
        stderr.contains("hint: pass --host with 0.0.0.0"),
        "{stderr}"
    );
    assert!(stderr.contains("127.0.0.1"), "{stderr}");
    for invalid in ["localhost", "192.168.1", "192.168.1.5:3000", ""] {
        let output = run(["local", "--port", "0", "--host", invalid]).await;
        assert_eq!(output.status.code(), Some(2), "{invalid}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_can_use_every_name_of_the_stack() {
    let stack = LocalStack::start(&NETWORK).await;
    let port = stack.url.rsplit(':').next().unwrap();
    let certificate = stack.certificate.clone().unwrap();
    let trusting = http::client_that_trusts(&certificate);
    for name in [&*stack.url, "https://localhost", "https://127.0.0.1"] {
        let base = name.trim_end_matches(&format!(":{port}"));
        let url = format!("{base}:{port}/prices/BTC");
        let refused = http::send(&trusting, Method::GET, &url, &[]).await;
        assert_eq!(refused.status, 401, "the key is required: {url}");
        let key = [("X-API-Key", &*stack.api_key)];
        let answer = http::send(&trusting, Method::GET, &url, &key).await;
        assert_eq!(answer.status, 200, "{url}");
    }
    let distrusting = http::client().get(format!("{}/health", stack.url));
    let error = distrusting.send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");

    let response = trusting.get(format!("{}/health", stack.url)).send().await;
    let response = response.unwrap();
    let info = response.extensions().get::<TlsInfo>().unwrap();
    let digest = Sha256Digest::of(info.peer_certificate().unwrap()).to_string();
    let printed = stack.fingerprint.clone().unwrap();
    assert_eq!(printed.replace(':', "").to_lowercase(), digest);

    let download = stack
        .send(Method::GET, "/_local/certificate.crt", &[])
        .await;
    assert_eq!(download.text, fs::read_to_string(&certificate).unwrap());
    assert!(!download.text.contains("PRIVATE KEY"));
    stack.service.stop(Signal::SIGTERM).await;
    assert!(!certificate.exists(), "the certificate was not deleted");
}

#[tokio::test]
async fn a_client_that_starts_no_tls_handshake_does_not_delay_other_clients() {
    let stack = LocalStack::start(&["--https"]).await;
    let address = stack.url.trim_start_matches("https://");
    let _silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(stack.get("/prices/BTC").await.status, 200);
}

#[tokio::test]
async fn with_host_the_page_requires_the_token_in_its_url() {
    let stack = LocalStack::start(&NETWORK).await;
    let path = stack.page_url.strip_prefix(&stack.url).unwrap();
    let page = stack.send(Method::GET, path, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains(&stack.api_key), "{}", page.text);

    let with_key = format!("/_local/?token={}", stack.api_key);
    let browser = [("Accept", "text/html")];
    for path in ["/", "/_local", "/_local/", "/_local/?token=", &with_key] {
        let refused = stack.send(Method::GET, path, &browser).await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.text.contains("needs its token"), "{}", refused.text);
        assert!(!refused.text.contains("cw_"), "{}", refused.text);
    }
    for path in ["api/state", "api/table"] {
        let path = format!("/_local/{path}");
        let refused = stack.send(Method::GET, &path, &[]).await;
        assert_eq!(refused.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_page_can_control_the_stack_only_at_an_address_of_this_machine() {
    let stack = LocalStack::start(&NETWORK).await;
    let (_, token) = stack.page_url.split_once("?token=").unwrap();
    let token = ("X-Local-Token", token);
    let update = "/_local/api/update";
    let port = stack.url.rsplit(':').next().unwrap();
    for (host, status) in [
        (&*format!("127.0.0.1:{port}"), 200),
        (&*format!("localhost:{port}"), 200),
        (stack.url.trim_start_matches("https://"), 200),
        (&*format!("{FOREIGN_ADDRESS}:{port}"), 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        let origin = format!("https://{host}");
        let headers = [token, ("Host", host), ("Origin", &origin)];
        let answer = stack.send(Method::POST, update, &headers).await;
        assert_eq!(answer.status, status, "{host}");
    }
    let plain = stack.url.replace("https://", "http://");
    let answer = stack
        .send(Method::POST, update, &[token, ("Origin", &plain)])
        .await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn the_terminal_shows_the_fingerprint_and_a_qr_code_that_opens_the_page() {
    let mut arguments = vec!["local", "--port", "0"];
    arguments.extend(NETWORK);
    let mut service = Service::start(command(&arguments));
    let mut text = Vec::new();
    while text
        .last()
        .is_none_or(|line: &String| !line.starts_with("Scan this code"))
    {
        text.push(service.line().await.unwrap());
    }
    let page = text
        .iter()
        .find_map(|line| line.strip_prefix("  Page     "));
    // Colons separate the 32 bytes of a SHA-256 fingerprint.
    let fingerprint = text.iter().find(|line| line.matches(':').count() == 31);
    assert!(fingerprint.is_some(), "{text:#?}");
    let curl = text.iter().filter(|line| line.contains("curl --cacert /"));
    assert_eq!(curl.count(), 4, "{text:#?}");

    assert_eq!(service.line().await.unwrap(), "");
    let mut code = Vec::new();
    loop {
        let line = service.line().await.unwrap();
        if line.is_empty() {
            break;
        }
        code.push(line.chars().collect::<Vec<_>>());
    }
    // With three lines of text, the code fits into a terminal of 60 columns and 30 lines.
    let (width, height) = (code[0].len(), code.len());
    assert!(width <= 60 && height <= 27, "{width} x {height}");
    // The characters draw the light modules of the QR code. Each module gets 4 x 4 pixels.
    let is_light = |x: usize, y: usize| match code[y / 8][x / 4] {
        '█' => true,
        '▀' => y % 8 < 4,
        '▄' => y % 8 >= 4,
        _ => false,
    };
    let pixel = |x, y| if is_light(x, y) { 255 } else { 0 };
    let mut image = PreparedImage::prepare_from_greyscale(width * 4, height * 8, pixel);
    let (_, decoded) = image.detect_grids()[0].decode().unwrap();
    assert_eq!(Some(&*decoded), page);
}
