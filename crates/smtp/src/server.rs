//! The server's side of a connection: MX, submission or LMTP.

mod config;
mod event;

use mail::{Envelope, Mono, Reply};

pub use config::{Config, Service, TlsOffer};
pub use event::{Answer, Event, MailParams};

/// One connection, from the greeting to the close.
#[derive(Debug)]
pub struct Session {
    envelope: Envelope,
}

impl Session {
    /// A new connection. The greeting is the first output.
    pub fn new(config: Config, now: Mono) -> Self {
        todo!("{config:?} {now:?}")
    }

    /// A connection that is not served: says `reply` instead of the greeting and closes (RFC 5321 §3.1).
    pub fn refuse(reply: &Reply) -> Self {
        todo!("{reply:?}")
    }

    /// Takes what was read and works through it as far as it can without a decision.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        todo!("{bytes:?} {now:?}")
    }

    /// The client closed its side. A transaction under way is dropped, with [`Event::Reset`].
    pub fn handle_eof(&mut self) {
        todo!()
    }

    /// What happened next. After an event that needs an answer there is none until [`Self::answer`].
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }

    /// The decision on the last event, then works on through what was read before.
    pub fn answer(&mut self, answer: Answer, now: Mono) {
        todo!("{answer:?} {now:?}")
    }

    /// TLS is up after [`Event::StartTls`]; everything learned before it is forgotten (RFC 3207 §4.2).
    /// `channel_binding` says whether mechanisms whose name ends in `-PLUS` can work on it.
    pub fn tls_started(&mut self, channel_binding: bool, now: Mono) {
        todo!("{channel_binding} {now:?}")
    }

    /// Ends the session from our side, as on shutdown: says `reply` (a 421) and closes (RFC 5321 §3.8).
    pub fn close(&mut self, reply: &Reply) {
        todo!("{reply:?}")
    }

    /// Bytes to write, if any. Write them before reading again, and before a handshake.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        todo!()
    }

    /// Whether to read more. Not while a decision is open, so memory holds one chunk and one line at most.
    pub fn wants_input(&self) -> bool {
        todo!()
    }

    /// When to call [`Self::handle_timeout`] unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Mono> {
        todo!()
    }

    /// The time has come; says 421 4.4.2 and closes if the deadline has passed.
    pub fn handle_timeout(&mut self, now: Mono) {
        todo!("{now:?}")
    }

    /// Whether the session is over and all its output taken: hang up.
    pub fn is_closed(&self) -> bool {
        todo!()
    }

    /// The transaction so far: what MAIL and RCPT said and was accepted. Empty without a transaction.
    /// At [`Event::BodyEnd`] it is complete.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether the connection is under TLS.
    pub fn is_tls(&self) -> bool {
        todo!()
    }

    /// Whether AUTH has succeeded.
    pub fn is_authenticated(&self) -> bool {
        todo!()
    }

    /// What the client called itself; none before HELO, EHLO or LHLO.
    pub fn client_name(&self) -> Option<&str> {
        todo!()
    }

    /// Whether the client said EHLO or LHLO rather than HELO, for the `with` of Received (RFC 3848).
    pub fn is_extended(&self) -> bool {
        todo!()
    }
}
