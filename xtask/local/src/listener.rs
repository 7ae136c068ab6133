//! Ports of this machine to listen on.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;
use xtask::failure::Failure;

/// Listens on a port of 127.0.0.1; 0 picks a free one.
pub fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let failure = match error.kind() {
            ErrorKind::AddrInUse => Failure::new(format!("port {port} of 127.0.0.1 is in use")),
            _ => Failure::new(format!(
                "could not listen on port {port} of 127.0.0.1: {error}"
            )),
        };
        failure.hint("choose another port with --port, or --port 0 for a free one")
    })?;
    // What tokio asks of a listener that it is given.
    listener
        .set_nonblocking(true)
        .context("preparing to listen")?;
    Ok(listener)
}

/// The base URL of a listener.
pub(crate) fn url(listener: &tokio::net::TcpListener) -> anyhow::Result<String> {
    let address = listener.local_addr().context("asking for the port")?;
    Ok(format!("http://{address}"))
}
