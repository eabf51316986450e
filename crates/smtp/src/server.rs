//! The server's side of a connection: MX, submission or LMTP.
//!
//! [`Session`] is one state machine: what the next bytes mean is its `State`, what the client has said so far is in
//! its fields, and one `match` on the verb leads to one file per command. A transaction ends in one place only,
//! `reset_transaction` (attacks A2).

mod auth;
mod budget;
mod config;
mod data;
mod event;
mod hello;
mod mail_from;
mod rcpt;
mod simple;
mod starttls;
mod words;
mod xclient;

use std::collections::VecDeque;

use mail::{Domain, Envelope, Mono, Reply, TlsOffer, limits};

use crate::grammar::command::{self, Verb};
use crate::input::{Input, Line};
use crate::reply;
use auth::Exchange;
use budget::Budget;
use data::{Chunk, Transfer};
use hello::Hello;

pub use config::{Config, FutureRelease, Service};
pub use event::{Answer, Event, MailParams, XClient};

/// What the next bytes are, or what is being waited for.
#[derive(Debug)]
enum State {
    /// A command line.
    Command,
    /// The client's part of an AUTH exchange.
    Auth(Exchange),
    /// Bytes of the message, in `transfer`.
    Body,
    /// Bytes of a BDAT chunk that was refused with this reply.
    Discard(Chunk, Reply),
    /// The driver's answer.
    Asking(Question),
    /// The driver's handshake.
    Handshake,
    /// Over.
    Closed,
}

/// What the driver was asked, with what its Accept will put into place.
#[derive(Debug)]
enum Question {
    Auth,
    XClient,
    Mail(Envelope),
    Rcpt(mail::Recipient),
    /// DATA, or BDAT with its first chunk.
    Start(Option<Chunk>),
    End,
}

/// One connection, from the greeting to the close.
#[derive(Debug)]
pub struct Session {
    config: Config,
    input: Input,
    output: Vec<u8>,
    events: VecDeque<Event>,
    state: State,
    tls: bool,
    authenticated: bool,
    hello: Option<Hello>,
    /// MAIL was accepted, and the transaction is not over.
    in_transaction: bool,
    envelope: Envelope,
    /// DATA or BDAT was accepted, and the message is not complete.
    transfer: Option<Transfer>,
    budget: Budget,
    heard: Mono,
}

impl Session {
    /// A new connection. The greeting is the first output.
    pub fn new(config: Config, now: Mono) -> Self {
        let tls = config.tls == TlsOffer::Active;
        let mut session = Self {
            config,
            input: Input::default(),
            output: Vec::new(),
            events: VecDeque::new(),
            state: State::Command,
            tls,
            authenticated: false,
            hello: None,
            in_transaction: false,
            envelope: Envelope::default(),
            transfer: None,
            budget: Budget::default(),
            heard: now,
        };
        session.greet();
        session
    }

    /// A connection that is not served: says `reply` instead of the greeting and closes (RFC 5321 §3.1).
    pub fn refuse(reply: &Reply) -> Self {
        let nobody = Domain::new("localhost").expect("localhost is a domain");
        let mut session = Self::new(Config::new(nobody, Service::Mx), Mono::default());
        session.output.clear();
        session.close(reply);
        session
    }

