//! Transcripts: what a client says, what the session says and asks.

mod attacks;
mod auth;
mod commands;
mod limits;
mod message;
mod model;
mod wishes;
mod xclient;

use std::fmt::Write;
use std::time::Duration;

use super::*;

/// A driver with a will of its own: the words in an address decide.
pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) now: Mono,
    /// What happened, a line each.
    pub(super) log: String,
    pub(super) output: Vec<u8>,
}

pub(super) fn config(service: Service) -> Config {
    Config::new(Domain::new("mx.test").expect("a domain"), service)
}

/// With TLS under way and every kind of mechanism.
pub(super) fn submission() -> Config {
    let auth = vec!["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
    Config { tls: TlsOffer::Active, auth, ..config(Service::Submission) }
}

impl Driver {
    pub(super) fn new(config: Config) -> Self {
        let now = Mono::from_start(Duration::from_secs(1000));
        let mut driver =
            Self { session: Session::new(config, now), now, log: String::new(), output: Vec::new() };
        driver.drive();
        driver
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.session.handle_input(bytes, self.now);
        self.drive();
    }

    fn drive(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.note(&event);
            if let Some(answer) = self.decide(event) {
                self.session.answer(answer, self.now);
            }
        }
        self.output.extend(self.session.poll_output().unwrap_or_default());
    }

    fn note(&mut self, event: &Event) {
        let line = match event {
            Event::Hello { client, extended } => format!("Hello {client} {extended}"),
            Event::AuthStart { mechanism, initial } => {
                format!("AuthStart {mechanism} {:?}", initial.as_deref().map(String::from_utf8_lossy))
            }
            Event::AuthResponse(bytes) => format!("AuthResponse {:?}", String::from_utf8_lossy(bytes)),
            Event::MailFrom { reverse_path, .. } => format!("MailFrom <{reverse_path}>"),
            Event::RcptTo(recipient) => format!("RcptTo <{}>", recipient.address),
            Event::Body(bytes) => return self.note_body(bytes),
            Event::BodyRefused(reply) => format!("BodyRefused {}", reply.code),
            Event::Violation { command, reply } => format!("Violation {command:?} {}", reply.code),
            other => format!("{other:?}"),
        };
        writeln!(self.log, "{line}").expect("strings take all");
    }

    /// Chunks of a body are one line, however they were cut.
    fn note_body(&mut self, bytes: &[u8]) {
        let shown = bytes.escape_ascii().to_string();
        match self.log.strip_suffix("|\n") {
            Some(before) => self.log.truncate(before.len()),
            None => self.log.push_str("Body "),
        }
        writeln!(self.log, "{shown}|").expect("strings take all");
    }

    fn decide(&self, event: Event) -> Option<Answer> {
        match event {
            Event::MailFrom { reverse_path, .. } => Some(will(&reverse_path.to_string())),
            Event::RcptTo(recipient) => Some(will(&recipient.address.to_string())),
            Event::DataStart => {
                Some(will(&self.session.envelope().reverse_path.to_string().replace("nodata", "refused")))
            }
            Event::XClient(told) => Some(match (told.login, will("")) {
                (Some(login), _) if login.starts_with("refused") => will(&login),
                (Some(_), _) => Answer::AuthOk(None),
                (None, accepted) => accepted,
            }),
            Event::BodyEnd => Some(self.judge_message()),
            Event::AuthStart { mechanism: "PLAIN", initial: Some(bytes) } | Event::AuthResponse(bytes) => {
                Some(judge_login(&bytes))
            }
            Event::AuthStart { .. } => Some(Answer::Challenge(b"who?".to_vec())),
            _ => None,
        }
    }

    fn judge_message(&self) -> Answer {
        let recipients = &self.session.envelope().recipients;
        match self.session.envelope().reverse_path.to_string() {
            s if s.starts_with("spam") => Answer::Reject(words::local_error()),
            s if s.starts_with("each") && self.session.config.service == Service::Lmtp => {
                Answer::Each(recipients.iter().map(|r| judge_recipient(&r.address.to_string())).collect())
            }
            _ => Answer::AcceptWith("queued as 7".into()),
        }
    }
}

