use std::time::Duration;

use super::*;

fn config(tls: TlsOffer, login_needs_tls: bool) -> Config {
    Config { hostname: "h.test".into(), tls, mechanisms: vec!["PLAIN"], login_needs_tls }
}

/// Plays a driver with two messages, of UIDs 3 and 5 and sizes 26 and 9; `joe` has the password `pw`, `busy` is logged
/// in elsewhere, `late` finds the store down.
fn answer(session: &mut Session, event: &Event) {
    let now = Mono::default();
    match event {
        Event::Login { user, password } => match (user.as_str(), password.as_str()) {
            ("joe", "pw") => {
                session.logged_in(7, vec![Message { uid: 3, size: 26 }, Message { uid: 5, size: 9 }], now);
            }
            ("busy", _) => session.login_failed(LoginFailure::InUse, now),
            ("late", _) => session.login_failed(LoginFailure::Unavailable, now),
            _ => session.login_failed(LoginFailure::Refused, now),
        },
        Event::AuthStart { initial: None, .. } => session.challenge(b""),
        Event::AuthStart { initial: Some(response), .. } | Event::AuthResponse(response) => {
            let event = match response.as_slice() {
                b"\0joe\0pw" => Event::Login { user: "joe".into(), password: "pw".into() },
                _ => Event::Login { user: "?".into(), password: "?".into() },
            };
            answer(session, &event);
        }
        Event::AuthAborted => {}
        Event::StartTls => session.tls_started(vec!["SCRAM-SHA-256", "PLAIN"], now),
        Event::Retrieve { uid: 3 } => {
            for chunk in [&b"A: b\r\n\r\n.one\r\n"[..], b"two\r\nlast\r\n"] {
                if !session.body(chunk) {
                    break;
                }
            }
            session.body_end(now);
        }
        Event::Retrieve { .. } => session.body_failed("[SYS/TEMP] damaged"),
        Event::Update { deleted } => session.updated(*deleted != [5]),
    }
}

/// `C:` lines go in, `S:` lines must come out; events are answered by [`answer`].
fn check_with(mut session: Session, transcript: &str) -> Session {
    let mut said = String::new();
    let mut lines = transcript.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if let Some(input) = line.strip_prefix("C: ") {
            session.handle_input(format!("{input}\r\n").as_bytes(), Mono::default());
            // Pipelined lines come in one burst.
            while let Some(next) = lines.next_if(|next| next.starts_with("C: ")) {
                session.handle_input(format!("{}\r\n", &next[3..]).as_bytes(), Mono::default());
            }
        } else {
            said.push_str(line);
            said.push('\n');
        }
        if lines.peek().is_none_or(|next| next.starts_with("C: ")) {
            let mut found = String::new();
            loop {
                while let Some(event) = session.poll_event(Mono::default()) {
                    answer(&mut session, &event);
                }
                if session.output.is_empty() {
                    break;
                }
                found += &String::from_utf8(std::mem::take(session.output())).expect("ASCII");
            }
            let found: String = found
                .split_terminator("\r\n")
                .map(|l| format!("S: {l}").trim_end().to_owned() + "\n")
                .collect();
            assert_eq!(found, std::mem::take(&mut said));
        }
    }
    session
}

fn check(transcript: &str) -> Session {
    check_with(Session::new(config(TlsOffer::Active, true), Mono::default()), transcript)
}

const LOGIN: &str = "C: USER joe
    C: PASS pw
    S: +OK h.test POP3 server ready
    S: +OK Now the password
    S: +OK 2 messages (35 octets)
";

#[test]
fn a_maildrop_is_read() {
    let session = check(&format!(
        "{LOGIN}
        C: STAT
        C: LIST
        C: LIST 2
        C: LIST 3
        C: UIDL
        C: UIDL 1
        S: +OK 2 35
        S: +OK 2 messages (35 octets)
        S: 1 26
        S: 2 9
        S: .
        S: +OK 2 9
        S: -ERR There is no such message
        S: +OK 2 messages (35 octets)
        S: 1 7.3
        S: 2 7.5
        S: .
        S: +OK 1 7.3
        C: RETR 1
        C: TOP 1 1
        C: RETR 2
        C: NOOP
        S: +OK 26 octets
        S: A: b
        S:
        S: ..one
        S: two
        S: last
        S: .
        S: +OK The beginning follows
        S: A: b
        S:
        S: ..one
        S: .
        S: -ERR [SYS/TEMP] damaged
        S: +OK Still here
        C: QUIT
        S: +OK Goodbye"
    ));
    assert!(session.is_closed());
}

