//! An IMAP session: the same conversation however it is cut, every answer a line of its own.
#![no_main]

use imap::command::Command;
use imap::{Code, Completion, Config, Event, Session, State};
use libfuzzer_sys::fuzz_target;
use mail::{Mono, TlsOffer};

fn config(how: u8) -> Config {
    Config {
        hostname: "mx.test".into(),
        tls: [TlsOffer::None, TlsOffer::Offered, TlsOffer::Active][usize::from(how & 3) % 3],
        mechanisms: vec!["PLAIN", "SCRAM-SHA-256"],
        login_needs_tls: how & 4 != 0,
        message_size: if how & 8 == 0 { 50 } else { 10_000 },
        keepalive: std::time::Duration::from_mins(4),
        hidden: [imap::Hidden { client: Some("x*".into()), account: None, names: vec!["QRESYNC".into()] }].into(),
        message_limit: 1000,
        save_limit: 1000,
    }
}

fn decide(session: &mut Session, event: &Event) {
    match event {
        Event::Login { password, .. } if password.contains('x') => refuse(session),
        Event::Unauthenticate => session.logged_out(),
        Event::Login { .. } | Event::AuthResponse(_) => session.logged_in(),
        Event::AuthStart { initial: Some(bytes), .. } if bytes.first() == Some(&b'x') => refuse(session),
        Event::AuthStart { .. } => session.challenge(b"go on"),
        Event::AppendStart(append) if append.mailbox.is_ok() => session.accept_append(),
        Event::AppendStart(_) => refuse(session),
        Event::AppendLiteral(length) if length % 5 == 4 => refuse(session),
        Event::AppendLiteral(_) => session.accept_append(),
        Event::AppendMessage(message) if message.flags.contains(mail::Flag::Deleted) => refuse(session),
        Event::AppendUrl(url) if imap::url::MessageUrl::parse(url).is_none() => {
            session.complete(Completion::no(Code::BadUrl(url.clone()), "No"));
        }
        Event::AppendEnd | Event::IdleEnd => session.complete(Completion::ok("Done")),
        Event::Command(Command::Select(imap::command::Select { read_only, .. })) => {
            session.set_state(State::Selected { read_only: *read_only });
            session.complete(Completion::ok("Selected"));
        }
        Event::Command(Command::Close | Command::Unselect) => {
            session.set_state(State::Authenticated);
            session.complete(Completion::ok("Closed"));
        }
        Event::Command(_) => session.complete(Completion::ok("Done")),
        Event::StartTls => session.tls_started(vec!["PLAIN"], Mono::default()),
        Event::Compress => session.compress_started(),
        Event::IdleStart
        | Event::AuthAborted
        | Event::AppendMessage(_)
        | Event::AppendUrl(_)
        | Event::AppendData(_)
        | Event::AppendAborted => {}
    }
}

fn refuse(session: &mut Session) {
    session.complete(Completion::no(Code::TryCreate, "No"));
}

fn note(events: &mut Vec<Event>, event: Event) {
    if let (Event::AppendData(more), Some(Event::AppendData(data))) = (&event, events.last_mut()) {
        data.extend_from_slice(more);
    } else {
        events.push(event);
    }
}

fn play(how: u8, pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>) {
    let now = Mono::default();
    let mut session = Session::new(config(how), now);
    match how >> 4 & 3 {
        0 => {}
        1 => session.set_state(State::Authenticated),
        _ => session.set_state(State::Selected { read_only: false }),
    }
    if how & 64 != 0 {
        session.handle_input(b"x ENABLE IMAP4rev2 UTF8=ACCEPT QRESYNC\r\n", now);
        assert_eq!(session.poll_event(now), None);
    }
    let (mut events, mut output) = (Vec::new(), Vec::new());
    for piece in pieces {
        session.handle_input(piece, now);
        while let Some(event) = session.poll_event(now) {
            decide(&mut session, &event);
            note(&mut events, event);
        }
        session.take_output(&mut output);
        assert!(session.wants_input() || session.is_closed(), "it waits for nothing");
    }
    (events, output)
}

fn check(output: &[u8], talk: &[u8]) {
    let lines = fuzz::count(talk, b"\n") + 2;
    assert!(output.len() <= 1024 * lines + talk.len(), "{} bytes for {lines} lines", output.len());
    let text = std::str::from_utf8(output).expect("responses are ASCII");
    assert!(text.is_ascii() && text.ends_with("\r\n") && !fuzz::has_bare_line_end(output));
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], talk @ &[_, ..])) = data.split_first_chunk::<2>() else { return };
    let (events, output) = play(how, &[talk]);
    check(&output, talk);
    let cut = play(how, &fuzz::cuts(seed, talk));
    check(&cut.1, talk);
    // What follows STARTTLS or COMPRESS at once is refused, what follows later is not.
    let changes = |event: &Event| matches!(event, Event::StartTls | Event::Compress);
    if !events.iter().any(changes) && !cut.0.iter().any(changes) {
        assert_eq!((events, output), cut, "it matters how the bytes arrive");
    }
});
