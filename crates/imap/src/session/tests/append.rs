//! APPEND and REPLACE, and literals that do not fit.

use super::*;

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
