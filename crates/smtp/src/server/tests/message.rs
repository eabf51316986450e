//! Messages: DATA, BDAT, sizes, lone newlines, and cuts anywhere.

use proptest::prelude::*;

use super::*;

#[test]
fn lone_newlines_are_refused_and_the_session_ends() {
    for service in [Service::Mx, Service::Lmtp] {
        let mut driver = Driver::new(config(service));
        driver.feed(if service == Service::Mx { b"EHLO c\r\n" } else { b"LHLO c\r\n" });
        driver.feed(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n");
        driver.log.clear();
        driver.output.clear();
        driver.feed(b"one\r\n\n.\r\nMAIL FROM:<evil@x.test>\r\n.\r\nQUIT\r\n");
        assert_eq!(driver.log.lines().last(), Some("BodyRefused 550"));
        assert_eq!(driver.output, b"550 5.5.2 The message has a CR or LF that is not part of a CRLF\r\n");
        assert!(driver.session.is_closed());
    }
}

#[test]
fn lone_newlines_from_our_users_are_repaired() {
    check(
        Config { auth: vec!["PLAIN"], ..submission() },
        r#"
        S: 220 mx.test ESMTP Posthouse
        C: EHLO c
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@y.test>
        C: DATA
        C: one\n.\ntwo\rthree\n.
        C: .
        E: Hello c true
        E: AuthStart PLAIN Some("\0user\0pass")
        E: MailFrom <a@x.test>
        E: RcptTo <b@y.test>
        E: DataStart
        E: Body one\r\n.\r\ntwo\r\nthree\r\n.\r\n|
        E: BodyEnd
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-CHUNKING
        S: 250-BINARYMIME
        S: 250-DSN
        S: 250-ENHANCEDSTATUSCODES
        S: 250-LIMITS RCPTMAX=1000
        S: 250-REQUIRETLS
        S: 250-AUTH PLAIN
        S: 250 HELP
        S: 235 2.7.0 Authentication succeeded
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        S: 250 2.0.0 queued as 7
        "#,
    );
}

#[test]
fn too_large_is_refused_at_the_end_and_the_session_goes_on() {
    check(
        Config { max_size: 10, ..config(Service::Mx) },
        "
        S: 220 mx.test ESMTP Posthouse
        C: HELO c
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@y.test>
        C: DATA
        C: 123456789
        C: more
        C: .
        C: RCPT TO:<b@y.test>
        S: 250 mx.test
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        S: 552 5.3.4 The message is larger than this server takes
        S: 503 5.5.1 Say MAIL first
        ",
    );
}

#[test]
fn what_never_ends_is_cut_off_without_memory() {
    let mut driver = Driver::new(Config { max_size: 1000, ..config(Service::Mx) });
    driver.feed(b"HELO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n");
    for _ in 0..40 {
        driver.feed(&b"x".repeat(32_768));
        assert!(driver.session.input.is_empty());
    }
    assert!(driver.session.is_closed() && driver.log.contains("Reset\n"));
    assert!(driver.output.ends_with(b"421 4.7.0 The message does not end, closing\r\n"));
}

/// BDAT after EHLO; what was answered behind RCPT, and what happened.
fn bdat(config: Config, said: &[u8]) -> (String, String) {
    let mut driver = Driver::new(config);
    driver.feed(b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n");
    driver.log.clear();
    driver.output.clear();
    driver.feed(said);
    let codes = String::from_utf8(driver.output).expect("ASCII");
    let codes = codes.lines().map(|line| line[..3].to_owned()).collect::<Vec<_>>().join(" ");
    (codes, driver.log.replace('\n', " ").trim_end().to_owned())
}

#[test]
fn bdat_chunks() {
    let small = || Config { max_size: 10, ..config(Service::Mx) };
    let big = || config(Service::Mx);
    let violation = r#"Violation "BDAT""#;
    let cases: [(Config, &[u8], &str, String); 11] = [
        (big(), b"BDAT 3 LAST\r\na\r\n", "250", r"DataStart Body a\r\n| BodyEnd".into()),
        (
            big(),
            b"BDAT 2\r\na\rBDAT 4\r\n\n.\r\nBDAT 0 LAST\r\nNOOP\r\n",
            "250 250 250 250",
            r"DataStart Body a\r\n.\r\n| BodyEnd".into(),
        ),
        (
            big(),
            b"BDAT 1 last\r\nxRCPT TO:<c@y.test>\r\n",
            "250 503",
            r#"DataStart Body x| BodyEnd Violation "RCPT TO:<c@y.test>" 503"#.into(),
        ),
        (big(), b"BDAT 1\r\nxDATA\r\n", "250 503", r#"DataStart Body x| Violation "DATA" 503"#.into()),
        (
            big(),
            b"BDAT 1\r\nxRCPT TO:<c@y.test>\r\n",
            "250 503",
            r#"DataStart Body x| Violation "RCPT TO:<c@y.test>" 503"#.into(),
        ),
        (
            big(),
            b"BDAT 1\r\nxRSET\r\nBDAT 2 LAST\r\nx\nNOOP\r\n",
            "250 250 503 250",
            format!("DataStart Body x| Reset {violation} 503"),
        ),
        (big(), b"BDAT 2 LAST\r\nx\nNOOP\r\n", "550", "DataStart Body x| BodyRefused 550".into()),
        (big(), b"BDAT 2 LAST\r\nx\rNOOP\r\n", "550", "DataStart Body x| BodyRefused 550".into()),
        (
            small(),
            b"BDAT 11\r\n12345678901BDAT 1 LAST\r\nxNOOP\r\n",
            "552 503 250",
            format!("DataStart BodyRefused 552 {violation} 503"),
        ),
        (small(), b"BDAT 99999999\r\nNOOP\r\n", "552", format!("Reset {violation} 552")),
        (small(), b"BDAT 99999999999999999999999999\r\nNOOP\r\n", "552", format!("Reset {violation} 552")),
    ];
    for (config, said, codes, log) in cases {
        let shown = said.escape_ascii().to_string();
        assert_eq!(bdat(config, said), (codes.to_owned(), log), "{shown}");
    }
}

#[test]
fn a_refused_bdat_is_read_to_its_end() {
    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(b"EHLO c\r\nMAIL FROM:<nodata@x.test>\r\nRCPT TO:<b@y.test>\r\n");
    driver.output.clear();
    driver.feed(b"BDAT 6\r\nQUIT");
    assert!(driver.output.is_empty() && driver.session.wants_input());
    driver.feed(b"\r\nNOOP\r\n");
    assert_eq!(driver.output, b"550 5.1.1 No such user\r\n250 2.0.0 Ok\r\n");
}

#[test]
fn a_lost_connection_drops_the_message() {
    check(
        config(Service::Mx),
        r"
        S: 220 mx.test ESMTP Posthouse
        C: HELO c
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@y.test>
        C: DATA
        C: half
        E: Hello c false
        E: MailFrom <a@x.test>
        E: RcptTo <b@y.test>
        E: DataStart
        E: Body half\r\n|
        S: 250 mx.test
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        EOF
        E: Reset
        .
        ",
    );
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        2 => Just(b"EHLO c\r\n".to_vec()),
        4 => Just(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n".to_vec()),
        1 => Just(b"MAIL FROM:<each@x.test>\r\n".to_vec()),
        1 => Just(b"RCPT TO:<refused@y.test>\r\n".to_vec()),
        3 => Just(b"DATA\r\n".to_vec()),
        3 => Just(b"\r\n.\r\n".to_vec()),
        1 => Just(b".\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        2 => Just(b"BDAT 5\r\n".to_vec()),
        2 => Just(b"BDAT 5 LAST\r\n".to_vec()),
        1 => Just(b"RSET\r\n".to_vec()),
        1 => Just(b"QUIT\r\n".to_vec()),
        1 => Just(b"AUTH PLAIN\r\nAHVzZXIAcGFzcw==\r\n".to_vec()),
        3 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => Just(b"x".repeat(5000)),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However the same bytes arrive, the same happens.
    #[test]
    fn cuts_change_nothing(
        stream in streams(),
        sizes in proptest::collection::vec(1usize..200, 1..6),
        service in prop_oneof![Just(Service::Mx), Just(Service::Submission), Just(Service::Lmtp)],
    ) {
        let config = Config { auth: vec!["PLAIN"], tls: TlsOffer::Active, ..config(service) };
        let mut whole = Driver::new(config.clone());
        whole.feed(&stream);
        let mut cut = Driver::new(config);
        let (mut rest, mut sizes) = (&stream[..], sizes.into_iter().cycle());
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(sizes.next().expect("it cycles").min(rest.len()));
            cut.feed(chunk);
            rest = later;
        }
        prop_assert_eq!(whole.output.escape_ascii().to_string(), cut.output.escape_ascii().to_string());
        // Of a message that is refused in the end, more or less may have been passed on before.
        let events = |log: &str| log.lines().filter(|l| !l.starts_with("Body ")).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(events(&whole.log), events(&cut.log));
        if !whole.log.contains("BodyRefused") {
            prop_assert_eq!(whole.log.replace("|\n", "\n"), cut.log.replace("|\n", "\n"));
        }
    }
}
