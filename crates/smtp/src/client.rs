//! The client's side of a connection: to a remote MX, a smarthost, or an LMTP server.
//!
//! Messages go out by DATA, also where CHUNKING is offered: one encoder makes every line end canonical and stuffs
//! every dot, so nothing that we pass on can end a message early at a laxer server (attacks A1). Only those whose bytes
//! are no lines go by BDAT, where lengths say where they end (BINARYMIME, RFC 3030 §3).
//!
//! What a peer says is taken for the answer to the command that is waiting for one, and for nothing else: a reply
//! that nobody waits for ends the connection (promise F9).

mod auth;
mod capabilities;
mod commands;
mod config;
mod event;
mod greeting;
mod transaction;

use std::collections::VecDeque;
use std::time::Duration;

use mail::{EnhancedCode, Envelope, Mono, Reply};

use crate::input::Input;
use crate::reply::{self, Parser};
use auth::Login;
use transaction::Transaction;

pub use capabilities::Capabilities;
pub use config::{Config, Credentials, Service, Timeouts, TlsPolicy};
pub use event::{Cause, Event, Failure, Outcome, Source};

/// What was said last, and so what the next reply answers.
#[derive(Debug)]
enum Phase {
    /// Nothing yet: the greeting comes.
    Greeting,
    /// EHLO or LHLO.
    Hello,
    /// HELO, after EHLO was refused (RFC 5321 §3.2).
    PlainHello,
    /// STARTTLS.
    StartTls,
    /// Nothing; the driver does the handshake.
    Handshake,
    /// AUTH.
    Auth(Login),
    /// Nothing; a message may be sent.
    Ready,
    /// A transaction's commands or the message.
    Transaction(Box<Transaction>),
    /// RSET.
    Reset,
    /// QUIT.
    Quit,
    /// Over.
    Closed,
}

/// One connection, which may carry several messages.
#[derive(Debug)]
pub struct Session {
    config: Config,
    input: Input,
    parser: Parser,
    output: Vec<u8>,
    events: VecDeque<Event>,
    phase: Phase,
    capabilities: Capabilities,
    tls: bool,
    now: Mono,
    deadline: Option<Mono>,
}

impl Session {
    /// A connection just made; waits for the greeting.
    pub fn new(config: Config, now: Mono) -> Self {
        Self {
            input: Input::default(),
            parser: Parser::default(),
            output: Vec::new(),
            events: VecDeque::new(),
            phase: Phase::Greeting,
            capabilities: Capabilities::default(),
            tls: config.tls == TlsPolicy::Active,
            now,
            deadline: Some(now + config.timeouts.greeting),
            config,
        }
    }

    /// Starts a transaction. Only after [`Event::Ready`], and once per `Ready`. Hand over first what has come meanwhile: a
    /// reply that nobody waits for must not be taken for the answer to MAIL.
    ///
    /// `size` is the message's length in bytes, `eight_bit` whether it has bytes above 127; `envelope.body` is
    /// [`BodyType::BinaryMime`](mail::BodyType) only where its bytes are no lines. What the peer does not
    /// offer but the message needs ends in [`Event::MessageResult`] with [`Source::Local`] outcomes and without a
    /// byte sent: try another host before giving up.
    pub fn send(&mut self, envelope: Envelope, size: u64, eight_bit: bool, now: Mono) {
        self.now = now;
        self.start_transaction(envelope, size, eight_bit);
    }

    /// More of the message, after [`Event::DataWanted`], while [`Self::wants_body`]. Line ends become CRLF, dots are
    /// stuffed, NUL is dropped; or, of a binary message, the bytes are one chunk as they are.
    /// Take the output after each call; it is not bounded otherwise.
    pub fn body(&mut self, bytes: &[u8], now: Mono) {
        self.now = now;
        self.send_body(bytes);
    }

    /// The message is complete: sends the final dot. Hand over first what has come meanwhile: what was said before the
    /// dot does not answer it.
    pub fn body_end(&mut self, now: Mono) {
        self.now = now;
        self.send_body_end();
    }

    /// Gives up at once, without the final dot: the message could not be read to its end (promise F7).
    /// No further events; hang up.
    pub fn abort(&mut self) {
        self.phase = Phase::Closed;
        self.deadline = None;
        self.output.clear();
        self.events.clear();
    }

    /// No more messages: says QUIT. Only after [`Event::Ready`]; [`Event::Closed`] follows.
    pub fn quit(&mut self, now: Mono) {
        self.now = now;
        if matches!(self.phase, Phase::Ready) {
            self.phase = Phase::Quit;
            self.command("QUIT", self.config.timeouts.hello);
        }
    }

