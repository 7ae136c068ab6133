//! A proxy between a function and its table that injects faults and records calls.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Notify};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    GetItem,
    BatchGetItem,
    Query,
    /// The limiter's `UpdateItem`.
    Count,
    /// The `UpdateItem` that writes the time of a key's last use.
    LastUse,
    /// The update function's `TransactWriteItems` of all prices and rates.
    Transaction,
    /// The update function's `TransactWriteItems` of one price or rate, with its sample.
    Pair,
    /// Any other call.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error of DynamoDB with this HTTP status and code.
    Error(u16, &'static str),
    /// No response.
    Hang,
    /// The call takes effect, and the connection breaks in the middle of the response.
    Cut,
    /// The response has half of the keys, rounded down, and names the others as unprocessed.
    Half,
    /// The call waits until a second call with this fault arrives. So two calls pass only if neither
    /// waits for the response to the other.
    WaitForSecond,
}

#[derive(Debug)]
struct State {
    /// The faults, each with the number of calls that still get it.
    faults: BTreeMap<Call, (Fault, usize)>,
    calls: Vec<Call>,
    /// Opens when two calls wait.
    barrier: Arc<Barrier>,
}

/// A running proxy, which ends with the test's runtime.
pub(crate) struct Proxy {
    endpoint: String,
    state: Arc<Mutex<State>>,
    /// Notified of every call.
    arrival: Arc<Notify>,
}

impl Proxy {
    /// Starts a proxy that forwards every call to the table at `table`.
    pub(crate) async fn to(table: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let table = table.strip_prefix("http://").unwrap().to_owned();
        let state = Arc::new(Mutex::new(State {
            faults: BTreeMap::new(),
            calls: Vec::new(),
            barrier: Arc::new(Barrier::new(2)),
        }));
        let arrival = Arc::new(Notify::new());
        let served = (Arc::clone(&state), Arc::clone(&arrival));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let table = table.clone();
                let (state, arrival) = served.clone();
                // Ignores the error of a client that has closed the connection.
                tokio::spawn(async move { serve(client, &table, &state, &arrival).await });
            }
        });
        Self {
            endpoint,
            state,
            arrival,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Injects a fault into every further call of a kind.
    pub(crate) fn fail(&self, call: Call, fault: Fault) {
        self.fail_times(call, fault, usize::MAX);
    }

    /// Injects a fault into every further call.
    pub(crate) fn fail_everything(&self, fault: Fault) {
        for call in [
            Call::GetItem,
            Call::BatchGetItem,
            Call::Query,
            Call::Count,
            Call::LastUse,
            Call::Transaction,
            Call::Pair,
            Call::Other,
        ] {
            self.fail(call, fault);
        }
    }

    /// Injects a fault into the next calls of a kind.
    pub(crate) fn fail_times(&self, call: Call, fault: Fault, times: usize) {
        let mut state = self.state.lock().unwrap();
        state.faults.insert(call, (fault, times));
    }

    pub(crate) fn recover(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// Waits for a call of a kind. Returns at once if one has arrived since the last `take_calls`.
    pub(crate) async fn wait_for(&self, call: Call) {
        loop {
            let next = self.arrival.notified();
            if self.state.lock().unwrap().calls.contains(&call) {
                return;
            }
            next.await;
        }
    }

    /// Takes the calls since the last call of this method, sorted by kind.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        let mut calls = std::mem::take(&mut self.state.lock().unwrap().calls);
        calls.sort_unstable();
        calls
    }
}

impl State {
    /// Records a call and returns its fault.
    fn record(&mut self, call: Call) -> Option<Fault> {
        self.calls.push(call);
        let (fault, times) = self.faults.get_mut(&call)?;
        *times = times.checked_sub(1)?;
        Some(*fault)
    }
}

/// Serves one call, and closes the connection after its response.
async fn serve(
    mut client: TcpStream,
    table: &str,
    state: &Mutex<State>,
    arrival: &Notify,
) -> io::Result<()> {
    let (head, body) = read(&mut client).await?;
    let fault = state.lock().unwrap().record(kind_of_call(&head, &body));
    arrival.notify_waiters();
    let barrier = Arc::clone(&state.lock().unwrap().barrier);
    let answer = match fault {
        None => forward(table, &head, &body).await?,
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Error(status, code)) => {
            let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
            let table = table_name(&body);
            let message = format!("arn:aws:dynamodb:eu-central-1:123456789012:table/{table}");
            response(status, &json!({"__type": code, "message": message}))
        }
        Some(Fault::Cut) => {
            let mut answer = forward(table, &head, &body).await?;
            answer.truncate(answer.len() - 2);
            answer
        }
        Some(Fault::Half) => answer_half(table, &head, &body).await?,
        Some(Fault::WaitForSecond) => {
            barrier.wait().await;
            forward(table, &head, &body).await?
        }
    };
    client.write_all(&answer).await
}

fn kind_of_call(head: &str, body: &[u8]) -> Call {
    let is = |action| head.contains(&format!("DynamoDB_20120810.{action}\r\n"));
    let mentions = |text| String::from_utf8_lossy(body).contains(text);
    if is("BatchGetItem") {
        Call::BatchGetItem
    } else if is("Query") {
        Call::Query
    } else if is("GetItem") {
        Call::GetItem
    } else if is("UpdateItem") && mentions("RATELIMIT#") {
        Call::Count
    } else if is("UpdateItem") && mentions("lastUsedAt") {
        Call::LastUse
    } else if is("TransactWriteItems") {
        let puts = String::from_utf8_lossy(body).matches("\"Put\"").count();
        if puts == 1 {
            Call::Pair
        } else {
            Call::Transaction
        }
    } else {
        Call::Other
    }
}

fn table_name(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).unwrap();
    let batch = request["RequestItems"].as_object();
    let of_batch = batch.and_then(|tables| tables.keys().next().cloned());
    of_batch.unwrap_or_else(|| {
        let of_transaction = &request["TransactItems"][0]["Put"]["TableName"];
        let of_call = request["TableName"].as_str();
        of_call.or(of_transaction.as_str()).unwrap().to_owned()
    })
}

/// Reads the head of a request, up to the empty line, and its body.
async fn read(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut body = bytes.split_off(end + 4);
    bytes.truncate(end);
    let head = String::from_utf8(bytes).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap());
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, body))
}

/// Forwards a request to the table. Returns the head and the body of the response, unchanged.
pub(crate) async fn forward(table: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let length = format!("content-length: {}\r\n", body.len());
    let request: String = head
        .lines()
        .filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            !["content-length", "connection"].contains(&name.to_ascii_lowercase().as_str())
        })
        .flat_map(|line| [line, "\r\n"])
        .chain([length.as_str(), "connection: close\r\n\r\n"])
        .collect();
    let mut connection = TcpStream::connect(table).await?;
    connection.write_all(request.as_bytes()).await?;
    connection.write_all(body).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Returns the table's response to the first half of the keys, with the others as unprocessed.
async fn answer_half(table: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let name = table_name(body);
    let mut request: Value = serde_json::from_slice(body)?;
    let keys = request["RequestItems"][&name]["Keys"]
        .as_array_mut()
        .unwrap();
    let left = keys.split_off(keys.len() / 2);
    let mut answer = if keys.is_empty() {
        json!({"Responses": {&name: []}})
    } else {
        let answer = forward(table, head, request.to_string().as_bytes()).await?;
        let text = String::from_utf8(answer).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body)?
    };
    answer["UnprocessedKeys"] = json!({&name: {"Keys": left}});
    Ok(response(200, &answer))
}

fn response(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/x-amz-json-1.0\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
