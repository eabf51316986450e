//! Transcripts: `C:` is what the client sends, `S:` every line that comes back.

mod append;
mod enabling;
mod idle;

use std::time::Duration;

use mail::limits;

use super::*;

fn config() -> Config {
    Config {
        hostname: "mx.test".into(),
        tls: TlsOffer::None,
        mechanisms: vec!["PLAIN"],
        login_needs_tls: false,
        message_size: 10_000,
        keepalive: Duration::from_mins(4),
        hidden: [].into(),
        message_limit: 5000,
        save_limit: 1000,
    }
}

fn now() -> Mono {
    Mono::default()
}

/// Decides as simply as can be.
fn decide(session: &mut Session, event: Event) {
    match event {
        Event::Login { password, .. } if password == "secret" => session.logged_in(),
        Event::AuthResponse(response) if response == b"\0u\0secret" => session.logged_in(),
        Event::AuthStart { initial: None, .. } => session.challenge(b"go on"),
        Event::AuthStart { initial: Some(response), .. } if response == b"\0u\0secret" => session.logged_in(),
        Event::Login { .. } | Event::AuthStart { .. } | Event::AuthResponse(_) => {
            session.complete(Completion::no(Code::AuthenticationFailed, "Wrong"));
        }
        Event::AppendStart(Append { mailbox: Ok(name), .. }) if name.is_inbox() => session.accept_append(),
        Event::AppendStart(_) => session.complete(Completion::no(Code::TryCreate, "Not there")),
        Event::AppendLiteral(_) => session.accept_append(),
        Event::AppendUrl(url) if url.contains("bad") => {
            session.complete(Completion::no(Code::BadUrl(url), "Not there"));
        }
        Event::AppendEnd => session.complete(Completion::ok("Appended")),
        Event::Unauthenticate => session.logged_out(),
        Event::IdleEnd => session.complete(Completion::ok("Idle no more")),
        Event::Command(Command::Select(crate::command::Select { read_only, .. })) => {
            session.set_state(State::Selected { read_only });
            session.complete(Completion::ok("Selected"));
        }
        Event::Command(Command::Close) => {
            session.set_state(State::Authenticated);
            session.complete(Completion::ok("Closed"));
        }
        Event::Command(_) => session.complete(Completion::ok("Done")),
        Event::IdleStart => drop(session.out().counted(1, "EXISTS")),
        Event::StartTls => session.tls_started(vec!["PLAIN"], now()),
        Event::Compress => session.compress_started(),
        Event::AuthAborted
        | Event::AppendData(_)
        | Event::AppendAborted
        | Event::AppendMessage(_)
        | Event::AppendUrl(_) => {}
    }
}

fn feed(session: &mut Session, bytes: &[u8]) -> String {
    session.handle_input(bytes, now());
    while let Some(event) = session.poll_event(now()) {
        decide(session, event);
    }
    let mut output = Vec::new();
    session.take_output(&mut output);
    String::from_utf8(output).expect("responses are ASCII")
}

fn run(mut session: Session, transcript: &str) -> Session {
    let mut output = Vec::new();
    session.take_output(&mut output);
    let mut came = String::new();
    for line in transcript.lines().map(str::trim_start).filter(|l| !l.is_empty()) {
        if let Some(sent) = line.strip_prefix("C: ") {
            assert_eq!(came, "", "before {line}");
            came = feed(&mut session, format!("{}\r\n", sent.replace("\\r\\n", "\r\n")).as_bytes());
        } else {
            let wanted = line.strip_prefix("S: ").expect("a line is C: or S:");
            let (first, rest) = came.split_once("\r\n").unwrap_or((&came, ""));
            assert_eq!(first, wanted);
            came = rest.to_owned();
        }
    }
    assert_eq!(came, "", "at the end");
    session
}

fn check(transcript: &str) -> Session {
    run(Session::new(config(), now()), transcript)
}

/// As [`check`], logged in.
fn check_in(transcript: &str) -> Session {
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    run(session, transcript)
}

#[test]
fn the_greeting_says_what_is_offered() {
    let mut session = Session::new(config(), now());
    assert_eq!(
        feed(&mut session, b""),
        "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR AUTH=PLAIN] mx.test Posthouse ready\r\n"
    );
}

