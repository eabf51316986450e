//! Budgets, lines, time: everything has an end (promise P7).

use super::*;

fn end_of(config: Config, said: &[u8]) -> String {
    let mut driver = Driver::new(config);
    driver.feed(b"EHLO c\r\n");
    driver.feed(said);
    assert!(driver.session.is_closed(), "{}", driver.log);
    let output = String::from_utf8(driver.output).expect("ASCII");
    output.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn budgets_run_out() {
    let mx = || config(Service::Mx);
    let cases: [(Config, Vec<u8>, &str); 9] = [
        (mx(), b"X\r\n".repeat(20), "421 4.7.0 Too many errors, closing"),
        (mx(), b"NOOP\r\n".repeat(1000), "421 4.7.0 Too many commands without mail, closing"),
        (
            mx(),
            [&b"MAIL FROM:<>\r\n"[..], &b"RCPT TO:<refused@y.test>\r\n".repeat(100)].concat(),
            "421 4.7.0 Too many refused addresses, closing",
        ),
        (
            mx(),
            [&b"MAIL FROM:<>\r\nRCPT TO:<a@y.test>\r\n"[..], &b"BDAT 1\r\nx".repeat(1000)].concat(),
            "421 4.7.0 Too many commands without mail, closing",
        ),
        (
            Config { max_recipients: 1, ..mx() },
            [&b"MAIL FROM:<>\r\n"[..], &b"RCPT TO:<a@y.test>\r\n".repeat(1001)].concat(),
            "421 4.7.0 Too many commands without mail, closing",
        ),
        (
            mx(),
            b"GET / HTTP/1.1\r\nHost: x\r\nMAIL FROM:<>\r\n".to_vec(),
            "421 4.7.0 This is no mail client, closing",
        ),
        (mx(), b"MAIL FROM:<close@x.test>\r\nNOOP\r\n".to_vec(), "421 4.1.1 Closing"),
        (
            mx(),
            b"BDAT x\r\nNOOP\r\n".to_vec(),
            "501 5.5.4 Say BDAT with a length, and LAST for the last chunk",
        ),
        (mx(), vec![b'x'; 2 << 20], "421 4.7.0 The line does not end, closing"),
    ];
    for (config, said, last) in cases {
        assert_eq!(end_of(config, &said), last);
    }
}

#[test]
fn http_and_tls_clients_are_hung_up_on() {
    for said in [&b"POST / HTTP/1.0\r\n"[..], b"\x16\x03\x01\x02\x00\x01", b"HEAD /\r\n"] {
        let mut driver = Driver::new(config(Service::Mx));
        driver.feed(said);
        assert!(driver.session.is_closed());
        assert!(driver.output.ends_with(b"421 4.7.0 This is no mail client, closing\r\n"));
    }
}

#[test]
fn long_lines_are_swallowed_to_their_end() {
    for length in [4095, 12_289, 500_000] {
        let mut driver = Driver::new(config(Service::Mx));
        driver.output.clear();
        for chunk in [&b"NOOP "[..], &vec![b'x'; length - 5], b"\r\nNOOP\r\n"].concat().chunks(1000) {
            driver.feed(chunk);
        }
        let output = String::from_utf8(driver.output).expect("ASCII");
        assert_eq!(output, "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n", "{length}");
    }
    let mut driver = Driver::new(config(Service::Mx));
    driver.output.clear();
    driver.feed(&[&b"NOOP "[..], &vec![b'x'; 4089], b"\r\n"].concat());
    assert_eq!(driver.output, b"250 2.0.0 Ok\r\n");
}

#[test]
fn accepted_mail_renews_the_budget() {
    let mut driver = Driver::new(Config { max_idle_commands: 4, ..config(Service::Mx) });
    driver.feed(b"EHLO c\r\n");
    for _ in 0..50 {
        driver.feed(b"MAIL FROM:<>\r\nRCPT TO:<a@y.test>\r\nDATA\r\n.\r\nX\r\nNOOP\r\n");
        assert!(driver.session.wants_input());
    }
}

#[test]
fn silence_and_slowness_time_out() {
    check(
        config(Service::Mx),
        "
        S: 220 mx.test ESMTP Posthouse
        T: 299
        C: HELO c
        S: 250 mx.test
        T: 299
        T: 1
        S: 421 4.4.2 Timeout, closing
        .
        ",
    );
    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@y.test>\r\nDATA\r\n");
    for _ in 0..24 {
        driver.special("T: 150");
        driver.feed(b"x\r\n");
    }
    assert!(driver.session.is_closed() && driver.log.ends_with("Reset\n"));
    assert!(driver.output.ends_with(b"421 4.4.2 The message took too long to arrive, closing\r\n"));
}

#[test]
fn a_recipient_too_many_is_no_error() {
    check(
        Config { max_recipients: 2, ..config(Service::Mx) },
        "
        S: 220 mx.test ESMTP Posthouse
        C: HELO c
        C: MAIL FROM:<>
        C: RCPT TO:<a@y.test>
        C: RCPT TO:<b@y.test>
        C: RCPT TO:<c@y.test>
        C: DATA
        S: 250 mx.test
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 250 2.1.5 Recipient ok
        S: 452 4.5.3 Too many recipients in one message, send the rest in another
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        ",
    );
}

#[test]
fn we_can_close_and_refuse() {
    let reply = Reply::new(421, mail::EnhancedCode(4, 3, 2), "Going down");
    let mut refused = Session::refuse(&reply);
    assert!(!refused.is_closed() && !refused.wants_input());
    assert_eq!(refused.poll_output().as_deref(), Some(&b"421 4.3.2 Going down\r\n"[..]));
    assert!(refused.is_closed());

    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(b"HELO c\r\nMAIL FROM:<>\r\n");
    driver.session.close(&reply);
    driver.drive();
    assert!(driver.session.is_closed() && driver.log.ends_with("Reset\n"));
}

#[test]
fn an_idle_session_is_small() {
    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@y.test>\r\nDATA\r\n");
    driver.feed(&b"x".repeat(60_000));
    driver.feed(b"\r\n.\r\n");
    assert!(std::mem::size_of::<Session>() < 1024, "{}", std::mem::size_of::<Session>());
    assert!(driver.session.input.is_empty());
}