fn judge_recipient(address: &str) -> Reply {
    if address.starts_with("full") { words::too_large() } else { words::accepted() }
}

fn judge_login(bytes: &[u8]) -> Answer {
    match bytes {
        b"\0user\0pass" => Answer::AuthOk(None),
        b"proof" => Answer::AuthOk(Some(b"signature".to_vec())),
        b"more" => Answer::Challenge(vec![]),
        _ => Answer::Reject(Reply::new(535, mail::EnhancedCode(5, 7, 8), "Wrong")),
    }
}

fn will(address: &str) -> Answer {
    let reject =
        |code, class, text: &str| Answer::Reject(Reply::new(code, mail::EnhancedCode(class, 1, 1), text));
    match address {
        a if a.starts_with("refused") => reject(550, 5, "No such user"),
        a if a.starts_with("later") => reject(450, 4, "Come back"),
        a if a.starts_with("close") => reject(421, 4, "Closing"),
        a if a.starts_with("evil") => reject(550, 5, "no\r\n250 yes"),
        _ => Answer::Accept,
    }
}

/// Plays the client's lines of a transcript and compares all of it.
///
/// `C:` says a line (Rust escapes; a final `\` leaves out the CRLF), and lines that follow each other are said at once;
/// `T:` lets seconds pass; `TLS` finishes a handshake; `EOF` closes. `S:` are replies, `E:` events (compared if there
/// are any in the transcript), `.` says that the session is closed.
pub(super) fn check(config: Config, transcript: &str) {
    let lines: Vec<&str> = transcript.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let events = lines.iter().any(|line| line.starts_with("E:"));
    let (mut driver, mut played, mut at) = (Driver::new(config), Vec::new(), 0);
    driver.log.clear();
    loop {
        played.extend(driver.told(events));
        // What the session is expected to say was compared by what it said.
        while at < lines.len()
            && (lines[at].starts_with("S:") || lines[at].starts_with("E:") || lines[at] == ".")
        {
            at += 1;
        }
        if at == lines.len() {
            break;
        }
        let mut said = Vec::new();
        while let Some(text) =
            lines.get(at).and_then(|line| line.strip_prefix("C: ").or(line.strip_prefix("C:")))
        {
            played.push(lines[at].to_owned());
            said.extend(unescape(text));
            at += 1;
        }
        if said.is_empty() {
            played.push(lines[at].to_owned());
            driver.special(lines[at]);
            at += 1;
        } else {
            driver.feed(&said);
        }
    }
    assert_eq!(played.join("\n"), lines.join("\n"), "\nplayed:\n{}\n", played.join("\n"));
}

impl Driver {
    fn special(&mut self, line: &str) {
        match line.split_once(' ') {
            None if line == "TLS" => self.session.tls_started(true, self.now),
            None if line == "EOF" => self.session.handle_eof(),
            Some(("T:", seconds)) => {
                self.now = self.now + Duration::from_secs(seconds.parse().expect("seconds"));
                self.session.handle_timeout(self.now);
            }
            _ => panic!("what is {line:?}?"),
        }
        self.drive();
    }

    fn told(&mut self, events: bool) -> Vec<String> {
        let log = std::mem::take(&mut self.log);
        let output = String::from_utf8(std::mem::take(&mut self.output)).expect("replies are ASCII");
        let mut lines: Vec<String> = Vec::new();
        if events {
            lines.extend(log.lines().map(|line| format!("E: {line}")));
        }
        lines.extend(output.split_terminator("\r\n").map(|line| format!("S: {line}").trim_end().to_owned()));
        if self.session.is_closed() && !lines.is_empty() {
            lines.push(".".into());
        }
        lines
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => bytes.extend(c.to_string().bytes()),
            _ => match chars.next() {
                Some('r') => bytes.push(b'\r'),
                Some('n') => bytes.push(b'\n'),
                Some('0') => bytes.push(0),
                Some('x') => bytes.push(0xff),
                Some(other) => panic!("what is \\{other}?"),
                None => return bytes,
            },
        }
    }
    bytes.extend(b"\r\n");
    bytes
}
