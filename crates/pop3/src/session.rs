//! The session: three states (RFC 1939 §3-§6), and the one thing it may be waiting for.

mod replies;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{Mono, TlsOffer, limits};

use crate::command::{self, Command};
use crate::maildrop::{Maildrop, Message};
use crate::stuffing::Stuffing;

/// Output beyond which a listing waits until it has been written.
const OUTPUT: usize = 64 * 1024;

/// How a session is to behave.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, for the greeting.
    pub hostname: String,
    /// Whether TLS can be had.
    pub tls: TlsOffer,
    /// SASL mechanisms to offer, best first. Without PLAIN, USER is not offered either.
    pub mechanisms: Vec<&'static str>,
    /// Whether logins are refused before TLS.
    pub login_needs_tls: bool,
}

/// What the driver is asked; the session goes on once it has the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// USER and PASS. Answer: [`Session::logged_in`] or [`Session::login_failed`].
    Login {
        /// As given.
        user: String,
        /// As given.
        password: String,
    },
    /// AUTH. Answer: as for [`Event::Login`], or [`Session::challenge`].
    AuthStart {
        /// As given, in any case.
        mechanism: String,
        /// The initial response, decoded.
        initial: Option<Vec<u8>>,
    },
    /// The response to a challenge, decoded. Answer: as for [`Event::AuthStart`].
    AuthResponse(Vec<u8>),
    /// The client gave the exchange up. No answer.
    AuthAborted,
    /// STLS. Write the output, shake hands, then [`Session::tls_started`].
    StartTls,
    /// RETR or TOP. Answer: [`Session::body`] as long as it wants more, then [`Session::body_end`]; or
    /// [`Session::body_failed`].
    Retrieve {
        /// The message's UID.
        uid: u32,
    },
    /// QUIT after DELE: these UIDs are to go, all or none. Answer: [`Session::updated`].
    Update {
        /// In the maildrop's order; at least one.
        deleted: Vec<u32>,
    },
}

/// Why a login failed, as the client hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// Name or password is wrong: `[AUTH]` (RFC 3206 §4).
    Refused,
    /// The response is not of the mechanism's form, or the mechanism is unknown.
    Malformed,
    /// Another session has the maildrop: `[IN-USE]` (RFC 2449 §8.1.2).
    InUse,
    /// Too many have failed; nothing was checked: `[SYS/TEMP]`.
    Throttled,
    /// Something of ours does not work: `[SYS/TEMP]` (RFC 3206 §4).
    Unavailable,
}

/// What the session waits for.
#[derive(Debug)]
enum Waiting {
    /// The client's next line.
    Command,
    /// The client's SASL response.
    Response,
    /// The driver's answer to a login, a handshake or an update.
    Answer,
    /// The driver's message.
    Message { stuffing: Stuffing, size: Option<u64>, begun: bool },
    /// Room in the output for the rest of a listing.
    Room { listing: Listing, next: u32 },
    /// Nothing more: the output is the last.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    Sizes,
    UniqueIds,
}

/// One client's session. See the crate's description for the order of calls.
#[derive(Debug)]
pub struct Session {
    config: Config,
    input: Vec<u8>,
    output: Vec<u8>,
    waiting: Waiting,
    user: Option<String>,
    /// UTF8 was given (RFC 6856 §2.1).
    utf8: bool,
    maildrop: Option<Maildrop>,
    errors: u32,
    active: Mono,
}

impl Session {
    /// Begins with the greeting.
    pub fn new(config: Config, now: Mono) -> Self {
        let mut session = Self {
            input: Vec::new(),
            output: Vec::new(),
            waiting: Waiting::Command,
            user: None,
            utf8: false,
            maildrop: None,
            errors: 0,
            active: now,
            config,
        };
        let greeting = format!("{} POP3 server ready", session.config.hostname);
        session.ok(&greeting);
        session
    }

