//! Headless Chromium, driven over the pipe of its `DevTools` protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>): each message is JSON and ends with a zero
//! byte.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use xtask::child;
use xtask::tools::CHROMIUM;

use crate::http::eventually;
use crate::tools;

/// The time limit for one message from Chromium, and for one condition that a test waits for.
const LIMIT: Duration = Duration::from_mins(1);

/// The shell script that starts Chromium, which reads calls from file descriptor 3 and writes
/// answers to file descriptor 4.
const START_SCRIPT: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A window's size in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    /// Whether Chromium emulates a mobile device.
    pub mobile: bool,
}

/// A browser with one window.
pub struct Browser {
    calls: ChildStdin,
    answers: BufReader<ChildStdout>,
    last_id: u64,
    session: Option<String>,
    events: Vec<Value>,
    _child: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium and opens a window.
    ///
    /// Returns `None` on a machine without Chromium, after one line on stderr. The test must then
    /// be skipped.
    ///
    /// # Panics
    ///
    /// If `CI` is set and Chromium is missing, because a pipeline must not pass by skipping, or if
    /// Chromium does not start.
    pub async fn start(screen: Screen) -> Option<Self> {
        if !tools::is_available(&CHROMIUM, "the local page") {
            return None;
        }
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::from(child::command("sh"))
            .args([
                "-c",
                START_SCRIPT,
                CHROMIUM.name,
                "--headless=new",
                "--remote-debugging-pipe",
            ])
            // Root cannot use Chromium's sandbox. The tests do not need it: the only page is our own.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking"])
            // Every server is on this machine and has a certificate of an authority that Chromium does
            // not know.
            .args(["--no-proxy-server", "--ignore-certificate-errors"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starting Chromium");
        let mut browser = Browser {
            calls: child.stdin.take().expect("stdin is piped"),
            answers: BufReader::new(child.stdout.take().expect("stdout is piped")),
            last_id: 0,
            session: None,
            events: Vec::new(),
            _child: child,
            _profile: profile,
        };
        let target = json!({"url": "about:blank"});
        let target = browser.call("Target.createTarget", target).await["targetId"].take();
        let attach = json!({"targetId": target, "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Log", "Network", "Page", "Runtime"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        let metrics = json!({
            "width": screen.width,
            "height": screen.height,
            "deviceScaleFactor": 1,
            "mobile": screen.mobile,
        });
        browser
            .call("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        Some(browser)
    }

    /// Calls a method of the protocol and returns its result.
    ///
    /// # Panics
    ///
    /// If the method fails or does not answer in time.
    pub async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut call = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let text = format!("{call}\0");
        self.calls.write_all(text.as_bytes()).await.expect(method);
        loop {
            let mut answer = Vec::new();
            let read = self.answers.read_until(0, &mut answer);
            let read = timeout(LIMIT, read).await.expect(method).expect(method);
            assert!(read > 0, "{method}: Chromium ended");
            answer.pop();
            let mut answer: Value = serde_json::from_slice(&answer).expect(method);
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    pub async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url})).await;
    }

    /// Sets the colour scheme that the user prefers: `light` or `dark`.
    pub async fn set_colour_scheme(&mut self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"features": [feature]});
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Returns the value of a JavaScript expression.
    ///
    /// # Panics
    ///
    /// If the expression throws.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let mut result = self.call("Runtime.evaluate", parameters).await;
        assert!(
            result.get("exceptionDetails").is_none(),
            "{expression}: {result}"
        );
        result["result"]["value"].take()
    }

    /// Waits until a JavaScript expression is true. An expression that throws counts as false,
    /// because the page may still be loading.
    pub async fn wait_until(&mut self, expression: &str) {
        let guarded =
            format!("(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()");
        eventually(expression, LIMIT, async || {
            (self.evaluate(&guarded).await == true).then_some(())
        })
        .await;
    }

    /// Clicks the first element that matches a CSS selector.
    pub async fn click(&mut self, selector: &str) {
        self.evaluate(&format!("document.querySelector({selector:?}).click()"))
            .await;
    }

    /// Lists uncaught exceptions, errors in the console, and requests to other origins than
    /// `origin`. Ignores failed loads of the URL `may_fail`.
    pub fn problems(&self, origin: &str, may_fail: &str) -> Vec<String> {
        let problem = |event: &Value| {
            let parameters = &event["params"];
            let is_problem = match event["method"].as_str()? {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => parameters["type"] == "error",
                "Log.entryAdded" => {
                    let url = parameters["entry"]["url"].as_str().unwrap_or_default();
                    let is_expected = parameters["entry"]["source"] == "network" && url == may_fail;
                    parameters["entry"]["level"] == "error" && !is_expected
                }
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    !url.starts_with(origin) && !url.starts_with("data:")
                }
                _ => false,
            };
            is_problem.then(|| parameters.to_string())
        };
        self.events.iter().filter_map(problem).collect()
    }
}