#[test]
fn deletes_happen_at_quit_only() {
    let session = check(&format!(
        "{LOGIN}
        C: DELE 1
        C: DELE 1
        C: RETR 1
        C: STAT
        C: LIST
        C: UIDL 1
        S: +OK Will be removed at QUIT
        S: -ERR There is no such message
        S: -ERR There is no such message
        S: +OK 1 9
        S: +OK 1 messages (9 octets)
        S: 2 9
        S: .
        S: -ERR There is no such message
        C: RSET
        C: DELE 0
        C: DELE 1
        C: QUIT
        S: +OK 2 messages (35 octets)
        S: -ERR There is no such message
        S: +OK Will be removed at QUIT
        S: +OK Goodbye"
    ));
    assert!(session.is_closed());
    check(&format!(
        "{LOGIN}
        C: DELE 2
        C: QUIT
        S: +OK Will be removed at QUIT
        S: -ERR [SYS/TEMP] Not all messages could be removed; try again later"
    ));
}

#[test]
fn logins_say_why_they_fail() {
    check(
        "C: STAT
        C: PASS pw
        C: USER joe
        C: PASS no
        C: USER busy
        C: PASS pw
        C: USER late
        C: PASS pw
        C: AUTH
        C: AUTH PLAIN
        S: +OK h.test POP3 server ready
        S: -ERR Log in first
        S: -ERR USER comes first
        S: +OK Now the password
        S: -ERR [AUTH] Name or password is wrong
        S: +OK Now the password
        S: -ERR [IN-USE] Another session has this mailbox open
        S: +OK Now the password
        S: -ERR [SYS/TEMP] Logins do not work at the moment; try again later
        S: +OK Mechanisms follow
        S: PLAIN
        S: .
        S: + 
        C: *
        C: AUTH PLAIN !
        C: AUTH PLAIN =
        C: AUTH PLAIN AGpvZQBwdw==
        C: USER joe
        S: -ERR As you wish
        S: -ERR The initial response is not base64
        S: -ERR [AUTH] Name or password is wrong
        S: +OK 2 messages (35 octets)
        S: -ERR You are logged in already",
    );
}

#[test]
fn passwords_wait_for_tls() {
    let session = Session::new(config(TlsOffer::Offered, true), Mono::default());
    check_with(
        session,
        "C: CAPA
        C: USER joe
        C: AUTH PLAIN
        S: +OK h.test POP3 server ready
        S: +OK Capabilities follow
        S: TOP
        S: UIDL
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: PIPELINING
        S: EXPIRE NEVER
        S: UTF8 USER
        S: LANG
        S: STLS
        S: IMPLEMENTATION Posthouse
        S: .
        S: -ERR Use STLS first: passwords are not accepted in clear
        S: -ERR Use STLS first: passwords are not accepted in clear
        C: STLS
        S: +OK Begin TLS now
        C: STLS
        C: CAPA
        S: -ERR TLS is active already
        S: +OK Capabilities follow
        S: TOP
        S: UIDL
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: PIPELINING
        S: EXPIRE NEVER
        S: UTF8 USER
        S: LANG
        S: USER
        S: SASL SCRAM-SHA-256 PLAIN
        S: IMPLEMENTATION Posthouse
        S: .",
    );
}

/// Without PLAIN there is no USER either, which sends the same.
#[test]
fn passwords_are_not_taken_where_only_others_are() {
    let config = Config { mechanisms: vec!["SCRAM-SHA-256"], ..config(TlsOffer::Active, true) };
    check_with(
        Session::new(config, Mono::default()),
        "C: CAPA
        C: USER joe
        C: PASS pw
        S: +OK h.test POP3 server ready
        S: +OK Capabilities follow
        S: TOP
        S: UIDL
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: PIPELINING
        S: EXPIRE NEVER
        S: UTF8 USER
        S: LANG
        S: SASL SCRAM-SHA-256
        S: IMPLEMENTATION Posthouse
        S: .
        S: -ERR USER is not offered; use AUTH
        S: -ERR USER is not offered; use AUTH",
    );
}

