//! The IMAP server: one [`connection::Connection`] per client, one file per command.
//!
//! [`imap::Session`] says what was asked; the command's file carries it out; [`sync`] tells the client what others
//! changed, at the moments at which RFC 3501 §7.4.1 allows it.

mod acl;
mod append;
mod authenticate;
mod change;
mod check;
mod close;
mod commands;
mod connection;
mod copy;
mod create;
mod delete;
mod expunge;
mod fetch;
mod idle;
mod limited;
mod list;
mod lsub;
mod metadata;
mod namespaces;
mod notify;
mod object;
mod place;
mod progress;
mod quota;
mod rename;
mod resync;
mod search;
mod select;
mod selected;
mod status;
mod stop;
mod store;
mod subscribe;
mod sync;
#[cfg(test)]
pub(crate) mod tests;
mod uid_batches;

use std::sync::Arc;

pub use namespaces::shown;
use tokio::sync::watch;
use world::Stream;

use crate::{Parts, Port};

/// ALPN of this protocol (attack A6).
const ALPN: &[u8] = b"imap";

/// Serves IMAP.
pub struct Imapd {
    parts: Parts,
    stopping: watch::Sender<bool>,
}

impl Imapd {
    /// Puts the parts together. Starts nothing.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts, stopping: watch::Sender::new(false) })
    }

    /// Serves one connection to its end. Under implicit TLS the handshake has been done: `stream.tls()` says so.
    pub async fn serve(self: Arc<Self>, stream: Stream, port: Port) {
        let peer = stream.peer();
        let mut connection = connection::Connection::new(&self, stream, port);
        if let Err(error) = connection.run().await {
            tracing::debug!(%peer, %error, "lost an IMAP connection");
        }
    }

    /// Tells sessions to end with BYE as soon as they wait for their client. Returns at once.
    pub fn shutdown(&self) {
        self.stopping.send_replace(true);
    }
}
