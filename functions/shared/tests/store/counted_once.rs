//! The limiter counts a request at most once: it makes a second attempt only after a failure that
//! certainly had no effect.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use shared::api_key::KeyId;
use shared::client::{ClientConfig, dynamodb_client};
use shared::error::StoreError;
use shared::rate_limit::{Admission, Window};
use shared::store::{ApiStore as _, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use crate::at;
use crate::table::TABLE;
use crate::tls;
use crate::wire::{End, Reaction, Wire};

/// The errors with which DynamoDB throttles a request.
const THROTTLED: [Reaction; 3] = [
    Reaction::Error(400, "ProvisionedThroughputExceededException"),
    Reaction::Error(400, "ThrottlingException"),
    Reaction::Error(400, "RequestLimitExceeded"),
];

/// Failures after which the limiter cannot know whether the request was counted.
const AMBIGUOUS: [Reaction; 7] = [
    Reaction::Error(500, "InternalServerError"),
    Reaction::Error(503, "ServiceUnavailable"),
    // DynamoDB does not send this code with status 500.
    Reaction::Error(500, "ThrottlingException"),
    Reaction::CutAnswer,
    Reaction::Close,
    Reaction::Reset,
    Reaction::ResetAtFirstByte,
];

/// Errors that a second attempt would repeat.
const FINAL: [Reaction; 2] = [
    Reaction::Error(400, "ValidationException"),
    Reaction::Error(400, "ResourceNotFoundException"),
];

async fn count(store: &Store) -> Result<Admission, StoreError> {
    let key_id = KeyId::parse("0123456789AB").unwrap();
    let window = Window::at(at("2026-01-15T10:30:00Z"));
    store.count_request(&key_id, window, NonZeroU32::MAX).await
}

thread_local! {
    /// The action that the test of this thread wants at the limiter's second attempt.
    static AT_SECOND_ATTEMPT: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// A layer of the log. The limiter logs a second attempt before it makes the attempt, and the layer
/// then calls [`AT_SECOND_ATTEMPT`].
struct SecondAttempts;

impl<S: Subscriber> Layer<S> for SecondAttempts {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() == Level::WARN && metadata.target().starts_with("shared::") {
            AT_SECOND_ATTEMPT.with_borrow_mut(|act| act.as_mut().map(|act| act()));
        }
    }
}

/// Calls `act` at each second attempt that is made in this thread from now on.
fn at_second_attempt(act: impl FnMut() + 'static) {
    // One subscriber for all tests: `tracing` caches the interest in events for the process.
    let log = tracing_subscriber::registry().with(SecondAttempts);
    let _ = tracing::subscriber::set_global_default(log);
    AT_SECOND_ATTEMPT.set(Some(Box::new(act)));
}

/// Counts the second attempts that are made in this thread from now on.
fn second_attempts() -> Rc<Cell<usize>> {
    let attempts = Rc::new(Cell::new(0));
    let counter = Rc::clone(&attempts);
    at_second_attempt(move || counter.set(counter.get() + 1));
    attempts
}

/// Makes the limiter count a request. `first` and `second` are the table's reactions to its two
/// attempts. Returns true if the limiter admits the request.
async fn passes(first: Reaction, second: Reaction) -> bool {
    let wire = Wire::reacting_with([first, second]).await;
    let answer = count(&wire.store()).await;
    let context = format!("{first:?}, {second:?}: {answer:?}");
    let attempts = 1 + usize::from(THROTTLED.contains(&first));
    assert_eq!(wire.requests(), attempts, "{context}");
    assert!(wire.counted() <= 1, "{context}");
    let last = [first, second][attempts - 1];
    assert_eq!(answer.is_ok(), last == Reaction::Count, "{context}");
    if let Ok(answer) = answer {
        assert_eq!(wire.counted(), 1, "{context}");
        assert_eq!(answer, Admission::Admitted { count: 1 }, "{context}");
        return true;
    }
    false
}

#[tokio::test]
async fn no_pair_of_failures_counts_a_request_twice() {
    let reactions = [&[Reaction::Count][..], &THROTTLED, &AMBIGUOUS, &FINAL].concat();
    let mut passed = 0;
    for first in &reactions {
        for second in &reactions {
            passed += usize::from(passes(*first, *second).await);
        }
    }
    // The pairs whose first reaction is `Count`, and those with `Count` after throttling.
    assert_eq!(passed, reactions.len() + THROTTLED.len());
}

#[tokio::test]
async fn a_limiter_that_stays_throttled_fails_after_two_attempts() {
    let wire = Wire::reacting_with([THROTTLED[0], THROTTLED[1]]).await;
    let answer = count(&wire.store()).await;
    assert!(
        matches!(answer, Err(StoreError::Throttled { .. })),
        "{answer:?}"
    );
    assert_eq!((wire.requests(), wire.counted()), (2, 0));
}

#[tokio::test]
async fn a_failed_condition_refuses_the_request_and_is_not_retried() {
    let wire = Wire::reacting_with([Reaction::Error(400, "ConditionalCheckFailedException")]).await;
    assert_eq!(count(&wire.store()).await, Ok(Admission::Refused));
    assert_eq!(wire.requests(), 1);
}

#[tokio::test]
async fn a_request_without_a_response_is_not_sent_again() {
    let wire = Wire::reacting_with([Reaction::Silence]).await;
    let answer = count(&wire.store()).await;
    assert!(
        matches!(answer, Err(StoreError::Timeout { .. })),
        "{answer:?}"
    );
    assert_eq!((wire.requests(), wire.counted()), (1, 1));
}

#[tokio::test]
async fn a_refused_connection_is_tried_once_more() {
    // The socket is bound and does not listen, so connections are refused, and no other process
    // gets the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();

    let (opened, listener) = oneshot::channel();
    let mut closed = Some((socket, opened));
    at_second_attempt(move || {
        let (socket, opened) = closed.take().unwrap();
        let _ = opened.send(socket.listen(16).unwrap());
    });
    let server = tokio::spawn(async { Wire::on(listener.await.unwrap(), []) });
    let answer = count(&Store::new(client, TABLE)).await;
    assert_eq!(answer, Ok(Admission::Admitted { count: 1 }));
    let wire = server.await.unwrap();
    assert_eq!((wire.connections(), wire.counted()), (1, 1));
}

#[tokio::test]
async fn a_host_name_that_does_not_resolve_is_looked_up_twice() {
    let attempts = second_attempts();
    // A label of more than 63 characters is invalid (RFC 1035, 2.3.4), so the name is not
    // resolved over the network.
    let endpoint = format!("http://{}.invalid", "x".repeat(64));
    let client = dynamodb_client(&ClientConfig::emulator(endpoint)).unwrap();
    let answer = count(&Store::new(client, TABLE)).await;
    assert!(
        matches!(answer, Err(StoreError::NotConnected { .. })),
        "{answer:?}"
    );
    assert_eq!(attempts.get(), 1);
}

/// A failure of a TLS handshake.
#[derive(Debug, Clone, Copy)]
enum BrokenHandshake {
    Close,
    Reset,
    NoTls,
    Silence,
}

/// Counts a request after these failed handshakes. Returns the limiter's result, and the numbers
/// of connections and of counted requests.
async fn count_after(
    handshakes: Vec<BrokenHandshake>,
) -> (Result<Admission, StoreError>, usize, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let (acceptor, certificate) = tls::acceptor();
    let wire = Wire::reacting_with([]).await;
    let inner = wire.address();
    let connections = Arc::new(Mutex::new(0));
    let accepted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut handshakes = handshakes.into_iter();
        let mut silent = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            *accepted.lock().unwrap() += 1;
            match handshakes.next() {
                Some(BrokenHandshake::Close) => drop(client),
                Some(BrokenHandshake::Reset) => client.set_zero_linger().unwrap(),
                Some(BrokenHandshake::NoTls) => {
                    client.read_u8().await.unwrap();
                    client.write_all(b"HTTP/1.1 400 No\r\n\r\n").await.unwrap();
                }
                Some(BrokenHandshake::Silence) => silent.push(client),
                None => {
                    let mut client = acceptor.accept(client).await.unwrap();
                    let mut table = tokio::net::TcpStream::connect(inner).await.unwrap();
                    tokio::spawn(async move {
                        tokio::io::copy_bidirectional(&mut client, &mut table).await
                    });
                }
            }
        }
    });
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), certificate).unwrap();
    let store = tls::store(&[
        ("AWS_ENDPOINT_URL", &endpoint),
        ("AWS_CA_BUNDLE", bundle.path().to_str().unwrap()),
    ]);
    let answer = count(&store).await;
    let connections = *connections.lock().unwrap();
    (answer, connections, wire.counted())
}

