//! The HTTP client of the AWS SDK and of the verify function's probe: HTTP/1.1, with or without TLS.
//!
//! The SDK's own client, `aws-smithy-http-client`, also contains HTTP/2, which DynamoDB does
//! not support, and proxies. Every cold start would load that code: docs/performance.md has
//! the numbers.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector as SdkConnector, HttpConnectorFuture, HttpConnectorSettings,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper::body::Body as _;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::BoxError;
use tower::timeout::Timeout;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;

/// The time for which an idle connection is kept. Lambda freezes the process between requests.
/// Meanwhile the server may close the connection, and a call that is not retried would then fail.
/// The time of a freeze counts, because `CLOCK_MONOTONIC` continues: measured over freezes of up to
/// 181 s (aws/aws-lambda-web-adapter#830).
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum size of a response's body in [`Http::get`]. The probe expects a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// The reason why [`Http::get`] returns no response. The text contains nothing of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The URL or a header is invalid.
    #[error("the request cannot be written")]
    Request,
    /// The response was not complete in time.
    #[error("no response in time")]
    Timeout,
    /// The connection failed, or the response is too long.
    #[error("no response: {0}")]
    Failed(String),
}

/// A client with its own pool of connections; clones share the pool. The client follows no
/// redirects, which could send an API key to another host.
#[derive(Debug, Clone)]
pub struct Http(Client<Connector, SdkBody>);

type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

impl Http {
    /// Creates a client for `https://` with these TLS settings, and for `http://`. Sends
    /// nothing. `connect_timeout` is for name resolution, TCP and the TLS handshake together.
    pub(crate) fn new(config: ClientConfig, connect_timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        // The TLS layer accepts `https://` and `http://`.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // All addresses of a host name share this time.
        tcp.set_connect_timeout(Some(connect_timeout));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = Connector::new(Timeout::new(tls, connect_timeout));
        Self(
            Client::builder(TokioExecutor::new())
                // The default: if a pooled connection turns out to be closed, the request moves to
                // another connection. This sends no request twice, because hyper returns a request
                // only if it wrote no byte of it
                // (`hyper::client::conn::TrySendError::take_message`, hyperium/hyper-util#133).
                .retry_canceled_requests(true)
                // Without a timer, the pool would keep idle connections forever.
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .build(connector),
        )
    }

    /// Sends a GET request. The whole response must arrive within `limit`.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        limit: Duration,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let request = Request::get(url).body(SdkBody::empty());
        let mut request = request.map_err(|_| HttpError::Request)?;
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HttpError::Request)?;
            let mut value = HeaderValue::from_str(value).map_err(|_| HttpError::Request)?;
            // Debug output omits the values of sensitive headers.
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        match timeout(limit, self.fetch(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(HttpError::Failed(innermost(&*error))),
            Err(_) => Err(HttpError::Timeout),
        }
    }

    async fn fetch(&self, request: Request<SdkBody>) -> Result<Response<Vec<u8>>, BoxError> {
        let (head, mut body) = self.0.request(request).await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            // Trailers have no data.
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > MAX_BODY_BYTES {
                return Err(format!("the response has more than {MAX_BODY_BYTES} bytes").into());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Response::from_parts(head, bytes))
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl SdkConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Returns the metadata of a connection. With its `poison_fn`, the SDK prevents the reuse of the
/// connection after a failed attempt.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let connection = connection.clone();
    connection.connection_metadata().as_ref()?;
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(
        ConnectionMetadata::builder()
            .proxied(false)
            .poison_fn(poison)
            .build(),
    )
}

/// Classifies an error for the SDK. The SDK retries timeouts and broken connections, but not
/// invalid requests.
fn connector_error(error: legacy::Error) -> ConnectorError {
    let io_error = cause::<io::Error>(&error).map(io::Error::kind);
    let http_error = cause::<hyper::Error>(&error);
    if io_error == Some(io::ErrorKind::TimedOut) || cause::<Elapsed>(&error).is_some() {
        ConnectorError::timeout(error.into())
    } else if error.is_connect() || io_error.is_some() {
        ConnectorError::io(error.into())
    } else if http_error.is_some_and(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else if http_error.is_some_and(|error| error.is_closed() || error.is_canceled()) {
        ConnectorError::io(error.into())
    } else if http_error.is_some_and(hyper::Error::is_incomplete_message) {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else {
        ConnectorError::other(error.into(), None)
    }
}

/// Returns true if an error proves that no byte of the request was sent: the name resolution, the
/// TCP connection or the TLS handshake failed. A later error is no proof.
pub(crate) fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect)
}

/// Returns the text of the innermost cause of an error. The texts of the SDK's outer errors
/// are dumps of their types.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let cause = causes(error).last();
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Returns the first error of this type among an error and its causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
}

/// Returns an error and its causes, from the outside in.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