/// Without PLAIN there is no LOGIN either, which sends the same.
#[test]
fn passwords_are_not_taken_where_only_others_are() {
    let config = Config { mechanisms: vec!["SCRAM-SHA-256"], ..config() };
    run(
        Session::new(config, now()),
        "C: a CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR AUTH=SCRAM-SHA-256 LOGINDISABLED
         S: a OK Capabilities listed
         C: b LOGIN u secret
         S: b NO [CANNOT] LOGIN is not offered; use AUTHENTICATE
         C: c AUTHENTICATE PLAIN
         S: c NO [CANNOT] That authentication mechanism is not offered
         C: d AUTHENTICATE SCRAM-SHA-256
         S: + Z28gb24=
         C: *
         S: d BAD Authentication cancelled",
    );
}

#[test]
fn logging_in() {
    check(
        "C: a LOGIN u wrong
         S: a NO [AUTHENTICATIONFAILED] Wrong
         C: b SELECT INBOX
         S: b BAD Log in first
         C: c LOGIN {1+}\\r\\nu \"secret\"
         S: c OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in
         C: d LOGIN u secret
         S: d BAD You are logged in already
         C: e FETCH 1 FLAGS
         S: e BAD Select a mailbox first
         C: f LOGOUT
         S: * BYE Until next time
         S: f OK Logged out",
    );
}