#[tokio::test]
async fn a_tls_handshake_that_fails_is_tried_once_more() {
    for handshake in [
        BrokenHandshake::Close,
        BrokenHandshake::Reset,
        BrokenHandshake::NoTls,
        // The handshake lasts until the connect timeout.
        BrokenHandshake::Silence,
    ] {
        let (answer, connections, counted) = count_after(vec![handshake]).await;
        let admitted = Ok(Admission::Admitted { count: 1 });
        assert_eq!(answer, admitted, "{handshake:?}");
        assert_eq!((connections, counted), (2, 1), "{handshake:?}");
    }
}

#[tokio::test]
async fn a_limiter_gives_up_after_a_second_failed_handshake() {
    let twice = vec![BrokenHandshake::Close, BrokenHandshake::Reset];
    let (answer, connections, counted) = count_after(twice).await;
    assert!(
        matches!(answer, Err(StoreError::NotConnected { .. })),
        "{answer:?}"
    );
    assert_eq!((connections, counted), (2, 0));
}

#[tokio::test]
async fn an_idle_connection_that_the_table_closed_is_not_used_again() {
    let attempts = second_attempts();
    let mut wire = Wire::reacting_with([]).await;
    let store = wire.store();
    count(&store).await.unwrap();
    wire.end_idle(End::Close).await;
    assert_eq!(count(&store).await, Ok(Admission::Admitted { count: 2 }));
    assert_eq!((wire.connections(), wire.requests()), (2, 2));
    assert_eq!(attempts.get(), 0);
}

