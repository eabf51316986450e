//! Transcripts: what the peer says, what the session says and tells.

mod binary;
mod connect;
mod deliver;
mod smuggling;
mod together;

use mail::{BodyType, Host, Recipient};

use super::*;

pub(super) fn config() -> Config {
    Config::new(Host::Domain(mail::Domain::new("us.test").expect("a domain")))
}

pub(super) fn envelope(from: &str, to: &[&str]) -> Envelope {
    let recipient = |address: &&str| Recipient::plain(address.parse().expect("an address"));
    Envelope {
        reverse_path: from.parse().expect("an address"),
        recipients: to.iter().map(recipient).collect(),
        ..Envelope::default()
    }
}

fn show(event: &Event) -> String {
    match event {
        Event::Ready(_) => "Ready".into(),
        Event::RcptResult { index, reply } => format!("Rcpt {index} {}", reply.code),
        Event::MessageResult(outcomes) => {
            let one = |o: &Outcome| format!("{:?} {} {}", o.source, o.reply.code, o.reply.status());
            format!("Result {}", outcomes.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Event::Failed(failure) => format!("Failed {:?} {}", failure.cause, failure.reply),
        other => format!("{other:?}"),
    }
}

/// Plays the peer's lines and the driver's deeds of a transcript and compares all of it.
///
/// `S:` lines that follow each other arrive at once. Deeds: `send FROM TO...` (100 bytes), `send8` (8-bit), `sendb` (binary),
/// `body TEXT` with a CRLF, `end`, `quit`, `tls`, `eof`, `wait SECONDS`. `C:` is what the session says, `E:` what it
/// tells, `.` that it is closed.
pub(super) fn check(config: Config, transcript: &str) {
    let lines: Vec<&str> = transcript.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let mut now = Mono::from_start(Duration::from_secs(1000));
    let (mut session, mut played, mut at) = (Session::new(config, now), Vec::new(), 0);
    while at < lines.len() {
        if lines[at].starts_with("C:") || lines[at].starts_with("E:") || lines[at] == "." {
            at += 1;
            continue;
        }
        let mut said = String::new();
        while let Some(text) = lines.get(at).and_then(|line| line.strip_prefix("S:")) {
            played.push(lines[at].to_owned());
            said.push_str(text.trim_start());
            said.push_str("\r\n");
            at += 1;
        }
        if said.is_empty() {
            played.push(lines[at].to_owned());
            deed(&mut session, lines[at], &mut now);
            at += 1;
        } else {
            session.handle_input(said.as_bytes(), now);
        }
        played.extend(told(&mut session));
    }
    assert_eq!(played.join("\n"), lines.join("\n"), "\nplayed:\n{}\n", played.join("\n"));
}

fn deed(session: &mut Session, line: &str, now: &mut Mono) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["send", from, ref to @ ..] => {
            session.send(envelope(from.trim_matches(['<', '>']), to), 100, false, *now);
        }
        ["sendb", from, ref to @ ..] => {
            session.send(Envelope { body: BodyType::BinaryMime, ..envelope(from, to) }, 100, true, *now);
        }
        ["send8", from, ref to @ ..] => session.send(envelope(from, to), 100, true, *now),
        ["body", ref text @ ..] => session.body(format!("{}\r\n", text.join(" ")).as_bytes(), *now),
        ["end"] => session.body_end(*now),
        ["quit"] => session.quit(*now),
        ["tls"] => session.tls_started(*now),
        ["eof"] => session.handle_eof(),
        ["wait", seconds] => {
            *now = *now + Duration::from_secs(seconds.parse().expect("seconds"));
            session.handle_timeout(*now);
        }
        _ => panic!("what is {line:?}?"),
    }
}

fn told(session: &mut Session) -> Vec<String> {
    let output = String::from_utf8(session.poll_output().unwrap_or_default()).expect("UTF-8");
    let mut lines: Vec<String> = output.split_terminator("\r\n").map(|line| format!("C: {line}")).collect();
    while let Some(event) = session.poll_event() {
        lines.push(format!("E: {}", show(&event)));
    }
    if session.is_closed() && !lines.is_empty() {
        lines.push(".".into());
    }
    lines
}
