//! AUTH and STARTTLS.

use super::*;

fn offered() -> Config {
    Config { tls: TlsOffer::Offered, ..submission() }
}

#[test]
fn submission_needs_tls_and_a_login() {
    check(
        offered(),
        "
        S: 220 mx.test ESMTP Posthouse
        C: STARTTLS
        S: 503 5.5.1 Say EHLO first
        C: EHLO c
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
        S: 250-STARTTLS
        S: 250 HELP
        C: MAIL FROM:<a@x.test>
        S: 530 5.7.0 Say STARTTLS first
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        S: 538 5.7.11 Encryption required for authentication, say STARTTLS first
        C: STARTTLS now
        S: 501 5.5.4 The command takes no parameters
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        TLS
        C: MAIL FROM:<a@x.test>
        S: 503 5.5.1 Say HELO or EHLO first
        C: EHLO c
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
        S: 250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
        S: 250 HELP
        C: STARTTLS
        S: 503 5.5.1 TLS is active already
        C: MAIL FROM:<a@x.test>
        S: 530 5.7.0 Authentication required
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        S: 235 2.7.0 Authentication succeeded
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        S: 503 5.5.1 You are authenticated already
        C: MAIL FROM:<a@x.test>
        S: 250 2.1.0 Sender ok
        ",
    );
}

/// What is said after EHLO and how it is answered.
fn exchange(lines: &[&str]) -> (Vec<String>, bool) {
    let mut driver = Driver::new(Config { max_auth_failures: 9, ..submission() });
    driver.feed(b"EHLO c\r\n");
    driver.output.clear();
    let mut replies = Vec::new();
    for line in lines {
        driver.feed(&unescape(line));
        replies.push(String::from_utf8(std::mem::take(&mut driver.output)).expect("ASCII")[..3].to_owned());
    }
    (replies, driver.session.is_authenticated())
}

#[test]
fn exchanges_end_as_they_should() {
    let long = "A".repeat(12_400);
    for (lines, replies, done) in [
        (&["AUTH PLAIN AHVzZXIAcGFzcw=="][..], &["235"][..], true),
        (&["AUTH plain", "AHVzZXIAcGFzcw=="], &["334", "235"], true),
        (&["AUTH PLAIN AHVzZXIAbm8=", "NOOP"], &["535", "250"], false),
        (&["AUTH LOGIN", "bW9yZQ==", "AHVzZXIAcGFzcw=="], &["334", "334", "235"], true),
        (&["AUTH SCRAM-SHA-256", "cHJvb2Y=", ""], &["334", "334", "235"], true),
        (&["AUTH SCRAM-SHA-256", "cHJvb2Y=", "*", "NOOP"], &["334", "334", "501", "250"], false),
        (&["AUTH SCRAM-SHA-256", "cHJvb2Y=", "eA==", "NOOP"], &["334", "334", "501", "250"], false),
        (&["AUTH LOGIN", "*", "NOOP"], &["334", "501", "250"], false),
        (&["AUTH LOGIN", "not base64", "NOOP"], &["334", "501", "250"], false),
        (&["AUTH LOGIN", "QUIT", "NOOP"], &["334", "535", "250"], false),
        (&["AUTH LOGIN", r"AA==\0", "NOOP"], &["334", "500", "250"], false),
        (&["AUTH LOGIN", &long, "NOOP"], &["334", "500", "250"], false),
        (&["AUTH PLAIN =", "NOOP"], &["535", "250"], false),
        (&["AUTH PLAIN ==", "NOOP"], &["501", "250"], false),
        (&["AUTH"], &["504"], false),
        (&["AUTH CRAM-MD5"], &["504"], false),
        (
            &["AUTH PLAIN AHVzZXIAcGFzcw==", "MAIL FROM:<a@x.test>", "AUTH LOGIN"],
            &["235", "250", "503"],
            true,
        ),
    ] {
        let (got, authenticated) = exchange(lines);
        assert_eq!(
            (got, authenticated),
            (replies.iter().map(ToString::to_string).collect(), done),
            "{lines:?}"
        );
    }
}

