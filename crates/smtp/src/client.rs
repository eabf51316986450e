//! The client's side of a connection: to a remote MX, a smarthost, or an LMTP server.

mod capabilities;
mod config;
mod event;

use mail::{Envelope, Mono};

pub use capabilities::Capabilities;
pub use config::{Config, Credentials, Service, Timeouts, TlsPolicy};
pub use event::{Cause, Event, Failure, Outcome, Source};

/// One connection, which may carry several messages.
#[derive(Debug)]
pub struct Session {
    capabilities: Capabilities,
}

impl Session {
    /// A connection just made; waits for the greeting.
    pub fn new(config: Config, now: Mono) -> Self {
        todo!("{config:?} {now:?}")
    }

    /// Starts a transaction. Only after [`Event::Ready`], and once per `Ready`.
    ///
    /// `size` is the message's length in bytes, `eight_bit` whether it has bytes above 127. What the peer does not
    /// offer but the message needs ends in [`Event::MessageResult`] with [`Source::Local`] outcomes and without a
    /// byte sent: try another host before giving up.
    pub fn send(&mut self, envelope: Envelope, size: u64, eight_bit: bool, now: Mono) {
        todo!("{envelope:?} {size} {eight_bit} {now:?}")
    }

    /// More of the message, after [`Event::DataWanted`]. Line ends become CRLF, dots are stuffed, NUL is dropped.
    /// Take the output after each call; it is not bounded otherwise.
    pub fn body(&mut self, bytes: &[u8], now: Mono) {
        todo!("{bytes:?} {now:?}")
    }

    /// The message is complete: sends the final dot.
    pub fn body_end(&mut self, now: Mono) {
        todo!("{now:?}")
    }

    /// Gives up at once, without the final dot: the message could not be read to its end (promise F7).
    /// No further events; hang up.
    pub fn abort(&mut self) {
        todo!()
    }

    /// No more messages: says QUIT. Only after [`Event::Ready`]; [`Event::Closed`] follows.
    pub fn quit(&mut self, now: Mono) {
        todo!("{now:?}")
    }

    /// Takes what was read.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        todo!("{bytes:?} {now:?}")
    }

    /// The peer closed, or reading or writing failed.
    pub fn handle_eof(&mut self) {
        todo!()
    }

    /// TLS is up after [`Event::StartTls`]. A failed handshake is the driver's to report; drop the session then.
    pub fn tls_started(&mut self, now: Mono) {
        todo!("{now:?}")
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// Bytes to write, if any.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        todo!()
    }

    /// Whether the session waits for the peer. Reading while the body is sent is allowed and finds refusals early.
    pub fn wants_input(&self) -> bool {
        todo!()
    }

    /// When to call [`Self::handle_timeout`] unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Mono> {
        todo!()
    }

    /// The time has come; fails the session if the deadline has passed.
    pub fn handle_timeout(&mut self, now: Mono) {
        todo!("{now:?}")
    }

    /// Whether the session is over and all its output taken: hang up.
    pub fn is_closed(&self) -> bool {
        todo!()
    }

    /// What the peer offered last.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the connection is under TLS.
    pub fn is_tls(&self) -> bool {
        todo!()
    }
}
