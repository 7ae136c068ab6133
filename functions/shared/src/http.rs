//! The HTTP client under the AWS SDK and the probe: HTTP/1.1, over TLS or not, and nothing
//! else.
//!
//! The SDK's own, `aws-smithy-http-client`, also brings HTTP/2, which DynamoDB does
//! not speak, and proxies. Both functions would load that at every cold start:
//! docs/performance.md has the numbers.

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
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::BoxError;
use tower::timeout::Timeout;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;

/// A client with a pool of connections of its own; clones share the pool.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<Connector, SdkBody>);

/// Makes a connection to a server.
type Connector = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

/// How long a client waits and keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For a connection: the name's addresses, TCP and the TLS handshake together.
    pub(crate) connect: Duration,
    /// How long an idle connection is kept.
    pub(crate) idle: Duration,
}

impl Http {
    /// A client for `https://` with these TLS settings, and for `http://`. Nothing
    /// is sent yet.
    pub(crate) fn new(config: ClientConfig, timeouts: Timeouts) -> Self {
        let mut tcp = HttpConnector::new();
        // The TLS layer around it takes both.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Of which each of a name's addresses gets its share.
        tcp.set_connect_timeout(Some(timeouts.connect));
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connector = Connector::new(Timeout::new(tls, timeouts.connect));
        Self(
            Client::builder(TokioExecutor::new())
                // The default, by which a request moves to another connection if its own, from
                // the pool, turns out to be closed. It cannot be sent twice: hyper gives a
                // request back only before it has begun to write it
                // (`hyper::client::conn::TrySendError::take_message`, hyperium/hyper-util#133).
                .retry_canceled_requests(true)
                // Without a timer idle connections would stay.
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(timeouts.idle)
                .build(connector),
        )
    }
}

impl Http {
    /// Sends a request without a body and reads the response, whose body has at most
    /// `most` bytes.
    pub(crate) async fn fetch(
        &self,
        request: Request<()>,
        most: usize,
    ) -> Result<Response<Vec<u8>>, BoxError> {
        let request = request.map(|()| SdkBody::empty());
        let (head, mut body) = self.0.request(request).await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            // Trailers have no data.
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > most {
                return Err(format!("the response has more than {most} bytes").into());
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

/// What lets the SDK throw a connection away that a failed attempt has used.
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

/// Sorts an error by what the SDK does about it: it repeats what timed out or
/// broke, and not what the request itself was wrong about.
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

/// Returns true if an error proves that no byte of the request was sent: the connection could
/// not be made (name, TCP, TLS). A connection that fails to take the request, and everything
/// later, is no proof.
pub(crate) fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    cause::<legacy::Error>(error).is_some_and(legacy::Error::is_connect)
}

/// The first error of this type among an error and its causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<E>())
}