#[tokio::test]
async fn after_an_idle_connection_is_reset_only_a_successful_request_is_counted() {
    // If the client notices the reset before it writes the request, it uses another connection. If
    // it notices the reset later, the request fails.
    let mut wire = Wire::reacting_with([]).await;
    let store = wire.store();
    count(&store).await.unwrap();
    wire.end_idle(End::Reset).await;
    let answer = count(&store).await;
    let expected = 1 + usize::from(answer.is_ok());
    assert_eq!((wire.requests(), wire.counted()), (expected, expected));
}

#[tokio::test]
async fn a_request_whose_idle_connection_is_lost_is_not_sent_again() {
    for lost in [Reaction::ResetAtFirstByte, Reaction::Reset, Reaction::Close] {
        let wire = Wire::reacting_with([]).await;
        let store = wire.store();
        count(&store).await.unwrap();
        wire.react_next_with([lost]);
        let answer = count(&store).await;
        assert!(
            matches!(answer, Err(StoreError::Unreachable { .. })),
            "{lost:?}: {answer:?}"
        );
        assert_eq!((wire.connections(), wire.requests()), (1, 2), "{lost:?}");
        // The next request opens a connection.
        assert!(count(&store).await.is_ok());
        assert_eq!((wire.connections(), wire.requests()), (2, 3), "{lost:?}");
    }
}
