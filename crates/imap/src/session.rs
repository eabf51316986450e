//! One client's session: what may be asked when, and in which order it is answered.
//!
//! The driver feeds [`Session::handle_input`], then takes events until [`Session::poll_event`] gives none. After an
//! event nothing more is worked through until it is answered, so pipelined commands are answered in order
//! (RFC 3501 §5.5). Bytes to send come from [`Session::take_output`].

mod answered;
mod append;
mod authenticate;
mod compress;
mod enabled;
mod hidden;
mod idle;
mod legality;
mod skip;
#[cfg(test)]
mod tests;
mod tls;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mail::{Mono, TlsOffer, limits};

use crate::command::{Append, Command, NewMessage};
use crate::grammar;
use crate::reader::{Bounds, Found, Reader};
use crate::response::Writer;
use crate::{Code, Request, Text};

pub use enabled::Enabled;
pub use hidden::{Hidden, can_hide};

/// Where the session stands (RFC 3501 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has logged in.
    NotAuthenticated,
    /// Someone has, and no mailbox is selected.
    Authenticated,
    /// A mailbox is selected.
    Selected {
        /// By EXAMINE.
        read_only: bool,
    },
}

/// What a session is told at its beginning.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, for the greeting.
    pub hostname: String,
    /// See [`TlsOffer`].
    pub tls: TlsOffer,
    /// SASL mechanisms that are offered where logging in is allowed. Without PLAIN, LOGIN is not offered either.
    pub mechanisms: Vec<&'static str>,
    /// Whether logging in is refused in clear.
    pub login_needs_tls: bool,
    /// The largest message APPEND takes, in bytes.
    pub message_size: u64,
    /// A client that idles hears something at least so often, so that what is between keeps the connection; zero: not.
    pub keepalive: Duration,
    /// What is not announced, and to whom not.
    pub hidden: Arc<[Hidden]>,
    /// How many messages one command works on (RFC 9738).
    pub message_limit: u32,
    /// How many one COPY or MOVE takes.
    pub save_limit: u32,
}

/// What the driver is to do. Each is answered before the next comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Carry out, write untagged responses to [`Session::out`], then [`Session::complete`].
    /// Never LOGIN, AUTHENTICATE, APPEND, IDLE or what the session answers by itself.
    Command(Command),
    /// Forget who was logged in, then [`Session::logged_out`].
    Unauthenticate,
    /// Check, then [`Session::logged_in`] or [`Session::complete`] with NO.
    Login {
        /// The name as given.
        user: String,
        /// The password as given.
        password: String,
    },
    /// Begin a SASL exchange: [`Session::challenge`], [`Session::logged_in`] or [`Session::complete`] with NO.
    AuthStart {
        /// In capitals; one of those offered.
        mechanism: String,
        /// The initial response, if one was sent.
        initial: Option<Vec<u8>>,
    },
    /// The answer to a challenge; answered like `AuthStart`.
    AuthResponse(Vec<u8>),
    /// The client gave the exchange up; already answered.
    AuthAborted,
    /// May something be appended there? [`Session::accept_append`], or [`Session::complete`] with NO.
    AppendStart(Append),
    /// A message begins; the one before is whole. Needs no answer, but may be refused by [`Session::complete`], as may all
    /// that follows.
    AppendMessage(NewMessage),
    /// What this URL means goes on with the message (RFC 4469 §3). Needs no answer.
    AppendUrl(String),
    /// So many bytes of the message come as a literal: [`Session::accept_append`].
    AppendLiteral(u64),
    /// Some of these bytes; needs no answer.
    AppendData(Vec<u8>),
    /// All messages are whole; commit, then [`Session::complete`].
    AppendEnd,
    /// The command after a literal was wrong, and has been answered: forget the messages.
    AppendAborted,
    /// Write out, shake hands, then [`Session::tls_started`].
    StartTls,
    /// Write out, compress and expect compressed bytes from here on, then [`Session::compress_started`].
    Compress,
    /// Until `IdleEnd`, write what happens to [`Session::out`]; needs no answer.
    IdleStart,
    /// Write what may still be said, then [`Session::complete`].
    IdleEnd,
}

/// OK, NO or BAD (RFC 3501 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §7.1")]
pub enum Status {
    Ok,
    No,
    Bad,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// OK, NO or BAD.
    pub status: Status,
    /// For machines.
    pub code: Option<Code>,
    /// For people.
    pub text: Cow<'static, str>,
}

impl Completion {
    /// It was done.
    pub fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, code: None, text: text.into() }
    }

    /// It was done, with more to know.
    pub fn ok_with(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, code: Some(code), text: text.into() }
    }

    /// It was not done, and says why.
    pub fn no(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: Some(code), text: text.into() }
    }

    /// It was no command, or had wrong arguments.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
    }
}

