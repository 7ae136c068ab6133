//! Settings of the machine that runs a command: variables, profiles, certificates and
//! proxies.

use std::fs;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tests::scripted::{Answer, Scripted};
use tests::xtask::{self, Run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::assert_outcome;
use crate::scripts::{self, CALLER, stack};

const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");
/// Nothing listens on port 9, the port of the discard service.
pub(crate) const NOTHING_LISTENS: &str = "http://user:secret@127.0.0.1:9";

const STACK: Answer = stack!("DescribeStacks" => "crypto-watch-dev", "UPDATE_COMPLETE",
    "<Outputs><member><OutputKey>ApiEndpoint</OutputKey><OutputValue>https://a</OutputValue></member></Outputs>");

async fn outputs(endpoint: &str, more: &[&str], environment: &[(&str, &str)]) -> Run {
    let arguments = ["outputs", "--env", "dev", "--endpoint-url", endpoint];
    xtask::run(&[&arguments, more].concat(), environment).await
}

#[track_caller]
fn assert_failed(run: &Run, error: &str, hint: &str) {
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains(error), "{error}: {}", run.stderr);
    assert!(run.stderr.contains(hint), "{hint}: {}", run.stderr);
}

#[tokio::test]
async fn credentials_with_a_line_break_are_refused() {
    let endpoint = Scripted::start(&[STACK]).await;
    for (variable, part) in [
        ("AWS_ACCESS_KEY_ID", "access key id"),
        ("AWS_SECRET_ACCESS_KEY", "secret access key"),
    ] {
        for end in ["\n", "\r", " "] {
            let value = format!("AKIDEXAMPLE{end}");
            let environment = [
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                (variable, &value),
            ];
            let refused = outputs(endpoint.url(), &[], &environment).await;
            let error = format!(
                "error: nothing was done: the {part} of environment (AWS_ACCESS_KEY_ID) ends with a space or a line break\n"
            );
            assert_failed(&refused, &error, "hint: set the value again");
        }
    }
    // The SDK trims a session token, so a line break at its end is no error.
    let environment = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "a\nb"),
    ];
    let refused = outputs(endpoint.url(), &[], &environment).await;
    let error = "the session token of environment (AWS_ACCESS_KEY_ID) has an invalid character\n";
    assert_failed(&refused, error, "hint: set the value again");
    assert!(endpoint.all_requests().is_empty());
}

#[tokio::test]
async fn a_blank_region_counts_as_not_set_and_an_invalid_region_is_refused() {
    let endpoint = Scripted::start(&[STACK]).await;
    for blank in ["", " ", "\n"] {
        let found = outputs(
            endpoint.url(),
            &["--region", blank],
            &[("AWS_REGION", blank)],
        )
        .await;
        assert_eq!(found.code, 0, "{}", found.stderr);
    }
    for misspelt in ["eu_central_1", "EU (Frankfurt)"] {
        let error = format!("error: nothing was done: AWS_REGION is {misspelt}: a region's name");
        let refused = outputs(endpoint.url(), &[], &[("AWS_REGION", misspelt)]).await;
        assert_failed(&refused, &error, "hint: pass --region NAME");
    }
    let credentials = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", ""),
        ("AWS_DEFAULT_REGION", " "),
    ];
    let refused = xtask::run(&["outputs", "--env", "dev"], &credentials).await;
    assert_failed(
        &refused,
        "error: no AWS region is set\n",
        "hint: pass --region NAME",
    );
}