/// RFC 6856 §2.1, §3.2.
#[test]
fn utf8_and_languages() {
    let session = Session::new(config(TlsOffer::Offered, false), Mono::default());
    let session = check_with(
        session,
        "C: LANG
        C: LANG MUL
        C: LANG EN
        C: LANG *
        C: UTF8
        C: STLS
        C: USER joe
        C: PASS pw
        C: LANG en-GB
        C: LANG en
        C: UTF8
        S: +OK h.test POP3 server ready
        S: +OK Languages follow
        S: en English
        S: .
        S: -ERR There is only English
        S: +OK en Language chosen
        S: +OK en Language chosen
        S: +OK UTF-8 it is
        S: -ERR STLS comes before UTF8
        S: +OK Now the password
        S: +OK 2 messages (35 octets)
        S: -ERR There is only English
        S: +OK en Language chosen
        S: -ERR UTF8 comes before the login",
    );
    assert!(session.is_utf8());
}

#[test]
fn nothing_may_follow_stls_in_clear() {
    let session = Session::new(config(TlsOffer::Offered, true), Mono::default());
    let session = check_with(
        session,
        "C: STLS
        C: USER joe
        S: +OK h.test POP3 server ready
        S: -ERR Nothing may follow STLS before TLS has begun",
    );
    assert!(session.is_closed());
}

#[test]
fn limits_end_sessions() {
    let mut session = Session::new(config(TlsOffer::Active, true), Mono::default());
    session.handle_input(&vec![b'x'; limits::POP3_LINE + 1], Mono::default());
    assert_eq!(session.poll_event(Mono::default()), None);
    assert!(session.is_closed());

    let mut session = Session::new(config(TlsOffer::Active, true), Mono::default());
    for _ in 0..limits::IMAP_ERRORS {
        session.handle_input(b"WHAT\r\n", Mono::default());
        assert_eq!(session.poll_event(Mono::default()), None);
    }
    assert!(session.is_closed());

    let mut session = check(LOGIN);
    let before = session.output.len();
    session
        .handle_timeout(Mono::default() + limits::POP3_IDLE_TIMEOUT.saturating_sub(Duration::from_secs(1)));
    assert!(!session.is_closed());
    session.handle_timeout(Mono::default() + limits::POP3_IDLE_TIMEOUT);
    assert!(session.is_closed() && session.output.len() == before, "RFC 1939 §3: no response");
}

/// Attack A12: before login only whole commands count as life.
#[test]
fn trickling_bytes_hold_no_connection() {
    let mut session = Session::new(config(TlsOffer::Active, true), Mono::default());
    session.handle_input(b"US", Mono::default() + Duration::from_secs(50));
    assert_eq!(session.poll_event(Mono::default()), None);
    session.handle_timeout(Mono::default() + limits::LOGIN_TIMEOUT);
    assert!(session.is_closed());
}

#[test]
fn a_huge_listing_waits_for_room() {
    let mut session = Session::new(config(TlsOffer::Active, true), Mono::default());
    let messages = (1..=100_000).map(|uid| Message { uid, size: 1 }).collect();
    session.logged_in(1, messages, Mono::default());
    session.handle_input(b"UIDL\r\nNOOP\r\n", Mono::default());
    let mut written = Vec::new();
    while session.poll_event(Mono::default()).is_none() && !session.output.is_empty() {
        assert!(session.output.len() < OUTPUT + 100);
        written.append(session.output());
    }
    assert!(written.ends_with(b"\r\n100000 1.100000\r\n.\r\n+OK Still here\r\n"));
}

#[test]
fn a_torn_message_breaks_the_connection() {
    let mut session = check(LOGIN);
    session.handle_input(b"RETR 1\r\n", Mono::default());
    assert_eq!(session.poll_event(Mono::default()), Some(Event::Retrieve { uid: 3 }));
    assert!(session.body(b"A: b\r\n"));
    session.body_failed("damaged");
    assert!(session.is_closed() && session.output.ends_with(b"A: b\r\n"));
}

proptest::proptest! {
    #[test]
    fn any_input_is_survived(lines in proptest::collection::vec("(USER joe|PASS pw|RETR 1|TOP 1 1|DELE 2|AUTH PLAIN|LIST|QUIT|STLS|\\PC{0,9})(\r\n|\n)", 0..20)) {
        let mut session = Session::new(config(TlsOffer::Offered, false), Mono::default());
        for line in lines {
            session.handle_input(line.as_bytes(), Mono::default());
            while let Some(event) = session.poll_event(Mono::default()) {
                answer(&mut session, &event);
            }
        }
    }
}
