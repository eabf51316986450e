//! A POP3 session: the same conversation however it is cut, and a message ends where it ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{Mono, TlsOffer};
use pop3::{Config, Event, LoginFailure, Message, Session};

fn config(how: u8) -> Config {
    Config {
        hostname: "mx.test".into(),
        tls: [TlsOffer::None, TlsOffer::Offered, TlsOffer::Active][usize::from(how & 3) % 3],
        mechanisms: vec!["PLAIN"],
        login_needs_tls: how & 4 != 0,
    }
}

fn messages() -> Vec<Message> {
    (1..=4).map(|uid| Message { uid: uid * 3, size: u64::from(uid) * 7 }).collect()
}

fn decide(session: &mut Session, event: &Event, seed: u8) {
    let now = Mono::default();
    match event {
        Event::Login { password, .. } if password.contains('x') => {
            session.login_failed(LoginFailure::Refused, now);
        }
        Event::Login { .. } | Event::AuthResponse(_) => session.logged_in(9, messages(), now),
        Event::AuthStart { initial: Some(bytes), .. } if bytes.first() == Some(&b'x') => {
            session.login_failed(LoginFailure::Malformed, now);
        }
        Event::AuthStart { .. } => session.challenge(b"go on"),
        Event::Retrieve { uid: 3 } => session.body_failed("gone"),
        Event::Retrieve { .. } => {
            for piece in fuzz::cuts(seed, b"A: b\r\n\r\n.\r\n..\n.\r\nx\r\n\r\n.\r") {
                if !session.body(piece) {
                    break;
                }
            }
            session.body_end(now);
        }
        Event::Update { deleted } => session.updated(deleted.len() < 3),
        Event::StartTls => session.tls_started(vec!["PLAIN"], now),
        Event::AuthAborted => {}
    }
}

fn play(how: u8, seed: u8, pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>) {
    let now = Mono::default();
    let mut session = Session::new(config(how), now);
    if how & 8 != 0 {
        session.logged_in(9, messages(), now);
    }
    let (mut events, mut output) = (Vec::new(), Vec::new());
    for piece in pieces {
        session.handle_input(piece, now);
        loop {
            while let Some(event) = session.poll_event(now) {
                decide(&mut session, &event, seed);
                events.push(event);
            }
            // A listing goes on once its beginning has been written.
            if session.output().is_empty() {
                break;
            }
            output.append(session.output());
        }
        assert!(session.wants_input() || session.is_closed(), "it waits for nothing");
    }
    (events, output)
}

/// The response to RETR has the message, and its end nowhere else, also for those who take a lone LF for a line end.
fn retrieves(seed: u8, message: &[u8]) {
    let now = Mono::default();
    let mut session = Session::new(config(0), now);
    session.logged_in(9, messages(), now);
    session.handle_input(b"RETR 2\r\n", now);
    assert!(session.poll_event(now).is_some());
    session.output().clear();
    fuzz::cuts(seed, message).into_iter().for_each(|piece| {
        session.body(piece);
    });
    session.body_end(now);
    let output = std::mem::take(session.output());
    let text = &output[output.iter().position(|b| *b == b'\n').expect("a first line") + 1..];
    let lines: Vec<&[u8]> = text.split_inclusive(|b| *b == b'\n').collect();
    let (last, lines) = lines.split_last().expect("an end");
    assert_eq!(*last, b".\r\n");
    assert!(!lines.iter().any(|line| matches!(*line, b".\r\n" | b".\n")), "it ends early");
    let came: Vec<u8> =
        lines.iter().flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect();
    let ended = if message.is_empty() || message.ends_with(b"\r\n") { &[][..] } else { b"\r\n" };
    assert_eq!(came, [message, ended].concat());
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], talk @ &[_, ..])) = data.split_first_chunk::<2>() else { return };
    retrieves(seed, talk);
    let (events, output) = play(how, seed, &[talk]);
    let lines = fuzz::count(talk, b"\n") + 2;
    assert!(output.len() <= 1024 * lines && output.ends_with(b"\r\n"));
    let cut = play(how, seed, &fuzz::cuts(seed, talk));
    // What follows STLS at once is an attack, what follows later is not.
    if !events.contains(&Event::StartTls) && !cut.0.contains(&Event::StartTls) {
        assert_eq!((events, output), cut, "it matters how the bytes arrive");
    }
});