#[test]
fn too_many_failures_close_and_no_secret_is_told() {
    check(
        submission(),
        r#"
        S: 220 mx.test ESMTP Posthouse
        C: HELO c
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        E: Hello c false
        E: Violation "AUTH PLAIN" 503
        S: 250 mx.test
        S: 503 5.5.1 Say EHLO first
        "#,
    );
    let mut driver = Driver::new(submission());
    driver.feed(b"EHLO c\r\n");
    for _ in 0..3 {
        assert!(driver.session.wants_input());
        driver.feed(b"AUTH PLAIN eA==\r\n");
    }
    assert!(driver.session.is_closed());
    assert!(driver.output.ends_with(b"535 5.7.8 Wrong\r\n421 4.7.0 Too many failed logins, closing\r\n"));
}

#[test]
fn mechanisms_with_channel_binding_need_one() {
    for (binding, offered_then) in [(true, true), (false, false)] {
        let mut driver = Driver::new(offered());
        driver.feed(b"EHLO c\r\nSTARTTLS\r\n");
        assert!(!driver.session.wants_input() && driver.session.poll_timeout().is_none());
        driver.session.tls_started(binding, driver.now);
        driver.output.clear();
        driver.feed(b"EHLO c\r\n");
        let text = String::from_utf8(driver.output).expect("ASCII");
        assert_eq!(text.contains("SCRAM-SHA-256-PLUS"), offered_then);
        assert!(driver.session.is_tls());
    }
}

/// Attacks A3: whatever follows STARTTLS in clear, and wherever it is cut, is never obeyed.
#[test]
fn bytes_behind_starttls_end_the_session() {
    let injected = [
        "RSET\r\n",
        "\r\n",
        "\n",
        "X",
        "MAIL FROM:<a@x.test>\r\n",
        "EHLO x\r\nAUTH PLAIN AHVzZXIAcGFzcw==\r\n",
        "STARTTLS\r\n",
        "QUIT\r\n",
    ];
    for text in injected {
        let stream = format!("EHLO c\r\nSTARTTLS\r\n{text}");
        for cut in 1..=stream.len() {
            let mut driver = Driver::new(offered());
            driver.feed(&stream.as_bytes()[..cut]);
            driver.feed(&stream.as_bytes()[cut..]);
            if cut < stream.len() || driver.session.is_closed() {
                assert!(driver.session.is_closed(), "{stream:?} cut at {cut}: {}", driver.log);
                assert!(driver.output.ends_with(b"handshake, closing\r\n"));
            }
            driver.session.tls_started(true, driver.now);
            assert!(!driver.session.is_tls() && !driver.session.is_authenticated());
            assert_eq!(driver.session.envelope(), &Envelope::default());
        }
    }
}

#[test]
fn starttls_forgets_what_was_said() {
    check(
        Config { tls: TlsOffer::Offered, ..config(Service::Mx) },
        "
        S: 220 mx.test ESMTP Posthouse
        C: HELO c
        C: STARTTLS
        S: 250 mx.test
        S: 503 5.5.1 Say EHLO first
        C: HELO c
        C: MAIL FROM:<a@x.test>
        C: RSET
        S: 250 mx.test
        S: 250 2.1.0 Sender ok
        S: 250 2.0.0 Ok
        ",
    );
    let mut driver = Driver::new(Config { tls: TlsOffer::Offered, ..config(Service::Mx) });
    driver.feed(b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nSTARTTLS\r\n");
    assert!(driver.output.ends_with(b"503 5.5.1 STARTTLS may not come within a transaction\r\n"));
    driver.feed(b"RSET\r\nSTARTTLS\r\n");
    driver.session.tls_started(false, driver.now);
    assert_eq!((driver.session.client_name(), driver.session.is_extended()), (None, false));
}
