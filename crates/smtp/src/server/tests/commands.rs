//! Every command: its success, its order, its syntax.

use super::*;

#[test]
fn a_message_goes_the_whole_way() {
    check(
        config(Service::Mx),
        r"
        S: 220 mx.test ESMTP Posthouse
        C: EHLO client.test
        E: Hello client.test true
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
        S: 250 HELP
        C: MAIL FROM:<a@x.test> SIZE=10 BODY=8BITMIME RET=FULL ENVID=1
        C: RCPT TO:<b@y.test> NOTIFY=SUCCESS ORCPT=rfc822;b@z.test
        C: DATA
        E: MailFrom <a@x.test>
        E: RcptTo <b@y.test>
        E: DataStart
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        C: Subject: x
        C:
        C: ..dot
        C: .
        C: QUIT
        E: Body Subject: x\r\n\r\n.dot\r\n|
        E: BodyEnd
        E: Quit
        S: 250 2.0.0 queued as 7
        S: 221 2.0.0 Goodbye
        .
        ",
    );
}

/// One command after EHLO, or after what stands before it, and the start of the reply.
fn reply_to(config: &Config, before: &str, command: &str) -> String {
    let mut driver = Driver::new(config.clone());
    for line in ["EHLO c.test"].into_iter().chain(before.lines()) {
        driver.feed(&unescape(line));
    }
    driver.output.clear();
    driver.feed(&unescape(command));
    String::from_utf8(driver.output).expect("ASCII").trim_end().to_owned()
}

const MAIL: &str = "MAIL FROM:<a@x.test>";
const RCPT: &str = "MAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>";

