//! What a client switches on, and what is not told to some.

use super::*;

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