    /// Takes what was read and works through it as far as it can without a decision.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        self.heard = now;
        match self.state {
            State::Closed => (),
            // Nothing may be read between STARTTLS and the handshake (attacks A3).
            State::Handshake => self.close(&words::behind_start_tls()),
            _ => {
                self.input.push(bytes);
                self.work();
            }
        }
    }

    /// The client closed its side. A transaction under way is dropped, with [`Event::Reset`].
    pub fn handle_eof(&mut self) {
        self.end();
        self.output.clear();
    }

    /// What happened next. After an event that needs an answer there is none until [`Self::answer`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The decision on the last event, then works on through what was read before.
    pub fn answer(&mut self, answer: Answer, now: Mono) {
        if !matches!(self.state, State::Asking(_)) {
            // The session was closed in between, or the driver answers what nobody asked.
            debug_assert!(matches!(self.state, State::Closed), "no question is open");
            return;
        }
        self.heard = now;
        let State::Asking(question) = std::mem::replace(&mut self.state, State::Command) else { return };
        match question {
            Question::Auth => self.auth_answered(answer),
            Question::XClient => self.xclient_answered(answer),
            Question::Mail(envelope) => self.mail_answered(envelope, answer),
            Question::Rcpt(recipient) => self.rcpt_answered(recipient, answer),
            Question::Start(chunk) => self.start_answered(chunk, answer),
            Question::End => self.end_answered(answer),
        }
        self.work();
    }

    /// TLS is up after [`Event::StartTls`]; everything learned before it is forgotten (RFC 3207 §4.2).
    /// `channel_binding` says whether mechanisms whose name ends in `-PLUS` can work on it.
    pub fn tls_started(&mut self, channel_binding: bool, now: Mono) {
        self.heard = now;
        self.start_over_under_tls(channel_binding);
    }

    /// Ends the session from our side, as on shutdown: says `reply` (a 421) and closes (RFC 5321 §3.8).
    pub fn close(&mut self, reply: &Reply) {
        self.say(reply);
        self.end();
    }

    /// Bytes to write, if any. Write them before reading again, and before a handshake.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        (!self.output.is_empty()).then(|| std::mem::take(&mut self.output))
    }

    /// Whether to read more. Not while a decision is open, so memory holds one chunk and one line at most.
    pub fn wants_input(&self) -> bool {
        matches!(self.state, State::Command | State::Auth(_) | State::Body | State::Discard(..))
    }

    /// When to call [`Self::handle_timeout`] unless something else happens before.
    pub fn poll_timeout(&self) -> Option<Mono> {
        if !self.wants_input() {
            return None;
        }
        let silence = self.heard + self.config.command_timeout;
        let message = self.transfer.as_ref().map(|t| t.began + self.config.message_timeout);
        Some(message.map_or(silence, |deadline| silence.min(deadline)))
    }

    /// The time has come; says 421 4.4.2 and closes if the deadline has passed (RFC 5321 §4.5.3.2.7).
    pub fn handle_timeout(&mut self, now: Mono) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        let silent = now >= self.heard + self.config.command_timeout;
        self.close(&if silent { words::idle() } else { words::message_too_slow() });
    }

    /// Whether the session is over and all its output taken: hang up.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed) && self.output.is_empty()
    }

    /// The transaction so far: what MAIL and RCPT said and was accepted. Empty without a transaction.
    /// At [`Event::BodyEnd`] it is complete.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether the connection is under TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether AUTH has succeeded.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// What the client called itself; none before HELO, EHLO or LHLO.
    pub fn client_name(&self) -> Option<&str> {
        self.hello.as_ref().map(|hello| hello.client.as_str())
    }

    /// Whether the client said EHLO or LHLO rather than HELO, for the `with` of Received (RFC 3848).
    pub fn is_extended(&self) -> bool {
        self.hello.as_ref().is_some_and(|hello| hello.extended)
    }

    /// Goes on until more input or a decision is needed.
    fn work(&mut self) {
        while match self.state {
            State::Command | State::Auth(_) => self.take_line(),
            State::Body => self.take_body(),
            State::Discard(..) => self.discard(),
            State::Asking(_) | State::Handshake | State::Closed => false,
        } {}
    }

    fn take_line(&mut self) -> bool {
        // A TLS handshake where none is expected (RFC 8446 §5.1: record type 22).
        if self.hello.is_none() && self.input.pending().first() == Some(&22) {
            self.hang_up_on("", words::no_mail_protocol());
        }
        match self.input.take_line(limits::SMTP_AUTH_LINE_LENGTH) {
            Line::Incomplete => return false,
            Line::Complete(line) => self.handle_line(&line),
            Line::BareLf(_) => self.line_refused("", words::bare_newline()),
            Line::TooLong => self.line_refused("", self.long_line()),
            Line::Endless => self.close(&words::endless_line()),
        }
        true
    }

    fn long_line(&self) -> Reply {
        match self.state {
            State::Auth(_) => words::auth_line_too_long(),
            _ => words::line_too_long(),
        }
    }

    fn handle_line(&mut self, line: &[u8]) {
        let Ok(text) = str::from_utf8(line) else {
            return self.line_refused("", words::not_text());
        };
        if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return self.line_refused(text, words::bare_newline());
        }
        if matches!(self.state, State::Auth(_)) {
            return self.handle_auth_response(text);
        }
        let (verb, _) = command::split(text);
        if text.len() + 2 > limits::SMTP_LINE_LENGTH && verb != Verb::Auth {
            return self.refuse_command(text, words::line_too_long());
        }
        self.handle_command(text);
    }

    /// A line that cannot be taken at all; it also ends an AUTH exchange.
    fn line_refused(&mut self, line: &str, reply: Reply) {
        let in_auth = matches!(self.state, State::Auth(_));
        if in_auth {
            self.state = State::Command;
            self.events.push_back(Event::AuthAborted);
        }
        self.refuse_command(if in_auth { "" } else { line }, reply);
    }

    /// The one place that leads from a verb to what it does.
    fn handle_command(&mut self, line: &str) {
        let (verb, args) = command::split(line);
        if !self.budget.spend_command(verb, &self.config) {
            return self.close(&words::too_many_commands());
        }
        let done = match verb {
            Verb::Helo | Verb::Ehlo | Verb::Lhlo => self.hello(verb, args),
            Verb::Mail => self.mail(args),
            Verb::Rcpt => self.rcpt(args),
            Verb::Data => self.data(args),
            Verb::Bdat => return self.bdat(args),
            Verb::Rset => self.rset(args),
            Verb::Noop => return self.noop(),
            Verb::Quit => self.quit(args),
            Verb::Vrfy => self.vrfy(args),
            Verb::Help => return self.help(),
            Verb::StartTls => self.starttls(args),
            Verb::Auth => self.auth(args),
            Verb::XClient => self.xclient(args),
            // EXPN tells who is on a list, which is nobody's business (RFC 5321 §7.3).
            Verb::Expn | Verb::Unserved => Err(words::not_served()),
            Verb::Http => return self.hang_up_on(line, words::no_mail_protocol()),
            Verb::Unknown => Err(words::unknown_command()),
        };
        if let Err(reply) = done {
            self.refuse_command(line, reply);
        }
    }

    /// Says no to a command, and closes when that has happened too often.
    fn refuse_command(&mut self, line: &str, reply: Reply) {
        let counts = reply.is_permanent();
        self.say(&reply);
        self.events.push_back(Event::Violation { command: command::excerpt(line), reply });
        if counts && !self.budget.spend_error(&self.config) {
            self.close(&words::too_many_errors());
        }
    }

    /// Says a last word to a client that does not speak SMTP.
    fn hang_up_on(&mut self, line: &str, reply: Reply) {
        self.close(&reply);
        self.events.push_back(Event::Violation { command: command::excerpt(line), reply });
    }

    /// Sends a reply.
    fn say(&mut self, reply: &Reply) {
        reply::encode(reply, &mut self.output);
    }

    /// Asks the driver: nothing goes on until it answers.
    fn ask(&mut self, question: Question, event: Event) {
        self.state = State::Asking(question);
        self.events.push_back(event);
    }

    /// The one way out of a transaction. Says whether there was one.
    fn reset_transaction(&mut self) -> bool {
        self.transfer = None;
        self.envelope = Envelope::default();
        std::mem::replace(&mut self.in_transaction, false)
    }

    /// Drops a transaction that will not come to an end, and tells the driver.
    fn abandon_transaction(&mut self) {
        if self.reset_transaction() {
            self.events.push_back(Event::Reset);
        }
    }

    /// Nothing more is read or said.
    fn end(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.abandon_transaction();
            self.input.clear();
            self.state = State::Closed;
        }
    }
}

/// The driver's no, as it may be said: never a success, and never what would end the reply early.
fn refusal(answer: Answer) -> Reply {
    match answer {
        Answer::Reject(reply) if reply.is_temporary() || reply.is_permanent() => reply,
        _ => {
            debug_assert!(false, "the answer does not fit the question");
            words::local_error()
        }
    }
}

/// A success with the driver's words, if it has some.
fn agreed(usual: Reply, words: Option<String>) -> Reply {
    match (words, usual.enhanced) {
        (Some(words), Some(enhanced)) => Reply::new(usual.code, enhanced, words),
        _ => usual,
    }
}

#[cfg(test)]
mod tests;