/// What was said before, the command, and the start of its reply.
const REPLIES: &[(&str, &str, &str)] = &[
    ("", "NOOP anything", "250 2.0.0"),
    ("", "RSET", "250 2.0.0"),
    ("", "RSET x", "501 5.5.4"),
    ("", "VRFY a", "252 2.0.0"),
    ("", "VRFY", "501 5.5.4"),
    ("", "EXPN list", "502 5.5.1"),
    ("", "ETRN x.test", "502 5.5.1"),
    ("", "HELP", "214 2.0.0"),
    ("", "QUIT x", "501 5.5.4"),
    ("", "QUIT", "221 2.0.0"),
    ("", "HELO c.test", "250 mx.test"),
    ("", "EHLO", "501 5.5.4"),
    ("", "EHLO a b", "501 5.5.4"),
    ("", "LHLO a", "500 5.5.1"),
    ("", "STARTTLS", "502 5.5.1"),
    ("", "AUTH PLAIN", "502 5.5.1"),
    ("", "FROB", "500 5.5.1"),
    ("", "", "500 5.5.1"),
    ("", " NOOP", "500 5.5.1"),
    ("", r"NOOP\0", "500 5.5.2"),
    ("", r"NOOP\rRSET", "500 5.5.2"),
    ("", r"NOOP\n\", "500 5.5.2"),
    ("", r"NOOP \x", "500 5.5.2"),
    ("", "DATA", "503 5.5.1"),
    ("", "RCPT TO:<b@y.test>", "503 5.5.1"),
    ("", MAIL, "250 2.1.0"),
    ("", "mail from: <> ret=hdrs", "250 2.1.0"),
    ("", "MAIL FROM:<@r.test:a@x.test>", "250 2.1.0"),
    ("", "MAIL", "501 5.5.4"),
    ("", "MAIL TO:<a@x.test>", "501 5.5.4"),
    ("", "MAIL FROM:a@x.test", "501 5.1.7"),
    ("", "MAIL FROM:<a@x..test>", "501 5.1.7"),
    ("", "MAIL FROM:<a>", "501 5.1.7"),
    ("", "MAIL FROM:<a@x.test> SIZE=50000001", "552 5.3.4"),
    ("", "MAIL FROM:<a@x.test> SIZE=99999999999999999999", "552 5.3.4"),
    ("", "MAIL FROM:<a@x.test> SIZE=x", "501 5.5.4"),
    ("", "MAIL FROM:<a@x.test> BODY=BINARYMIME", "250 2.1.0"),
    ("", "MAIL FROM:<a@x.test> BODY=BINARY", "501 5.5.4"),
    ("MAIL FROM:<a@x.test> BODY=BINARYMIME\nRCPT TO:<b@y.test>", "DATA", "503 5.5.1"),
    ("MAIL FROM:<a@x.test> BODY=BINARYMIME\nRCPT TO:<b@y.test>\nDATA", r"BDAT 3 LAST\r\n.\0\x\", "250 2.0.0"),
    ("", "MAIL FROM:<a@x.test> ENVID=a+0Ab", "501 5.5.4"),
    ("", "MAIL FROM:<a@x.test> X=1", "555 5.5.4"),
    ("", "MAIL FROM:<é@x.test>", "553 5.6.7"),
    ("", "MAIL FROM:<a@é.test>", "553 5.6.7"),
    ("", "MAIL FROM:<é@x.test> SMTPUTF8", "250 2.1.0"),
    ("", "MAIL FROM:<refused@x.test>", "550 5.1.1"),
    ("", "MAIL FROM:<later@x.test>", "450 4.1.1"),
    ("HELO c.test", "MAIL FROM:<a@x.test>", "250 2.1.0"),
    ("HELO c.test", "MAIL FROM:<a@x.test> SIZE=1", "555 5.5.4"),
    (MAIL, "MAIL FROM:<b@x.test>", "503 5.5.1"),
    (MAIL, "DATA", "503 5.5.1"),
    (MAIL, "RCPT TO:<b@y.test>", "250 2.1.5"),
    (MAIL, "RCPT TO:<Postmaster>", "250 2.1.5"),
    (MAIL, r#"RCPT TO:<"b c"@[192.0.2.1]>"#, "250 2.1.5"),
    (MAIL, "RCPT TO:<>", "501 5.1.3"),
    (MAIL, "RCPT TO:b@y.test", "501 5.1.3"),
    (MAIL, "RCPT FROM:<b@y.test>", "501 5.5.4"),
    (MAIL, "RCPT TO:<é@y.test>", "553 5.6.7"),
    (MAIL, "RCPT TO:<b@y.test> NOTIFY=NEVER,DELAY", "501 5.5.4"),
    (MAIL, "RCPT TO:<b@y.test> ORCPT=rfc822;a+0D+0Ab", "501 5.5.4"),
    (MAIL, "RCPT TO:<b@y.test> SIZE=1", "555 5.5.4"),
    (MAIL, "RCPT TO:<refused@y.test>", "550 5.1.1"),
    (MAIL, "RCPT TO:<evil@y.test>", "550-5.1.1 no \r\n550 5.1.1 250 yes"),
    (RCPT, "DATA x", "501 5.5.4"),
    (RCPT, "DATA", "354 "),
    (RCPT, "EHLO d.test", "250-mx.test"),
    ("MAIL FROM:<nodata@x.test>\nRCPT TO:<b@y.test>", "DATA", "550 5.1.1"),
    ("MAIL FROM:<nodata@x.test>\nRCPT TO:<b@y.test>\nDATA", "RCPT TO:<b@y.test>", "503 5.5.1"),
    ("MAIL FROM:<a@x.test>\nRCPT TO:<refused@y.test>", "DATA", "503 5.5.1"),
    ("MAIL FROM:<a@x.test>\nRSET", "RCPT TO:<b@y.test>", "503 5.5.1"),
    ("MAIL FROM:<a@x.test>\nEHLO d.test", "RCPT TO:<b@y.test>", "503 5.5.1"),
];

#[test]
fn every_command_and_every_refusal_has_its_code() {
    for (before, command, reply) in REPLIES {
        let got = reply_to(&config(Service::Mx), before, command);
        assert!(got.starts_with(reply), "{before:?} then {command:?}: {got:?} for {reply:?}");
    }
}

#[test]
fn nothing_goes_before_hello() {
    check(
        config(Service::Mx),
        "
        S: 220 mx.test ESMTP Posthouse
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@x.test>
        C: NOOP
        S: 503 5.5.1 Say HELO or EHLO first
        S: 503 5.5.1 Say MAIL first
        S: 250 2.0.0 Ok
        ",
    );
}

#[test]
fn lmtp_says_lhlo_and_answers_for_each_recipient() {
    check(
        config(Service::Lmtp),
        "
        S: 220 mx.test LMTP Posthouse
        C: EHLO a
        S: 500 5.5.1 This is LMTP, say LHLO
        C: HELO a
        S: 500 5.5.1 This is LMTP, say LHLO
        C: LHLO a
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
        S: 250 HELP
        C: MAIL FROM:<each@x.test>
        C: RCPT TO:<b@y.test>
        C: RCPT TO:<refused@y.test>
        C: RCPT TO:<full@y.test>
        C: DATA
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 550 5.1.1 No such user
        S: 250 2.1.5 Recipient ok
        S: 354 Send the message, end it with <CRLF>.<CRLF>
        C: .
        S: 250 2.0.0 Accepted
        S: 552 5.3.4 The message is larger than this server takes
        C: MAIL FROM:<spam@x.test>
        C: RCPT TO:<b@y.test>
        C: RCPT TO:<c@y.test>
        C: BDAT 1 LAST
        C: x\\
        S: 250 2.1.0 Sender ok
        S: 250 2.1.5 Recipient ok
        S: 250 2.1.5 Recipient ok
        S: 451 4.3.0 Local error, try again later
        S: 451 4.3.0 Local error, try again later
        ",
    );
}

#[test]
fn the_envelope_is_what_was_accepted() {
    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(
        b"EHLO c\r\nMAIL FROM:<a@x.test> RET=HDRS ENVID=e AUTH=<> SMTPUTF8\r\nRCPT TO:<refused@y.test>\r\n",
    );
    driver.feed(b"RCPT TO:<postmaster> NOTIFY=NEVER ORCPT=rfc822;q@y.test\r\n");
    let envelope = driver.session.envelope().clone();
    assert_eq!((envelope.reverse_path.to_string(), envelope.smtputf8), ("a@x.test".into(), true));
    assert_eq!((envelope.ret, envelope.envid.as_deref()), (Some(mail::ReturnContent::Headers), Some("e")));
    assert_eq!(envelope.recipients.len(), 1);
    assert_eq!(envelope.recipients[0].address.to_string(), "postmaster@mx.test");
    assert_eq!(envelope.recipients[0].original.as_deref(), Some("rfc822;q@y.test"));
    assert!(envelope.recipients[0].notify.never);
    driver.feed(b"RSET\r\n");
    assert_eq!(*driver.session.envelope(), Envelope::default());
}