/// What the session is busy with.
#[derive(Debug)]
enum Step {
    /// Waiting for a command.
    Reading,
    /// The driver carries out the command of this tag.
    Running(String),
    /// Waiting for the client's answer to a challenge.
    Challenged(String),
    /// The driver decides about an APPEND.
    AppendAsked(append::Progress),
    /// What APPEND asks for is handed out.
    AppendPieces(append::Progress),
    /// The driver decides about its next literal.
    LiteralAsked(append::Progress),
    /// The literal comes in.
    AppendData(append::Progress),
    /// A refused literal, or another one, comes in anyway; how the command ends then.
    Skipping(append::Progress, Completion),
    Idling(String),
    /// The line in IDLE was not DONE.
    IdleBroken(String),
    Handshake,
    /// The driver begins to compress.
    Compressing,
    Closed,
}

/// See the module's description.
#[derive(Debug)]
pub struct Session {
    config: Config,
    state: State,
    step: Step,
    reader: Reader,
    output: Vec<u8>,
    enabled: Enabled,
    supplied: Option<String>,
    compressed: bool,
    errors: u32,
    last_heard: Mono,
    /// While idling: when something was last said.
    last_said: Mono,
    known: hidden::Known,
}

impl Session {
    /// Begins with the greeting.
    pub fn new(config: Config, now: Mono) -> Self {
        let mut session = Self {
            config,
            state: State::NotAuthenticated,
            step: Step::Reading,
            reader: Reader::default(),
            output: Vec::new(),
            enabled: Enabled::default(),
            supplied: None,
            compressed: false,
            errors: 0,
            last_heard: now,
            last_said: now,
            known: hidden::Known::default(),
        };
        let code = Code::Capability(session.capabilities());
        let text = format!("{} Posthouse ready", session.config.hostname);
        session.out().untagged("OK", Some(&code), &text);
        session
    }