#[test]
fn authenticating() {
    check(
        "C: a AUTHENTICATE CRAM-MD5
         S: a NO [CANNOT] That authentication mechanism is not offered
         C: b AUTHENTICATE PLAIN
         S: + Z28gb24=
         C: *
         S: b BAD Authentication cancelled
         C: c AUTHENTICATE PLAIN
         S: + Z28gb24=
         C: !
         S: c BAD The response is not valid BASE64
         C: d AUTHENTICATE PLAIN =
         S: d NO [AUTHENTICATIONFAILED] Wrong
         C: e AUTHENTICATE PLAIN
         S: + Z28gb24=
         C: AHUAc2VjcmV0
         S: e OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in",
    );
    check("C: a AUTHENTICATE PLAIN AHUAc2VjcmV0
           S: a OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in");
}

#[test]
fn no_password_in_clear_where_tls_is_demanded() {
    let config = Config { tls: TlsOffer::Offered, login_needs_tls: true, ..config() };
    let session = run(
        Session::new(config, now()),
        "C: a CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR STARTTLS LOGINDISABLED
         S: a OK Capabilities listed
         C: b LOGIN u secret
         S: b NO [PRIVACYREQUIRED] Logging in needs TLS; use STARTTLS first
         C: c AUTHENTICATE PLAIN
         S: c NO [PRIVACYREQUIRED] Logging in needs TLS; use STARTTLS first
         C: d STARTTLS
         S: d OK Begin TLS negotiation now
         C: e CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE SASL-IR AUTH=PLAIN
         S: e OK Capabilities listed
         C: f STARTTLS
         S: f BAD TLS is active already",
    );
    assert_eq!(session.state(), State::NotAuthenticated);
}

/// Attack A3.
#[test]
fn bytes_behind_starttls_end_the_session() {
    for behind in ["x", "b NOOP\r\n", "\r\n"] {
        let config = Config { tls: TlsOffer::Offered, login_needs_tls: true, ..config() };
        let mut session = Session::new(config, now());
        feed(&mut session, b"");
        let reply = feed(&mut session, format!("a STARTTLS\r\n{behind}").as_bytes());
        assert_eq!(reply, "a BAD Bytes follow STARTTLS\r\n* BYE Bytes follow STARTTLS\r\n");
        assert!(session.is_closed());
    }
}

#[test]
fn answered_by_the_session_itself() {
    check_in(
        "C: a NAMESPACE
         S: * NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared Folders/\" \"/\"))
         S: a OK Namespaces listed
         C: b ID (\"name\" \"x\" \"version\" NIL)
         S: * ID (\"name\" \"Posthouse\")
         S: b OK Pleased to meet you
         C: c ENABLE CONDSTORE X-GOOD
         S: * ENABLED CONDSTORE
         S: c OK Enabled",
    );
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    check_in("C: a NOOP\\r\\nb CAPABILITY\\r\\nc NOOP
              S: a OK Done
              S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000
              S: b OK Capabilities listed
              S: c OK Done");
}

#[test]
fn what_is_wrong_is_said_with_its_tag() {
    check_in(
        "C: a WHAT
         S: a BAD Unknown command
         C: +b NOOP
         S: * BAD Missing tag
         C: c
         S: c BAD Missing argument
         C: d NOOP x
         S: d BAD Unexpected text after the command
         C: e SELECT \"x
         S: e BAD Missing '\"' at the end of a quoted string",
    );
}

#[test]
fn examined_mailboxes_are_not_changed() {
    check_in(
        "C: a EXAMINE INBOX
         S: a OK Selected
         C: b STORE 1 FLAGS ()
         S: b NO [READ-ONLY] The mailbox was opened read-only
         C: c MOVE 1 Trash
         S: c NO [READ-ONLY] The mailbox was opened read-only
         C: d EXPUNGE
         S: d NO [READ-ONLY] The mailbox was opened read-only
         C: e COPY 1 Trash
         S: e OK Done
         C: f CLOSE
         S: f OK Closed",
    );
}

#[test]
fn too_many_errors_end_the_session() {
    let mut session = Session::new(config(), now());
    feed(&mut session, b"");
    for _ in 1..limits::IMAP_ERRORS {
        assert_eq!(feed(&mut session, b"a X\r\n"), "a BAD Unknown command\r\n");
    }
    assert_eq!(feed(&mut session, b"a X\r\n"), "a BAD Unknown command\r\n* BYE Too many errors\r\n");
    assert!(session.is_closed());
    assert_eq!(feed(&mut session, b"a NOOP\r\n"), "");
}

/// A session that lasts for days may err now and then: only errors in a row say that the client is confused.
#[test]
fn errors_are_forgiven_after_login_by_a_command_that_works() {
    for (state, survives) in [(State::Authenticated, true), (State::NotAuthenticated, false)] {
        let mut session = Session::new(config(), now());
        session.set_state(state);
        for _ in 0..limits::IMAP_ERRORS {
            feed(&mut session, b"a X\r\na CAPABILITY\r\n");
        }
        assert_eq!(session.is_closed(), !survives);
    }
}

/// Attack A6.
#[test]
fn browsers_are_sent_away() {
    let session = check(
        "C: GET / HTTP/1.1\\r\\nHost: mx.test
                         S: GET BAD Unknown command
                         S: * BYE This is not HTTP",
    );
    assert!(session.is_closed());
}

proptest::proptest! {
    #[test]
    fn any_input_in_any_pieces_gives_one_answer(
        input in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::strategy::Just(b"a NOOP\r\n".to_vec()),
                proptest::strategy::Just(b"a APPEND INBOX {3+}\r\nabc\r\n".to_vec()),
                proptest::strategy::Just(b"a APPEND x {3+}\r\nabc\r\n".to_vec()),
                proptest::sample::select(vec![
                    b"a APPEND INBOX {3+}\r\nabc (\\Seen) {3+}\r\nabc\r\n".to_vec(),
                    b"a APPEND INBOX {3}\r\nabc {3}\r\nabc\r\n".to_vec(),
                    b"a APPEND x {3+}\r\nabc CATENATE (TEXT {3+}\r\nabc)\r\n".to_vec(),
                    b"a APPEND INBOX CATENATE (URL {2+}\r\n/a TEXT {1+}\r\nx URL bad)\r\n".to_vec(),
                    b"a APPEND INBOX CATENATE (".to_vec(),
                    b"TEXT {2+}\r\nxx".to_vec(),
                    b" URL {2}\r\n/a".to_vec(),
                    b" URL bad".to_vec(),
                    b" {2+}\r\nxx".to_vec(),
                    b")\r\n".to_vec(),
                ]),
                proptest::strategy::Just(b"a IDLE\r\nDONE\r\n".to_vec()),
                proptest::strategy::Just(b"a SELECT {5+}\r\nINBOX\r\n".to_vec()),
                proptest::collection::vec(proptest::sample::select(b"a (){}+0\r\n\"\\*".to_vec()), 0..12),
            ],
            0..10,
        ),
        sizes in proptest::collection::vec(1usize..9, 1..6),
    ) {
        let input = input.concat();
        let logged_in = || {
            let mut session = Session::new(config(), now());
            session.set_state(State::Authenticated);
            session
        };
        let whole = feed(&mut logged_in(), &input);
        let (mut session, mut pieces, mut rest) = (logged_in(), String::new(), input.as_slice());
        for &size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            pieces.push_str(&feed(&mut session, piece));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        proptest::prop_assert_eq!(pieces, whole);
    }
}

/// RFC 8437 §2.
#[test]
fn logging_out_and_in_again() {
    let session = check(
        "C: a UNAUTHENTICATE
         S: a BAD Log in first
         C: b LOGIN u secret
         S: b OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in
         C: c ENABLE QRESYNC
         S: * ENABLED QRESYNC
         S: c OK Enabled
         C: d UNAUTHENTICATE
         S: d OK Logged out
         C: e SELECT INBOX
         S: e BAD Log in first",
    );
    assert_eq!((session.state(), session.enabled()), (State::NotAuthenticated, Enabled::default()));
}
