//! Transcripts: `C:` is what the client sends, `S:` every line that comes back.

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

#[test]
fn logging_in() {
    check(
        "C: a LOGIN u wrong
         S: a NO [AUTHENTICATIONFAILED] Wrong
         C: b SELECT INBOX
         S: b BAD Log in first
         C: c LOGIN {1+}\\r\\nu \"secret\"
         S: c OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in
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
         S: e OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in",
    );
    check("C: a AUTHENTICATE PLAIN AHUAc2VjcmV0
           S: a OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in");
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

/// RFC 4978 §3.
#[test]
fn compression_begins_once() {
    check_in(
        "C: a COMPRESS DEFLATE
         S: a OK DEFLATE active
         C: b compress deflate
         S: b BAD [COMPRESSIONACTIVE] DEFLATE is active already
         C: c COMPRESS LZW
         S: c BAD Unknown compression algorithm
         C: d UNAUTHENTICATE
         S: d OK Logged out
         C: e COMPRESS DEFLATE
         S: e BAD Log in first",
    );
    check_in(
        "C: a COMPRESS DEFLATE\\r\\nb NOOP
         S: a BAD Bytes follow COMPRESS
         S: b OK Done",
    );
}

#[test]
fn answered_by_the_session_itself() {
    check_in(
        "C: a NAMESPACE
         S: * NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL
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
              S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000
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
fn idling() {
    check_in(
        "C: a IDLE
         S: + idling
         S: * 1 EXISTS
         C: done
         S: a OK Idle no more
         C: b IDLE
         S: + idling
         S: * 1 EXISTS
         C: c NOOP
         S: b BAD Expected DONE
         C: d NOOP
         S: d OK Done",
    );
}

#[test]
fn appending() {
    check_in(
        "C: a APPEND INBOX (\\Seen) {5}
         S: + OK
         C: hello
         S: a OK Appended
         C: b APPEND {5+}\\r\\nINBOX {5+}\\r\\nhello
         S: b OK Appended
         C: c APPEND Nowhere {5}
         S: c NO [TRYCREATE] Not there
         C: d APPEND Nowhere {7+}\\r\\na NOOP\\r
         S: d NO [TRYCREATE] Not there
         C: e APPEND INBOX {10001}
         S: e NO [TOOBIG] The message is larger than this server takes
         C: f APPEND INBOX {5+}\\r\\nhellox
         S: f BAD Unexpected text after the message
         C: g APPEND INBOX {0}
         S: g NO [CANNOT] An empty message is not kept
         C: h APPEND INBOX (\\Recent) {5}
         S: h BAD No such system flag
         C: i APPEND INBOX \"hello\"
         S: i BAD A date looks like 1-Feb-2026
         C: j NOOP
         S: j OK Done",
    );
}

/// RFC 3502, RFC 4469 §5, RFC 8508 §5: however the literals come, a refusal is heard as soon as the client listens.
#[test]
fn appending_in_pieces() {
    check_in(
        "C: a APPEND INBOX (\\Seen) {5}
         S: + OK
         C: hello (\\Flagged) \" 7-Feb-1994 22:43:04 -0800\" {5+}\\r\\nhello {5}
         S: + OK
         C: hello
         S: a OK Appended
         C: b APPEND INBOX {5+}\\r\\nhello {0}
         S: b NO [CANNOT] An empty message is not kept
         C: c APPEND INBOX {5+}\\r\\nhello {10001}
         S: c NO [TOOBIG] The message is larger than this server takes
         C: d APPEND Nowhere {5+}\\r\\nhello {5+}\\r\\nhello {5}
         S: d NO [TRYCREATE] Not there
         C: e APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\" URL /INBOX/;UID=2)
         S: e OK Appended
         C: f APPEND INBOX CATENATE (URL {2}
         S: + OK
         C: /a TEXT {2+}\\r\\nxx URL {2+}\\r\\n/b URL {2}
         S: + OK
         C: /c TEXT {1}
         S: + OK
         C: x) (\\Seen) {5+}\\r\\nhello CATENATE (TEXT {0+}\\r\\n)
         S: f OK Appended
         C: g APPEND INBOX CATENATE (URL bad TEXT {5}
         S: g NO [BADURL \"bad\"] Not there
         C: h APPEND INBOX CATENATE (TEXT {1+}\\r\\nx URL bad TEXT {1+}\\r\\nx URL /y)
         S: h NO [BADURL \"bad\"] Not there
         C: i APPEND INBOX CATENATE (URL bad)
         S: i NO [BADURL \"bad\"] Not there
         C: j APPEND INBOX CATENATE ()
         S: j BAD A part of CATENATE is TEXT or URL
         C: k APPEND INBOX CATENATE (TEXT {1+}\\r\\nx
         S: k BAD Missing ')'
         C: l APPEND INBOX CATENATE (TEXT {1+}\\r\\nx TEXT) {1+}\\r\\nx {1}
         S: l BAD A part of CATENATE is TEXT or URL
         C: m APPEND INBOX
         S: m BAD Missing message
         C: n APPEND INBOX {5+}\\r\\nhello {2000000}
         S: n NO [TOOBIG] The message is larger than this server takes
         C: o APPEND INBOX CATENATE (TEXT {1+}\\r\\nx URL {2000000}
         S: o BAD [TOOBIG] The literal is too large
         C: p REPLACE 1 INBOX {1+}\\r\\nx
         S: p BAD Select a mailbox first
         C: q SELECT INBOX
         S: q OK Selected
         C: r UID REPLACE 2000 INBOX (\\Seen) {1}
         S: + OK
         C: x
         S: r OK Appended
         C: s REPLACE * INBOX CATENATE (TEXT {1+}\\r\\nx) {1}
         S: s BAD Unexpected text after the message
         C: t REPLACE 1:2 INBOX {1}
         S: t BAD Missing argument
         C: u EXAMINE INBOX
         S: u OK Selected
         C: v REPLACE 1 INBOX {1}
         S: v NO [READ-ONLY] The mailbox was opened read-only
         C: w NOOP
         S: w OK Done",
    );
    let long = format!("C: a APPEND INBOX {{5+}}\\r\\nhello {}", "x".repeat(limits::IMAP_LINE + 1));
    for start in ["INBOX", "Nowhere"] {
        let session = check_in(&format!(
            "{}\n S: * BYE [TOOBIG] The command is too long",
            long.replace("INBOX", start)
        ));
        assert!(session.is_closed());
    }
}

#[test]
fn a_large_message_comes_in_pieces() {
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    session.handle_input(b"a APPEND INBOX {10000}\r\n", now());
    assert!(matches!(session.poll_event(now()), Some(Event::AppendStart(_))));
    session.accept_append();
    assert!(matches!(session.poll_event(now()), Some(Event::AppendMessage(_))));
    assert_eq!(session.poll_event(now()), Some(Event::AppendLiteral(10_000)));
    session.accept_append();
    let mut taken = 0;
    for _ in 0..10 {
        session.handle_input(&[b'x'; 1000], now());
        while let Some(Event::AppendData(bytes)) = session.poll_event(now()) {
            taken += bytes.len();
        }
    }
    assert_eq!(taken, 10_000);
    assert!(session.reader.is_empty(), "nothing is kept of it");
    session.handle_input(b"\r\n", now());
    assert_eq!(session.poll_event(now()), Some(Event::AppendEnd));
}

#[test]
fn literals_that_do_not_fit() {
    check_in(
        "C: a LOGIN {2000000}
              S: a BAD [TOOBIG] The literal is too large
              C: b NOOP
              S: b OK Done",
    );
}

/// RFC 7888 §4, §5: what comes without asking. Before login little of it is taken, after login it is read past up to a limit.
#[test]
fn literals_that_come_without_asking() {
    let too_big = "BAD [TOOBIG] The literal is too large";
    for (state, input, output) in [
        (State::NotAuthenticated, "a LOGIN {5000+}".to_owned(), format!("a {too_big}|* BYE [TOOBIG] The literal is too large|")),
        (State::NotAuthenticated, "a APPEND x {4097+}".to_owned(), "a BAD [TOOBIG] Log in first|* BYE [TOOBIG] The literal is too large|".into()),
        (State::NotAuthenticated, "a APPEND x {6+}|b NOOP|c NOOP|".into(), "a BAD Log in first|c OK Done|".into()),
        (State::Authenticated, format!("a LOGIN {{2000000+}}|{} {{6+}}|b NOOP {{3}}|c NOOP|", "x".repeat(2_000_000)), format!("a {too_big}|c OK Done|")),
        (State::Authenticated, format!("a CREATE {{1048575+}}|{}{{2+}}|b {{6+}}|c NOOP|d NOOP|", "x".repeat(1_048_575)), format!("a {too_big}|d OK Done|")),
        (State::Authenticated, format!("a SELECT {{{}+}}|", limits::IMAP_SKIPPED + 1), format!("a {too_big}|* BYE [TOOBIG] The literal is too large|")),
        (State::Authenticated, format!("a APPEND INBOX {{10000+}}|{}|b NOOP|", "x".repeat(10_000)), "a OK Appended|b OK Done|".into()),
        (State::Authenticated, format!("a APPEND INBOX {{10001+}}|{}|b NOOP|", "x".repeat(10_001)), "a NO [TOOBIG] The message is larger than this server takes|b OK Done|".into()),
        (State::Authenticated, "a APPEND INBOX {999999999999+}|".into(), "a NO [TOOBIG] The message is larger than this server takes|* BYE [TOOBIG] The literal is too large|".into()),
        (State::Authenticated, "a APPEND Nowhere {3+}|abc {6+}|b NOOP|c NOOP|".into(), "a NO [TRYCREATE] Not there|c OK Done|".into()),
        (State::Authenticated, "a APPEND INBOX {3+}|abcx {6+}|b NOOP|c NOOP|".into(), "a BAD Unexpected text after the message|c OK Done|".into()),
        (State::Authenticated, format!("a APPEND Nowhere {{3+}}|abc {{{}+}}|", limits::IMAP_SKIPPED), "a NO [TOOBIG] Not there|* BYE [TOOBIG] The literal is too large|".into()),
    ] {
        let mut session = Session::new(config(), now());
        session.set_state(state);
        feed(&mut session, b"");
        let came = feed(&mut session, input.replace('|', "\r\n").as_bytes()) + &feed(&mut session, b"\r\n");
        let came = came.strip_suffix("* BAD Missing tag\r\n").unwrap_or(&came);
        assert_eq!(came.replace("\r\n", "|"), output, "{}", &input[..input.len().min(60)]);
        assert_eq!(session.is_closed(), output.contains("BYE"), "{output}");
        assert!(session.reader.is_empty(), "nothing of it is kept");
    }
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

/// RFC 3501 §6.1.1, RFC 2971: what is hidden from a client is not announced to it, and goes on working.
#[test]
fn clients_that_stumble_are_told_less() {
    let rule = |client: Option<&str>, account: Option<&str>, names: &[&str]| Hidden {
        client: client.map(str::to_owned),
        account: account.map(str::to_owned),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let hidden = [
        rule(Some("stumbler 1.*"), None, &["QRESYNC", "THREAD", "SASL-IR"]),
        rule(None, Some("ann@x.test"), &["MOVE"]),
        rule(Some("*"), Some("bob@x.test"), &["IDLE"]),
    ];
    let mut session = Session::new(Config { hidden: hidden.into(), ..config() }, now());
    let greeting = feed(&mut session, b"");
    assert!(greeting.contains(" SASL-IR "), "{greeting}");
    let said = feed(&mut session, b"a ID (\"version\" \"1.2\" \"NAME\" \"Stumbler\")\r\n");
    let expected =
        "* ID (\"name\" \"Posthouse\")\r\n* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE AUTH=PLAIN\r\n";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(feed(&mut session, b"b ID NIL\r\n").lines().count(), 3, "everything again");
    feed(&mut session, b"c ID (\"name\" \"Stumbler\" \"version\" \"1.0\")\r\n");
    session.set_account(|| "Ann@x.test".into());
    let said = feed(&mut session, b"d LOGIN u secret\r\n");
    for (name, shown) in
        [("QRESYNC", false), ("THREAD", false), ("MOVE", false), ("IDLE", true), ("CONDSTORE", true)]
    {
        assert_eq!(said.contains(&format!(" {name}")), shown, "{name} {said}");
    }
    assert!(feed(&mut session, b"e ENABLE QRESYNC\r\n").starts_with("* ENABLED QRESYNC\r\n"));
    let said = feed(&mut session, b"f UNAUTHENTICATE\r\ng CAPABILITY\r\n");
    assert!(!said.contains("SASL-IR"), "the client is the same: {said}");
    session.set_account(|| "bob@x.test".into());
    let said = feed(&mut session, b"h LOGIN u secret\r\n");
    assert!(said.contains(" MOVE ") && !said.contains(" IDLE "), "{said}");
}

/// RFC 2177 §3, RFC 9051 §7.1: a client that idles hears something now and then, and no more than that.
#[test]
fn idling_keeps_the_connection_open() {
    let at = |minutes| now() + Duration::from_mins(minutes);
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    feed(&mut session, b"a IDLE\r\n");
    assert_eq!(session.poll_timeout(), Some(at(4)));
    session.handle_timeout(at(3));
    assert_eq!(feed(&mut session, b""), "");
    session.handle_timeout(at(4));
    assert_eq!(feed(&mut session, b""), "* OK Still here\r\n");
    session.out().untagged("OK", None, "news");
    session.spoke(at(6));
    feed(&mut session, b"");
    session.spoke(at(7));
    assert_eq!(session.poll_timeout(), Some(at(10)), "what was said counts, and nothing does not");
    for minutes in [10, 14, 18, 22, 26, 30] {
        session.handle_timeout(at(minutes));
        assert_eq!(feed(&mut session, b""), "* OK Still here\r\n");
    }
    session.handle_timeout(now() + limits::IMAP_IDLE_TIMEOUT);
    assert_eq!(
        feed(&mut session, b""),
        "* BYE Nothing was heard for too long\r\n",
        "what we say is no sign of life"
    );
    let mut session = Session::new(Config { keepalive: Duration::ZERO, ..config() }, now());
    session.set_state(State::Authenticated);
    feed(&mut session, b"a IDLE\r\n");
    assert_eq!(session.poll_timeout(), Some(now() + limits::IMAP_IDLE_TIMEOUT));
}

#[test]
fn silence_ends_the_session() {
    let mut session = Session::new(config(), now());
    feed(&mut session, b"");
    assert_eq!(session.poll_timeout(), Some(now() + limits::LOGIN_TIMEOUT));
    // Trickling bytes do not count before login.
    session.handle_input(b"a NO", now() + Duration::from_secs(50));
    session.handle_timeout(now() + Duration::from_secs(59));
    assert!(!session.is_closed());
    session.handle_timeout(now() + Duration::from_mins(1));
    assert_eq!(feed(&mut session, b""), "* BYE Nothing was heard for too long\r\n");
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    assert_eq!(session.poll_timeout(), Some(now() + limits::IMAP_IDLE_TIMEOUT));
    assert!(limits::IMAP_IDLE_TIMEOUT >= Duration::from_mins(30));
    session.handle_input(b"a NOOP\r\n", now());
    assert!(session.poll_event(now()).is_some());
    assert_eq!(session.poll_timeout(), None, "no timeout while the driver works");
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

/// RFC 5161 §3.1, RFC 7162 §3.1, §3.2.5: what a client has to ask for before it gets it.
#[test]
fn extensions_are_switched_on() {
    for (transcript, enabled) in [
        ("C: a ENABLE X-GOOD CONDSTORE\nS: * ENABLED CONDSTORE\nS: a OK Enabled", (true, false)),
        ("C: a ENABLE qresync\nS: * ENABLED QRESYNC\nS: a OK Enabled", (true, true)),
        ("C: a ENABLE X\nS: * ENABLED\nS: a OK Nothing needed enabling", (false, false)),
        ("C: a SELECT INBOX (CONDSTORE)\nS: a OK Selected", (true, false)),
        ("C: a SELECT INBOX (QRESYNC (1 2))\nS: a BAD ENABLE QRESYNC first", (false, false)),
        ("C: a STATUS INBOX (HIGHESTMODSEQ)\nS: a OK Done", (true, false)),
        ("C: a SELECT INBOX\nS: a OK Selected\nC: b FETCH 1 MODSEQ\nS: b OK Done", (true, false)),
        (
            "C: a SELECT INBOX\nS: a OK Selected\nC: b FETCH 1 FLAGS (CHANGEDSINCE 5)\nS: b OK Done",
            (true, false),
        ),
        (
            "C: a SELECT INBOX\nS: a OK Selected\nC: b UID FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)\nS: b BAD ENABLE QRESYNC first",
            (false, false),
        ),
        (
            "C: a SELECT INBOX\nS: a OK Selected\nC: b STORE 1 (UNCHANGEDSINCE 5) FLAGS ()\nS: b OK Done",
            (true, false),
        ),
        ("C: a SELECT INBOX\nS: a OK Selected\nC: b SEARCH NOT MODSEQ 5\nS: b OK Done", (true, false)),
        ("C: a SELECT INBOX\nS: a OK Selected\nC: b FETCH 1 FLAGS\nS: b OK Done", (false, false)),
    ] {
        let session = check_in(transcript);
        assert_eq!((session.enabled().condstore, session.enabled().qresync), enabled, "{transcript}");
    }
}

/// RFC 9755 §3: with UTF8=ACCEPT there is one charset; commands that name another are refused.
#[test]
fn enabling_utf8() {
    let session = check_in(
        "C: a SELECT INBOX
         S: a OK Selected
         C: b SEARCH CHARSET UTF-8 ALL
         S: b OK Done
         C: c SORT (DATE) US-ASCII ALL
         S: c OK Done
         C: d ENABLE utf8=accept UTF8=ONLY
         S: * ENABLED UTF8=ACCEPT
         S: d OK Enabled
         C: e SEARCH CHARSET UTF-8 ALL
         S: e BAD With UTF8=ACCEPT, strings have no other charset
         C: f SORT (DATE) US-ASCII ALL
         S: f BAD With UTF8=ACCEPT, strings have no other charset
         C: g THREAD REFERENCES ISO-8859-1 ALL
         S: g BAD With UTF8=ACCEPT, strings have no other charset
         C: h UID SORT (DATE) utf-8 ALL
         S: h OK Done
         C: i SEARCH TEXT \"x\"
         S: i OK Done",
    );
    assert_eq!(session.text(), crate::Text::Utf8);
}

/// RFC 6855 §4.
#[test]
fn appending_utf8_data() {
    check_in(
        "C: a APPEND INBOX (\\Seen) UTF8 (~{5}
         S: + OK
         C: hello)
         S: a OK Appended
         C: b APPEND INBOX utf8 (~{5+}\\r\\nhello)
         S: b OK Appended
         C: c APPEND INBOX UTF8 (~{5+}\\r\\nhello
         S: c BAD Unexpected text after the message
         C: d APPEND INBOX ~{5+}\\r\\nhello)
         S: d BAD Unexpected text after the message
         C: e APPEND INBOX UTF8 ({5}
         S: e BAD UTF8 data comes as a literal8
         C: f APPEND INBOX UTF8 ~{5}
         S: f BAD The message comes as a literal
         C: g APPEND Nowhere UTF8 (~{3+}\\r\\nabc)
         S: g NO [TRYCREATE] Not there
         C: h NOOP
         S: h OK Done",
    );
}

/// RFC 9051 §6.3.1: what was enabled stays, the capabilities are the same, and names are UTF-8 from then on.
#[test]
fn enabling_imap4rev2() {
    let session = check_in(
        "C: a CREATE &bad
         S: a OK Done
         C: b ENABLE imap4REV2 CONDSTORE
         S: * ENABLED IMAP4rev2 CONDSTORE
         S: b OK Enabled
         C: c ENABLE UIDPLUS
         S: * ENABLED
         S: c OK Nothing needed enabling",
    );
    assert!(session.enabled().rev2);
    assert_eq!(session.text(), crate::Text::Utf8);
    let mut session = session;
    let before = session.capabilities();
    session.handle_input(b"d DELETE \"Inbox/\xc3\xbc&\"\r\n", now());
    let Some(Event::Command(Command::Delete(Ok(name)))) = session.poll_event(now()) else { panic!("a name") };
    assert_eq!((name.as_str(), session.supplied()), ("INBOX/\u{fc}&", Some("Inbox/\u{fc}&")));
    assert_eq!(session.capabilities(), before);
    session.complete(Completion::ok("Done"));
    session.handle_input(b"e APPEND {9+}\r\nInbox/\xc3\xbc& {3+}\r\n", now());
    let Some(Event::AppendStart(append)) = session.poll_event(now()) else { panic!("an append") };
    assert_eq!(append.supplied.as_deref(), Some("Inbox/\u{fc}&"));
}

/// RFC 8437 §2.
#[test]
fn logging_out_and_in_again() {
    let session = check(
        "C: a UNAUTHENTICATE
         S: a BAD Log in first
         C: b LOGIN u secret
         S: b OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=10000 MESSAGELIMIT=5000 SAVELIMIT=1000] Logged in
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
