//! A client's connection, the same for IMAP and POP3: writing that does not wait for ever, and STARTTLS.

use std::io;
use std::time::Duration;

use mail::{TlsOffer, limits};
use world::{Stream, World};

use crate::{Parts, login};

/// A client that takes nothing for this long is gone (F19).
const WRITE_TIMEOUT: Duration = Duration::from_mins(5);

/// A client's connection.
pub(crate) struct Wire {
    /// Only absent during a handshake, and after one that failed.
    stream: Option<Stream>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream: Some(stream) }
    }

    pub(crate) fn stream(&self) -> io::Result<&Stream> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(crate) fn stream_mut(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(crate) async fn write(&mut self, world: &World, bytes: &[u8]) -> io::Result<()> {
        let written = world.clock.within(WRITE_TIMEOUT, self.stream_mut()?.write_all(bytes)).await;
        written.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The server's side of a handshake; what was to be said in clear has been written. Gives the mechanisms to offer
    /// from now on.
    pub(crate) async fn secure(
        &mut self,
        parts: &Parts,
        alpn: &'static [u8],
    ) -> io::Result<Vec<&'static str>> {
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let acceptor = parts.acceptor.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let handshake = parts.world.clock.within(limits::LOGIN_TIMEOUT, acceptor.accept(stream, alpn)).await;
        let stream = handshake.ok_or(io::ErrorKind::TimedOut)??;
        let mechanisms = login::mechanisms(&parts.directory, &stream);
        self.stream = Some(stream);
        Ok(mechanisms)
    }
}

/// What a session may say of TLS on a new connection.
pub(crate) fn tls_offer(parts: &Parts, stream: &Stream) -> TlsOffer {
    TlsOffer::of(stream.tls().is_some(), parts.acceptor.is_some())
}