    /// Takes bytes from the client. At most one chunk and one line are kept: ask [`Session::wants_input`] first.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) {
        // Before login only whole commands count as life, so that trickling bytes hold no connection.
        if self.maildrop.is_some() {
            self.active = now;
        }
        if !matches!(self.waiting, Waiting::Nothing) {
            self.input.extend_from_slice(bytes);
        }
    }

    /// Works through what came, up to the next thing the driver must do.
    pub fn poll_event(&mut self, now: Mono) -> Option<Event> {
        loop {
            match self.waiting {
                Waiting::Room { listing, next } => {
                    if self.output.len() >= OUTPUT {
                        return None;
                    }
                    self.list_some(listing, next);
                }
                Waiting::Command | Waiting::Response if self.output.len() < OUTPUT => {
                    let line = self.next_line()?;
                    self.active = now;
                    let event = self.handle_line(&line);
                    if event.is_some() {
                        return event;
                    }
                }
                _ => return None,
            }
        }
    }

    /// Bytes to write; the driver takes them out.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the client is to be read from. If not, and nothing is left to write, poll for events again.
    pub fn wants_input(&self) -> bool {
        matches!(self.waiting, Waiting::Command | Waiting::Response) && !self.input.contains(&b'\n')
    }

    /// Whether the session ends once the output has been written.
    pub fn is_closed(&self) -> bool {
        matches!(self.waiting, Waiting::Nothing)
    }

    /// When to call [`Session::handle_timeout`].
    pub fn poll_timeout(&self) -> Mono {
        let timeout = if self.maildrop.is_some() { limits::POP3_IDLE_TIMEOUT } else { limits::LOGIN_TIMEOUT };
        self.active + timeout
    }

    /// RFC 1939 §3: the session ends without a response and without removing anything.
    pub fn handle_timeout(&mut self, now: Mono) {
        if now >= self.poll_timeout() {
            self.close();
        }
    }

    /// Ends the session from our side, removing nothing; says why where a response may stand.
    pub fn bye(&mut self, why: &str) {
        if matches!(self.waiting, Waiting::Command) {
            self.error(why);
        }
        self.close();
    }

    fn close(&mut self) {
        self.waiting = Waiting::Nothing;
        self.input = Vec::new();
    }

    /// The next whole line without its end.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let limit = match self.waiting {
            Waiting::Response => limits::SMTP_AUTH_LINE_LENGTH,
            _ => limits::POP3_LINE,
        };
        let end = self.input.iter().position(|&b| b == b'\n');
        if end.unwrap_or(self.input.len()) > limit {
            self.error("The line is too long");
            self.close();
            return None;
        }
        let mut line: Vec<u8> = self.input.drain(..=end?).collect();
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
        Some(line)
    }

    fn handle_line(&mut self, line: &[u8]) -> Option<Event> {
        if matches!(self.waiting, Waiting::Response) {
            return Some(self.handle_response(line));
        }
        match command::parse(line) {
            Ok(command) if self.maildrop.is_some() => self.in_transaction(&command),
            Ok(command) => self.in_authorization(command),
            Err(command::Error::Unknown) => self.bad("There is no such command"),
            Err(command::Error::Arguments) => self.bad("The arguments are not those of this command"),
        }
    }

    /// RFC 1939 §4
    fn in_authorization(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Capa => self.capabilities(),
            Command::Quit => self.quit(),
            Command::Stls => return self.stls(),
            Command::User(_) | Command::Pass(_) | Command::Auth(_) if !self.may_log_in() => {
                return self.bad("Use STLS first: passwords are not accepted in clear");
            }
            Command::User(_) | Command::Pass(_) if !self.takes_passwords() => {
                return self.bad("USER is not offered; use AUTH");
            }
            Command::User(user) => {
                self.user = Some(user);
                self.ok("Now the password");
            }
            Command::Pass(password) => {
                let Some(user) = self.user.take() else { return self.bad("USER comes first") };
                self.waiting = Waiting::Answer;
                return Some(Event::Login { user, password });
            }
            // RFC 6856 §2.1: both server and client may send UTF-8 from now on.
            Command::Utf8 => {
                self.utf8 = true;
                self.ok("UTF-8 it is");
            }
            Command::Lang(range) => self.language(range.as_deref()),
            Command::Auth(None) => self.list_mechanisms(),
            Command::Auth(Some((mechanism, initial))) => return self.auth(mechanism, initial.as_deref()),
            _ => return self.bad("Log in first"),
        }
        None
    }

    fn may_log_in(&self) -> bool {
        self.config.tls == TlsOffer::Active || !self.config.login_needs_tls
    }

    /// Whether USER and PASS are taken: they send what PLAIN does.
    fn takes_passwords(&self) -> bool {
        self.config.mechanisms.contains(&"PLAIN")
    }

    /// RFC 2595 §4. What was sent behind STLS in clear could be an attacker's (attack A3).
    fn stls(&mut self) -> Option<Event> {
        match self.config.tls {
            TlsOffer::None => self.bad("There is no TLS here"),
            TlsOffer::Active => self.bad("TLS is active already"),
            // RFC 6856 §2.1
            TlsOffer::Offered if self.utf8 => self.bad("STLS comes before UTF8"),
            TlsOffer::Offered if !self.input.is_empty() => {
                self.error("Nothing may follow STLS before TLS has begun");
                self.close();
                None
            }
            TlsOffer::Offered => {
                self.ok("Begin TLS now");
                self.user = None;
                self.waiting = Waiting::Answer;
                Some(Event::StartTls)
            }
        }
    }

    /// The handshake succeeded; these mechanisms are offered from now on.
    pub fn tls_started(&mut self, mechanisms: Vec<&'static str>, now: Mono) {
        self.config.tls = TlsOffer::Active;
        self.config.mechanisms = mechanisms;
        self.active = now;
        self.input.clear();
        self.waiting = Waiting::Command;
    }

    /// RFC 5034 §4: `=` is an empty initial response.
    fn auth(&mut self, mechanism: String, initial: Option<&str>) -> Option<Event> {
        let initial = match initial {
            None => None,
            Some("=") => Some(Vec::new()),
            Some(text) => match STANDARD.decode(text) {
                Ok(bytes) => Some(bytes),
                Err(_) => return self.bad("The initial response is not base64"),
            },
        };
        self.waiting = Waiting::Answer;
        Some(Event::AuthStart { mechanism, initial })
    }

    fn handle_response(&mut self, line: &[u8]) -> Event {
        let response = if line == b"*" { None } else { STANDARD.decode(line).ok() };
        if let Some(response) = response {
            self.waiting = Waiting::Answer;
            return Event::AuthResponse(response);
        }
        self.waiting = Waiting::Command;
        self.bad(if line == b"*" { "As you wish" } else { "The response is not base64" });
        Event::AuthAborted
    }

    /// The next challenge of a SASL exchange.
    pub fn challenge(&mut self, challenge: &[u8]) {
        let line = format!("+ {}\r\n", STANDARD.encode(challenge));
        self.output.extend_from_slice(line.as_bytes());
        self.waiting = Waiting::Response;
    }

    /// The login succeeded: the maildrop's messages in their order, as they are now.
    pub fn logged_in(&mut self, uid_validity: u32, messages: Vec<Message>, now: Mono) {
        self.maildrop = Some(Maildrop::new(uid_validity, messages));
        self.active = now;
        self.waiting = Waiting::Command;
        let summary = self.summary();
        self.ok(&summary);
    }

    /// The login failed.
    pub fn login_failed(&mut self, failure: LoginFailure, now: Mono) {
        self.active = now;
        self.waiting = Waiting::Command;
        self.error(match failure {
            LoginFailure::Refused => "[AUTH] Name or password is wrong",
            LoginFailure::Malformed => "That mechanism is not offered, or the response is not of its form",
            LoginFailure::InUse => "[IN-USE] Another session has this mailbox open",
            LoginFailure::Throttled => "[SYS/TEMP] Too many failed logins; try again later",
            LoginFailure::Unavailable => "[SYS/TEMP] Logins do not work at the moment; try again later",
        });
    }

    /// RFC 1939 §5
    fn in_transaction(&mut self, command: &Command) -> Option<Event> {
        match *command {
            Command::Lang(ref range) => self.language(range.as_deref()),
            Command::Utf8 => return self.bad("UTF8 comes before the login"),
            Command::Capa => self.capabilities(),
            Command::Noop => self.ok("Still here"),
            Command::Stat => self.stat(),
            Command::List(None) => self.begin_listing(Listing::Sizes),
            Command::Uidl(None) => self.begin_listing(Listing::UniqueIds),
            Command::List(Some(number)) => self.list_one(Listing::Sizes, number),
            Command::Uidl(Some(number)) => self.list_one(Listing::UniqueIds, number),
            Command::Retr(number) => return self.retrieve(number, None),
            Command::Top(number, lines) => return self.retrieve(number, Some(lines)),
            Command::Dele(number) => self.delete(number),
            Command::Rset => self.reset(),
            Command::Quit => return self.update(),
            _ => return self.bad("You are logged in already"),
        }
        None
    }

    fn retrieve(&mut self, number: u32, lines: Option<u32>) -> Option<Event> {
        let Some(message) = self.message(number) else { return self.no_such_message() };
        let size = lines.is_none().then_some(message.size);
        self.waiting = Waiting::Message { stuffing: Stuffing::new(lines), size, begun: false };
        Some(Event::Retrieve { uid: message.uid })
    }

    /// Whether the client knows UTF-8 (RFC 6856 §2.1); to others no message goes out whose header fields need it.
    pub fn is_utf8(&self) -> bool {
        self.utf8
    }

    /// Before the first bytes of a message that is sent in another form than it has: the octets it has then.
    pub fn body_size(&mut self, octets: u64) {
        if let Waiting::Message { size: Some(size), .. } = &mut self.waiting {
            *size = octets;
        }
    }

    /// The next bytes of the message. Whether more are wanted; write the output in between.
    pub fn body(&mut self, chunk: &[u8]) -> bool {
        self.begin_body();
        let Waiting::Message { stuffing, .. } = &mut self.waiting else { return false };
        stuffing.take(chunk, &mut self.output);
        stuffing.wants_more()
    }

    fn begin_body(&mut self) {
        let Waiting::Message { size, begun, .. } = &mut self.waiting else { return };
        if !std::mem::replace(begun, true) {
            let text =
                size.map_or_else(|| "The beginning follows".to_owned(), |size| format!("{size} octets"));
            self.ok(&text);
        }
    }

    /// The message has been passed, or as much of it as was wanted.
    pub fn body_end(&mut self, now: Mono) {
        self.begin_body();
        self.active = now;
        if let Waiting::Message { stuffing, .. } = std::mem::replace(&mut self.waiting, Waiting::Command) {
            stuffing.end(&mut self.output);
        }
    }

    /// The message cannot be read. Once its beginning is out, the connection must break: an end mark would make the
    /// client take the torso for the message.
    pub fn body_failed(&mut self, why: &str) {
        if matches!(self.waiting, Waiting::Message { begun: true, .. }) {
            self.close();
        } else {
            self.waiting = Waiting::Command;
            self.error(why);
        }
    }

    /// RFC 1939 §6: only QUIT leads to the UPDATE state.
    fn update(&mut self) -> Option<Event> {
        let deleted = self.maildrop.as_ref().map(Maildrop::deleted).unwrap_or_default();
        if deleted.is_empty() {
            self.quit();
            return None;
        }
        self.waiting = Waiting::Answer;
        Some(Event::Update { deleted })
    }

    /// Whether the messages are gone, durably. The session ends either way.
    pub fn updated(&mut self, done: bool) {
        if done {
            self.quit();
        } else {
            self.error("[SYS/TEMP] Not all messages could be removed; try again later");
            self.close();
        }
    }

    fn quit(&mut self) {
        self.ok("Goodbye");
        self.close();
    }
}

#[cfg(test)]
mod tests;
