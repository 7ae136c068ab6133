//! Between a command and its AWS endpoint: which actions it asks for, by the
//! names that IAM has for them.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running recorder.
pub struct Recorder {
    url: String,
    actions: Arc<Mutex<BTreeSet<String>>>,
    server: JoinHandle<()>,
}

impl Recorder {
    /// Passes every request on to the endpoint at `url`.
    ///
    /// # Panics
    ///
    /// When no port is free, or that is no URL of this machine.
    pub async fn before(url: &str) -> Self {
        let endpoint = url.strip_prefix("http://").expect("a URL").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let actions = Arc::new(Mutex::new(BTreeSet::new()));
        let log = Arc::clone(&actions);
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (endpoint, log) = (endpoint.clone(), Arc::clone(&log));
                // A client that hangs up has its answer, or wants none.
                tokio::spawn(async move { serve(client, &endpoint, &log).await });
            }
        });
        Recorder {
            url: format!("http://{address}"),
            actions,
            server,
        }
    }

    /// The endpoint for the command.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The actions since the last time that this was asked, such as
    /// `lambda:GetAlias`.
    ///
    /// # Panics
    ///
    /// When a request could not be read.
    pub fn take(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.actions.lock().expect("no writer panics"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One request, head and body.
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    /// The action, by the service that the signature is for; none of a request
    /// that is not signed.
    fn action(&self) -> Option<String> {
        // AWS4-HMAC-SHA256 Credential=KEY/20260115/eu-central-1/lambda/aws4_request, ..
        let signed_for = self.header("authorization")?.split('/').nth(3)?;
        let mut first = self.head.split_whitespace();
        let (method, path) = (first.next()?, first.next()?);
        let name = match signed_for {
            "s3" => s3(method, path),
            "lambda" => lambda(method, path),
            _ => self.named(path),
        };
        let service = if signed_for == "monitoring" {
            "cloudwatch"
        } else {
            signed_for
        };
        let name = name.unwrap_or_else(|| format!("{method} {path}"));
        Some(format!("{service}:{name}"))
    }

    /// The operation where the protocol has its name in it: JSON, CBOR, query.
    fn named(&self, path: &str) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        let target = self.header("x-amz-target");
        let of_json = target.and_then(|target| target.rsplit('.').next());
        let of_cbor = path.split_once("/operation/").map(|(_, name)| name);
        let of_query = body
            .split('&')
            .find_map(|field| field.strip_prefix("Action="));
        of_json.or(of_cbor).or(of_query).map(str::to_owned)
    }
}

fn s3(method: &str, path: &str) -> Option<String> {
    let of_an_object = path.split('?').next()?.trim_matches('/').contains('/');
    let name = match (method, of_an_object) {
        ("GET" | "HEAD", true) => "GetObject",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        ("GET", false) if path.contains("list-type=2") => "ListBucket",
        _ => return None,
    };
    Some(name.to_owned())
}

fn lambda(method: &str, path: &str) -> Option<String> {
    let (_, function) = path.split('?').next()?.split_once("/functions/")?;
    let what = function.split('/').nth(1).unwrap_or_default();
    let name = match (method, what) {
        ("GET", "aliases") => "GetAlias",
        ("PUT", "aliases") => "UpdateAlias",
        ("GET", "versions") => "ListVersionsByFunction",
        ("GET", "configuration") => "GetFunctionConfiguration",
        ("POST", "invocations") => "InvokeFunction",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Serves the one request of a connection, which the answer then closes.
async fn serve(
    mut client: TcpStream,
    endpoint: &str,
    log: &Mutex<BTreeSet<String>>,
) -> io::Result<()> {
    let request = read(&mut client).await?;
    if let Some(action) = request.action() {
        log.lock().expect("no writer panics").insert(action);
    }
    let mut upstream = TcpStream::connect(endpoint).await?;
    upstream
        .write_all(forwarded(&request.head).as_bytes())
        .await?;
    upstream.write_all(&request.body).await?;
    tokio::io::copy(&mut upstream, &mut client).await?;
    Ok(())
}

async fn read(client: &mut TcpStream) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let body = bytes.split_off(end + 4);
    let mut request = Request {
        head: String::from_utf8_lossy(&bytes).into_owned(),
        body,
    };
    if request.header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = request.header("content-length").map(str::parse);
    let length: usize = length.and_then(Result::ok).unwrap_or_default();
    while request.body.len() < length {
        if client.read_buf(&mut request.body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(request)
}

/// The head, so that the connection ends with the answer.
fn forwarded(head: &str) -> String {
    let kept = head.trim_end().lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !["connection", "expect"].contains(&name.to_ascii_lowercase().as_str())
    });
    let lines: Vec<&str> = kept.chain(["connection: close", "", ""]).collect();
    lines.join("\r\n")
}