/// Writes a shared AWS config file. Returns its folder, which is deleted on drop, and its path.
fn configuration(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[tokio::test]
async fn destroy_names_the_source_of_the_credentials() {
    let keys = "aws_access_key_id = id\naws_secret_access_key = secret\n";
    let (_folder, config) = configuration(&format!("[profile other]\n{keys}[profile ops]\n{keys}"));
    let keys = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let other = [("AWS_PROFILE", "other")];
    for (more, variables, source) in [
        (&["--profile", "ops"][..], &keys[..], "profile ops"),
        (&["--profile", "ops"], &other, "profile ops"),
        (&[], &keys, "environment (AWS_ACCESS_KEY_ID)"),
    ] {
        let endpoint = Scripted::start(&[CALLER]).await;
        let environment = [&[("AWS_CONFIG_FILE", &*config), REGION], variables].concat();
        let arguments = [
            "destroy",
            "--env",
            "dev",
            "--expect-account",
            "444455556666",
        ];
        let arguments = [&arguments[..], &["--endpoint-url", endpoint.url()], more].concat();
        let refused = xtask::run(&arguments, &environment).await;
        let line = format!("\ncredentials  {source}\n");
        assert_failed(
            &refused,
            &line,
            &format!("; these credentials come from: {source}\n"),
        );
    }
    // `AWS_PROFILE` is used only without `--endpoint-url`.
    let endpoint = Scripted::start(&[CALLER]).await;
    let environment = [
        ("AWS_CONFIG_FILE", &*config),
        ("AWS_ENDPOINT_URL", endpoint.url()),
        ("AWS_PROFILE", "other"),
        REGION,
    ];
    let arguments = [
        "destroy",
        "--env",
        "dev",
        "--expect-account",
        "444455556666",
    ];
    let refused = xtask::run(&arguments, &environment).await;
    assert_failed(&refused, "\ncredentials  profile other\n", "hint: ");
}

#[tokio::test]
async fn an_unusable_profile_is_refused_with_the_reason() {
    let source =
        "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = gone\n";
    let (_folder, config) = configuration(source);
    let ops = ["--profile", "ops"];
    for (more, variable) in [(&ops[..], None), (&[], Some(("AWS_PROFILE", "ops")))] {
        let mut environment = vec![("AWS_CONFIG_FILE", &*config), REGION];
        environment.extend(variable);
        let arguments = [&["outputs", "--env", "dev"], more].concat();
        let refused = xtask::run(&arguments, &environment).await;
        let error = "error: no usable AWS credentials were found: profile `gone` was not defined";
        assert_failed(&refused, error, "hint: ");
    }
    let (_folder, config) = configuration("[profile ops]\nregion = eu-central-1\nno value here\n");
    let environment = [("AWS_CONFIG_FILE", &*config), REGION];
    let refused = xtask::run(&["outputs", "--env", "dev"], &environment).await;
    let error = format!(
        "error: nothing was done: the AWS configuration cannot be read: error parsing {config} on line 3: "
    );
    assert_failed(&refused, &error, "hint: correct the file");
}

#[tokio::test]
async fn an_emulator_endpoint_for_only_some_services_is_refused() {
    let endpoint = Scripted::start(&[CALLER]).await;
    let section = format!(
        "[profile ops]\naws_access_key_id = id\naws_secret_access_key = secret\nservices = here\n\
         [services here]\nsts =\n  endpoint_url = {}\n",
        endpoint.url()
    );
    let (_folder, config) = configuration(&section);
    let profile = [
        ("AWS_CONFIG_FILE", &*config),
        ("AWS_PROFILE", "ops"),
        REGION,
    ];
    let variable = [
        ("AWS_ENDPOINT_URL_STS", endpoint.url()),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        REGION,
    ];
    for environment in [&profile[..], &variable] {
        let refused = xtask::run(&["destroy", "--env", "dev", "--yes"], environment).await;
        let error = "error: nothing was done: the environment or the profile sends STS to this machine, and CloudFormation to AWS\n";
        assert_failed(&refused, error, "hint: pass --endpoint-url URL");
    }
    assert!(endpoint.all_requests().is_empty());
}

#[tokio::test]
async fn missing_certificates_are_reported_and_an_emulator_needs_none() {
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    let https = "https://127.0.0.1:9";
    for certificates in [
        [("SSL_CERT_FILE", "/no/such/file"), ("SSL_CERT_DIR", "")],
        [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", empty)],
    ] {
        let refused = outputs(https, &[], &certificates).await;
        let error = "error: there are no root certificates to verify AWS's certificate: ";
        assert_failed(&refused, error, "hint: install the package ca-certificates");
        let endpoint = Scripted::start(&[STACK]).await;
        let found = outputs(endpoint.url(), &[], &certificates).await;
        assert_eq!(found.code, 0, "{}", found.stderr);
    }
    for bundle in ["/no/such/file", "/dev/null"] {
        let refused = outputs(https, &[], &[("AWS_CA_BUNDLE", bundle)]).await;
        let error = format!("error: no certificates could be read from {bundle} (AWS_CA_BUNDLE): ");
        assert_failed(&refused, &error, "hint: set ");
    }
}

/// Starts a server with a self-signed certificate that answers every request with this body.
/// Returns its URL and the certificate as PEM.
pub(crate) async fn tls_server(body: &'static str) -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // A client that does not trust the certificate closes the connection.
            if let Ok(mut connection) = acceptor.accept(connection).await {
                let _ = connection.read(&mut [0; 8_192]).await;
                let response = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = connection.write_all(response.as_bytes()).await;
                let _ = connection.shutdown().await;
            }
        }
    });
    (format!("https://localhost:{port}"), cert.pem())
}