    /// Takes bytes that have arrived.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        // Before login only whole commands count as life, so that trickling bytes hold no connection.
        if self.state != State::NotAuthenticated {
            self.last_heard = now;
        }
        if !self.is_closed() {
            self.reader.push(bytes);
        }
    }

    /// Works through the input up to the next event. Call until it gives none.
    pub fn poll_event(&mut self, now: Mono) -> Option<Event> {
        loop {
            let event = match &self.step {
                Step::Reading => self.poll_command(now),
                Step::Challenged(_) => self.poll_auth_response(),
                Step::AppendPieces(_) => self.poll_piece(),
                Step::AppendData(_) | Step::Skipping(..) => self.poll_literal(),
                Step::Idling(_) => self.poll_done(),
                _ => return None,
            };
            match event {
                Polled::Event(event) => return Some(event),
                Polled::Again => {}
                Polled::Waiting => return None,
            }
        }
    }

    /// Takes the bytes to send.
    pub fn take_output(&mut self, into: &mut Vec<u8>) {
        into.append(&mut self.output);
    }

    /// Bytes that wait to be sent.
    pub fn output_length(&self) -> usize {
        self.output.len()
    }

    /// For untagged responses.
    pub fn out(&mut self) -> Writer<'_> {
        Writer(&mut self.output, self.enabled.text())
    }

    /// The output itself, for a driver that writes large responses in parts.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether more input would help; else the driver leaves it with the sender.
    pub fn wants_input(&self) -> bool {
        matches!(
            self.step,
            Step::Reading | Step::Challenged(_) | Step::AppendData(_) | Step::Skipping(..) | Step::Idling(_)
        )
    }

    /// When [`Session::handle_timeout`] is due, unless something happens before.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let patience = match self.state {
            State::NotAuthenticated => limits::LOGIN_TIMEOUT,
            _ => limits::IMAP_IDLE_TIMEOUT,
        };
        let silence = self.wants_input().then(|| self.last_heard + patience)?;
        Some(self.keepalive_due().map_or(silence, |due| due.min(silence)))
    }

    /// Says goodbye if nothing was heard for too long (RFC 3501 §5.4), and something to a client that idles.
    pub fn handle_timeout(&mut self, now: Mono) {
        if self.keepalive_due().is_some_and(|due| due <= now) {
            self.keep_alive(now);
        }
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.bye(None, "Nothing was heard for too long");
        }
    }

    /// Whether the connection ends once the output is sent.
    pub fn is_closed(&self) -> bool {
        matches!(self.step, Step::Closed)
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// What the client has switched on.
    pub fn enabled(&self) -> Enabled {
        self.enabled
    }

    /// How the client reads and writes what is not ASCII.
    pub fn text(&self) -> Text {
        self.enabled.text()
    }

    /// See [`Request::supplied`]; of the command that is being carried out.
    pub fn supplied(&self) -> Option<&str> {
        self.supplied.as_deref()
    }

    /// What the client calls the command that is being carried out.
    pub fn tag(&self) -> &str {
        if let Step::Running(tag) = &self.step { tag } else { "" }
    }

    /// Moves between authenticated and selected.
    pub fn set_state(&mut self, state: State) {
        self.state = state;
    }

    /// Gives buffers back while the client is silent.
    pub fn release(&mut self) {
        self.reader.release();
        if self.output.is_empty() {
            self.output = Vec::new();
        }
    }

    /// `* BYE` and the end.
    pub fn bye(&mut self, code: Option<&Code>, text: &str) {
        if !self.is_closed() {
            self.out().untagged("BYE", code, text);
            self.close();
        }
    }

    fn close(&mut self) {
        self.step = Step::Closed;
        self.reader.clear();
    }

    /// Ends the running command. After too many errors (in a row, once logged in), ends the session too.
    pub fn complete(&mut self, completion: Completion) {
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::Running(tag) | Step::Challenged(tag) | Step::Idling(tag) => self.tagged(&tag, &completion),
            Step::IdleBroken(tag) => self.tagged(&tag, &Completion::bad("Expected DONE")),
            Step::AppendAsked(progress) | Step::AppendPieces(progress) | Step::LiteralAsked(progress) => {
                self.refuse_append(progress, completion);
            }
            Step::AppendData(progress) => self.skip(progress, completion),
            other => self.step = other,
        }
    }

    fn tagged(&mut self, tag: &str, completion: &Completion) {
        let status = match completion.status {
            Status::Ok => "OK",
            Status::No => "NO",
            Status::Bad => "BAD",
        };
        self.out().condition(tag, status, completion.code.as_ref(), &completion.text);
        match completion.status {
            Status::Bad => self.count_error(),
            // A session that lasts for days may err now and then.
            Status::Ok if self.state != State::NotAuthenticated => self.errors = 0,
            _ => {}
        }
    }

    fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= limits::IMAP_ERRORS {
            self.bye(None, "Too many errors");
        }
    }

    /// Answers what cannot be parsed, with its tag if it has one.
    fn reject(&mut self, tag: Option<&str>, code: Option<Code>, text: &'static str) {
        let completion = Completion { code, ..Completion::bad(text) };
        self.tagged(tag.unwrap_or("*"), &completion);
    }

    fn bounds(&self) -> Bounds {
        match self.state {
            State::NotAuthenticated => Bounds::BEFORE_LOGIN,
            _ => Bounds::AFTER_LOGIN,
        }
    }

    fn poll_command(&mut self, now: Mono) -> Polled {
        match self.reader.poll(self.bounds(), self.enabled.text()) {
            Found::Nothing | Found::Segment(..) => return Polled::Waiting,
            Found::Command(bytes) => {
                self.last_heard = now;
                return match self.append_without_literal(&bytes) {
                    Some(found) => found,
                    None => self.dispatch(&bytes),
                };
            }
            Found::WantsContinuation => drop(self.out().raw(b"+ OK\r\n")),
            Found::Append(tag, parsed, announced) => return self.append_found(tag, parsed, Some(announced)),
            Found::LiteralTooBig(tag, announced) => self.literal_too_big(tag, announced),
            Found::LineTooLong(tag) => {
                self.reject(tag.as_deref(), Some(Code::TooBig), "The command is too long");
                self.bye(Some(&Code::TooBig), "The command is too long");
            }
        }
        Polled::Again
    }

    fn dispatch(&mut self, bytes: &[u8]) -> Polled {
        match grammar::parse_in(self.text(), bytes) {
            Ok(Request { tag, command, supplied }) => match self.refusal(&command) {
                None => {
                    self.supplied = supplied;
                    self.begin(tag, command)
                }
                Some(refusal) => {
                    self.tagged(&tag, &refusal);
                    Polled::Again
                }
            },
            Err(error) => {
                let tag = grammar::tag_of(bytes).map(str::to_owned);
                self.reject(tag.as_deref(), None, error.0);
                // Attack A6: a browser made to speak to us gets no second line.
                if self.state == State::NotAuthenticated
                    && matches!(tag.as_deref(), Some("GET" | "POST" | "PUT"))
                {
                    self.bye(None, "This is not HTTP");
                }
                Polled::Again
            }
        }
    }

    fn refusal(&self, command: &Command) -> Option<Completion> {
        legality::refusal(command, self.state, &self.config).or_else(|| self.enabled.refusal(command))
    }

    fn begin(&mut self, tag: String, command: Command) -> Polled {
        self.enabled.note(&command);
        match command {
            Command::Capability => self.capability(&tag),
            Command::Logout => self.logout(&tag),
            Command::Id(fields) => self.id(&tag, &fields),
            Command::Enable(names) => self.enable(&tag, &names),
            Command::Namespace => self.namespace(&tag),
            Command::StartTls => return self.start_tls(&tag),
            Command::Compress => return self.compress(&tag),
            Command::Unauthenticate => return self.run(tag, Event::Unauthenticate),
            Command::Login { user, password } => return self.run(tag, Event::Login { user, password }),
            Command::Authenticate { mechanism, initial } => {
                return self.run(tag, Event::AuthStart { mechanism, initial });
            }
            Command::Idle => {
                self.out().raw(b"+ idling\r\n");
                self.step = Step::Idling(tag);
                self.last_said = self.last_heard;
                return Polled::Event(Event::IdleStart);
            }
            other => return self.run(tag, Event::Command(other)),
        }
        Polled::Again
    }

    fn run(&mut self, tag: String, event: Event) -> Polled {
        self.step = Step::Running(tag);
        Polled::Event(event)
    }
}

/// What a look at the input came to.
enum Polled {
    Event(Event),
    /// Answered without the driver: look again.
    Again,
    /// More input is needed.
    Waiting,
}
