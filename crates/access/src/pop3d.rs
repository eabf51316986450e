//! The POP3 server: INBOX as it was at login, one session an account (RFC 1939 §4 asks for an exclusive lock), and
//! messages removed by one commit after QUIT, or not at all (promise F33).

mod connection;
mod login;
mod maildrop;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use mail::AccountId;
use tokio::sync::watch;
use world::Stream;

use crate::{Parts, Port};

/// ALPN of this protocol (attack A6).
const ALPN: &[u8] = b"pop3";

/// Serves POP3.
pub struct Pop3d {
    parts: Parts,
    stopping: watch::Sender<bool>,
    open: Locks,
}

impl Pop3d {
    /// Puts the parts together. Starts nothing. One process must have only one: it keeps the maildrops' locks.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { parts, stopping: watch::Sender::new(false), open: Locks::default() })
    }

    /// Serves one connection to its end. Under implicit TLS the handshake has been done: `stream.tls()` says so.
    pub async fn serve(self: Arc<Self>, stream: Stream, port: Port) {
        let peer = stream.peer();
        if let Err(error) = connection::Connection::new(&self, stream, port).run().await {
            tracing::debug!(%peer, %error, "lost a POP3 connection");
        }
    }

    /// Tells sessions to end, removing nothing, as soon as they wait for their client. Returns at once.
    pub fn shutdown(&self) {
        self.stopping.send_replace(true);
    }
}

/// Accounts whose maildrop is open. In memory is enough: one process has the store.
#[derive(Clone, Debug, Default)]
struct Locks(Arc<Mutex<BTreeSet<AccountId>>>);

impl Locks {
    /// The lock of a maildrop, unless another session has it.
    fn take(&self, account: AccountId) -> Option<Lock> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(account).then(|| Lock { open: self.clone(), account })
    }
}

/// Holds a maildrop open until dropped.
#[derive(Debug)]
struct Lock {
    open: Locks,
    account: AccountId,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.open.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.account);
    }
}