#[tokio::test]
async fn each_certificate_setting_is_used() {
    let (url, certificate) = tls_server(STACK.body).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bundle = path("bundle.pem");
    fs::write(&bundle, certificate).unwrap();
    let config = path("config");
    let profile = format!(
        "[profile ops]\nca_bundle = {bundle}\naws_access_key_id = id\naws_secret_access_key = secret\n"
    );
    fs::write(&config, profile).unwrap();
    let ops = ["--profile", "ops"];
    for (more, variable) in [
        (&[][..], ("AWS_CA_BUNDLE", &*bundle)),
        (&[], ("SSL_CERT_FILE", &bundle)),
        (&ops, ("AWS_CONFIG_FILE", &config)),
    ] {
        let found = outputs(&url, more, &[variable, REGION]).await;
        assert_eq!(found.code, 0, "{variable:?}: {}", found.stderr);
        assert!(found.stdout.contains("https://a"), "{}", found.stdout);
    }
    let refused = outputs(&url, &[], &[]).await;
    let error = format!(
        "error: could not read the stack crypto-watch-dev: AWS could not be reached at {}: its certificate is signed by an authority that this machine does not trust\n",
        url.trim_start_matches("https://")
    );
    assert_failed(
        &refused,
        &error,
        "hint: behind a proxy with its own certificates",
    );
}

#[tokio::test]
async fn a_proxy_is_named_without_its_password() {
    let proxy = [("HTTPS_PROXY", NOTHING_LISTENS), REGION];
    let refused = outputs("https://vpce-1.example.com", &[], &proxy).await;
    let error =
        "AWS could not be reached at vpce-1.example.com through the proxy http://127.0.0.1:9: ";
    assert_failed(
        &refused,
        error,
        "hint: check the network and the proxy (HTTPS_PROXY, NO_PROXY)",
    );
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);

    let unusable = [("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:9"), REGION];
    let refused = outputs("https://vpce-1.example.com", &[], &unusable).await;
    let error = "error: nothing was done: HTTPS_PROXY names a SOCKS proxy, which this command does not support\n";
    assert_failed(&refused, error, "hint: set HTTPS_PROXY to http://HOST:PORT");
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

#[tokio::test]
async fn an_emulator_and_its_api_bypass_the_proxy() {
    let proxy = [
        ("HTTP_PROXY", NOTHING_LISTENS),
        ("http_proxy", NOTHING_LISTENS),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
    ];
    let endpoint = scripts::prod(&[]).await;
    let arguments = [&scripts::prod_arguments(&endpoint)[..], &["--yes"]].concat();
    let deployed = xtask::run(&arguments, &proxy).await;
    assert_outcome(&deployed, 0, "deployed");
}

#[tokio::test]
async fn a_connection_closed_without_a_response_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 8_192]).await;
        }
    });
    let refused = outputs(&url, &[], &[]).await;
    let error = format!(
        "error: could not read the stack crypto-watch-dev: AWS could not be reached at {}: connection closed before message completed\n",
        url.trim_start_matches("http://")
    );
    assert_failed(&refused, &error, "hint: check the network");
}

/// The variables that the commands, the AWS SDK or its dependencies read.
const VARIABLES: &[&str] = &[
    "ALL_PROXY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION",
    "AWS_DEFAULTS_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "AWS_EXECUTION_ENV",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_SDK_UA_APP_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "_X_AMZN_TRACE_ID",
];

/// Values that a shell or a CI system may set.
const VALUES: &[&str] = &["", " ", "x\n", "\u{1b}[2J\u{e9}", "http://[", "-1"];

#[tokio::test]
async fn no_value_of_a_variable_causes_a_panic_or_a_debug_dump() {
    let endpoint = Scripted::start(&[STACK]).await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        // No request may leave this machine, whatever the variables are.
        ("AWS_ENDPOINT_URL", endpoint.url()),
        REGION,
    ];
    for variable in VARIABLES {
        for value in VALUES {
            let environment = [&environment[..], &[(variable, value)]].concat();
            let with_option = outputs(endpoint.url(), &[], &environment).await;
            assert_readable(&with_option, variable, value);
            // A run without `--endpoint-url` needs a valid `AWS_ENDPOINT_URL`, or its request would
            // go to AWS.
            if *variable != "AWS_ENDPOINT_URL" {
                let run = xtask::run(&["outputs", "--env", "dev"], &environment).await;
                assert_readable(&run, variable, value);
            }
        }
    }
}

#[track_caller]
fn assert_readable(run: &Run, variable: &str, value: &str) {
    let stderr = &run.stderr;
    let case = format!("{variable}={value:?}: {stderr}");
    assert!((0..=1).contains(&run.code), "{} {case}", run.code);
    for debug_output in [
        "panicked",
        "Error {",
        "Some(",
        "Failure(",
        "Failure {",
        "source: ",
    ] {
        assert!(!stderr.contains(debug_output), "{debug_output} {case}");
    }
    if run.code == 1 {
        assert!(stderr.starts_with("error: "), "{case}");
        assert!(stderr.contains("\nhint: "), "{case}");
    }
}
