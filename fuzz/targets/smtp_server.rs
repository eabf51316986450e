//! A server session: the same conversation however it is cut, one message per end of data, bounded output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{Domain, EnhancedCode, Mono, Reply, TlsOffer};
use smtp::server::{Answer, Config, Event, Service, Session};

#[derive(Debug, Default, PartialEq)]
struct Played {
    events: Vec<Event>,
    output: Vec<u8>,
    handshake: bool,
}

fn config(how: u8) -> Config {
    let service = [Service::Mx, Service::Submission, Service::Lmtp][usize::from(how % 3)];
    let mut config = Config::new(Domain::new("mx.test").expect("a domain"), service);
    config.tls = [TlsOffer::None, TlsOffer::Offered, TlsOffer::Active][usize::from(how / 3 % 3)];
    config.auth = vec!["PLAIN", "LOGIN", "SCRAM-SHA-256"];
    config.auth_needs_tls = how & 64 != 0;
    if how & 128 != 0 {
        (config.max_size, config.max_recipients, config.max_errors) = (100, 2, 3);
    }
    config
}

/// Says no to what has an x in it.
fn answer(event: &Event, session: &Session) -> Option<Answer> {
    let no = |text: &str| text.contains('x').then(|| Reply::new(550, EnhancedCode(5, 1, 1), "no"));
    let will = |text: String| no(&text).map_or(Answer::Accept, Answer::Reject);
    match event {
        Event::MailFrom { reverse_path, .. } => Some(will(reverse_path.to_string())),
        Event::RcptTo(recipient) => Some(will(recipient.address.to_string())),
        Event::DataStart => Some(Answer::Accept),
        Event::BodyEnd if session.envelope().ret.is_some() => {
            let each = session.envelope().recipients.iter().map(|_| Reply::plain(250, "ok"));
            Some(if session.client_name() == Some("each") {
                Answer::Each(each.collect())
            } else {
                Answer::Accept
            })
        }
        Event::BodyEnd => Some(Answer::AcceptWith("queued as 7".into())),
        Event::AuthStart { initial: None, .. } => Some(Answer::Challenge(b"who?".to_vec())),
        Event::AuthStart { initial: Some(bytes), .. } | Event::AuthResponse(bytes) => {
            Some(match bytes.first() {
                Some(b'x') => Answer::Reject(Reply::new(535, EnhancedCode(5, 7, 8), "no")),
                Some(b'c') => Answer::Challenge(b"more".to_vec()),
                _ => Answer::AuthOk(None),
            })
        }
        _ => None,
    }
}

fn note(played: &mut Played, event: Event) {
    if let (Event::Body(more), Some(Event::Body(body))) = (&event, played.events.last_mut()) {
        body.extend_from_slice(more);
    } else {
        played.events.push(event);
    }
}

fn play(config: &Config, pieces: &[&[u8]]) -> Played {
    let now = Mono::default();
    let (mut session, mut played) = (Session::new(config.clone(), now), Played::default());
    for piece in pieces {
        session.handle_input(piece, now);
        while let Some(event) = session.poll_event() {
            let decision = answer(&event, &session);
            let decision = match decision {
                Some(Answer::Each(_)) if config.service != Service::Lmtp => Some(Answer::Accept),
                other => other,
            };
            if event == Event::StartTls {
                played.handshake = true;
                session.tls_started(true, now);
            }
            note(&mut played, event);
            if let Some(decision) = decision {
                session.answer(decision, now);
            }
        }
        played.output.extend(session.poll_output().unwrap_or_default());
        assert!(session.wants_input() || session.is_closed(), "it waits for nothing");
    }
    session.handle_eof();
    assert!(session.is_closed());
    while let Some(event) = session.poll_event() {
        note(&mut played, event);
    }
    played
}

fn check(played: &Played, talk: &[u8]) {
    let ends = played.events.iter().filter(|event| matches!(event, Event::BodyEnd)).count();
    let starts = played.events.iter().filter(|event| matches!(event, Event::DataStart)).count();
    let lasts = fuzz::count(&talk.to_ascii_uppercase(), b"LAST");
    assert!(ends <= starts, "a message that nobody began");
    assert!(ends <= fuzz::count(talk, b"\r\n.\r\n") + lasts, "a message that nobody ended");
    for pair in played.events.windows(2) {
        if let [Event::Body(body), Event::BodyEnd] = pair {
            assert!(!fuzz::has_bare_line_end(body), "a lone CR or LF");
        }
    }
    let lines = fuzz::count(talk, b"\n") + 2;
    assert!(played.output.len() <= 2048 * lines, "{} bytes for {lines} lines", played.output.len());
    let text = std::str::from_utf8(&played.output).expect("replies are ASCII");
    assert!(text.is_ascii() && (text.is_empty() || text.ends_with("\r\n")));
    assert!(text.lines().all(|line| line.as_bytes()[..3].iter().all(u8::is_ascii_digit)));
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], talk @ &[_, ..])) = data.split_first_chunk::<2>() else { return };
    let config = config(how);
    let whole = play(&config, &[talk]);
    check(&whole, talk);
    let cut = play(&config, &fuzz::cuts(seed, talk));
    check(&cut, talk);
    // What follows STARTTLS at once is an attack, what follows later is not.
    if !whole.handshake && !cut.handshake {
        assert_eq!(whole, cut, "it matters how the bytes arrive");
    }
});