    /// Takes what was read.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        self.now = now;
        match self.phase {
            Phase::Closed => (),
            Phase::Handshake => self.injected(),
            _ => {
                self.input.push(bytes);
                self.work();
            }
        }
    }

    /// The peer closed, or reading or writing failed.
    pub fn handle_eof(&mut self) {
        match self.phase {
            Phase::Quit => self.closed(),
            Phase::Closed => (),
            _ => self.fail(Cause::Lost, local(4, 2, "The connection was lost")),
        }
    }

    /// TLS is up after [`Event::StartTls`]. A failed handshake is the driver's to report; drop the session then.
    pub fn tls_started(&mut self, now: Mono) {
        self.now = now;
        self.start_over_under_tls();
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes to write, if any.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// Whether the session waits for the peer. Reading while the body is sent is allowed and finds refusals early.
    pub fn wants_input(&self) -> bool {
        match &self.phase {
            Phase::Ready | Phase::Handshake | Phase::Closed => false,
            Phase::Transaction(transaction) => !transaction.wants_body(),
            _ => true,
        }
    }

    /// Whether more of the message may be given now; otherwise the peer is to answer first.
    pub fn wants_body(&self) -> bool {
        matches!(&self.phase, Phase::Transaction(transaction) if transaction.wants_body())
    }

    /// When to call [`Self::handle_timeout`] unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.deadline
    }

    /// The time has come; fails the session if the deadline has passed.
    pub fn handle_timeout(&mut self, now: Mono) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Quit => self.closed(),
            _ => self.fail(Cause::Timeout, local(4, 2, "No reply in time")),
        }
    }

    /// Whether the session is over and all its output taken: hang up.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed) && self.output.is_empty()
    }

    /// What the peer offered last.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the connection is under TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Works through whole replies.
    fn work(&mut self) {
        while !matches!(self.phase, Phase::Closed) {
            match self.parser.next(&mut self.input) {
                Ok(Some(reply)) => self.take_reply(reply),
                Ok(None) => return,
                Err(reply::Error::Syntax) => return self.protocol_error("The peer's reply is not one"),
                Err(reply::Error::TooLong) => return self.protocol_error("The peer's reply is too long"),
            }
        }
    }

    fn take_reply(&mut self, reply: Reply) {
        let awaited = self.awaited();
        // RFC 5321 §3.8: a 421 may come at any time and means the end.
        if reply.code == 421 && !matches!(self.phase, Phase::Quit) {
            return self.fail(Cause::Refused, reply);
        }
        if awaited == 0 {
            return self.unexpected(reply);
        }
        self.handle_reply(reply);
        // A reply too many would be taken for the answer to what is said next.
        if awaited == 1 && !self.input.is_empty() && !matches!(self.phase, Phase::Closed | Phase::Handshake) {
            self.replies_too_many();
        }
    }

    /// Whether bytes of a reply are there whose end is not.
    fn reply_has_begun(&self) -> bool {
        !self.input.is_empty() || self.parser.has_begun()
    }

    /// How many replies are on their way.
    fn awaited(&self) -> usize {
        match &self.phase {
            Phase::Handshake | Phase::Ready | Phase::Closed => 0,
            Phase::Transaction(transaction) => transaction.awaited(),
            _ => 1,
        }
    }

    /// What is said last decides what a reply means.
    fn handle_reply(&mut self, reply: Reply) {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Greeting => self.greeted(reply),
            Phase::Hello => self.hello_answered(reply),
            Phase::PlainHello => self.plain_hello_answered(reply),
            Phase::StartTls => self.starttls_answered(&reply),
            Phase::Auth(login) => self.auth_answered(login, &reply),
            Phase::Transaction(transaction) => self.transaction_answered(transaction, reply),
            Phase::Reset => self.reset_answered(reply),
            Phase::Quit => self.closed(),
            Phase::Handshake | Phase::Ready | Phase::Closed => (),
        }
    }

    /// While the message is being sent, a refusal is one; anything else that nobody asked for is an error.
    fn unexpected(&mut self, reply: Reply) {
        if matches!(self.phase, Phase::Transaction(_)) && (reply.is_temporary() || reply.is_permanent()) {
            self.fail(Cause::Refused, reply);
        } else {
            self.replies_too_many();
        }
    }

    fn replies_too_many(&mut self) {
        let next = self.parser.next(&mut self.input);
        match next {
            Ok(Some(reply)) if reply.code == 421 => self.fail(Cause::Refused, reply),
            _ => self.protocol_error("The peer sent a reply that nothing asked for"),
        }
    }

    /// Part of a reply has come while it was our turn: its end would be taken for the answer to what is said next.
    fn early_reply(&mut self) {
        self.protocol_error("The peer answered before it was asked");
    }

    fn protocol_error(&mut self, text: &str) {
        self.fail(Cause::Protocol, local(5, 0, text));
    }

    /// Says a command and waits for its reply.
    fn command(&mut self, line: &str, wait: Duration) {
        debug_assert!(!line.contains(['\r', '\n']), "a command is one line");
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.wait(wait);
    }

    fn wait(&mut self, wait: Duration) {
        self.deadline = Some(self.now + wait);
    }

    /// A message may be sent.
    fn ready(&mut self) {
        self.phase = Phase::Ready;
        self.deadline = None;
        self.events.push_back(Event::Ready(self.capabilities.clone()));
    }

    fn reset_answered(&mut self, reply: Reply) {
        if reply.is_positive() { self.ready() } else { self.refused(reply) }
    }

    /// A reply that is not the hoped-for one.
    fn refused(&mut self, reply: Reply) {
        if reply.code >= 400 {
            self.fail(Cause::Refused, reply);
        } else {
            self.protocol_error("The peer's reply does not fit the command");
        }
    }

    fn closed(&mut self) {
        self.phase = Phase::Closed;
        self.deadline = None;
        self.events.push_back(Event::Closed);
    }

    /// The connection is of no further use: settles what is under way, and says so.
    fn fail(&mut self, cause: Cause, reply: Reply) {
        if let Phase::Transaction(transaction) = std::mem::replace(&mut self.phase, Phase::Closed) {
            self.events.push_back(Event::MessageResult(transaction.broken(cause, &reply)));
        }
        self.deadline = None;
        self.output.clear();
        self.input.clear();
        self.events.push_back(Event::Failed(Failure { cause, reply }));
    }
}

/// Our own words for a temporary failure.
fn local(subject: u16, detail: u16, text: &str) -> Reply {
    Reply::new(451, EnhancedCode(4, subject, detail), text)
}

#[cfg(test)]
mod tests;
