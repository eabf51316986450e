//! Attacks that were carried out on other servers, each by its name in the catalogue.

use super::*;
use crate::body::FALSE_ENDS;

const HELLO: &[u8] = b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n";

fn begun(config: Config) -> Driver {
    let mut driver = Driver::new(config);
    driver.feed(HELLO);
    driver.log.clear();
    driver.output.clear();
    driver
}

fn count(log: &str, what: &str) -> usize {
    log.lines().filter(|line| line.starts_with(what)).count()
}

/// A1, inwards: what follows a false end is never obeyed, by DATA or BDAT, however it is cut.
#[test]
fn a1_nothing_is_smuggled_in() {
    for false_end in FALSE_ENDS {
        let smuggled = "MAIL FROM:<evil@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nfalse\r\n.\r\n";
        let text = format!("first{false_end}{smuggled}");
        let chunk = format!("BDAT {} LAST\r\n{text}", text.len());
        for (stream, size) in
            [(&format!("DATA\r\n{text}"), 1), (&format!("DATA\r\n{text}"), 1000), (&chunk, 7)]
        {
            let mut driver = begun(config(Service::Mx));
            stream.as_bytes().chunks(size).for_each(|piece| driver.feed(piece));
            let log = &driver.log;
            assert_eq!((count(log, "MailFrom"), count(log, "BodyEnd")), (0, 0), "{false_end:?}: {log}");
            assert_eq!(count(log, "BodyRefused 550"), 1, "{false_end:?}: {log}");
            assert!(driver.session.is_closed(), "{false_end:?}");
        }
    }
}

/// A4, "Dead.Letter": TLS ends in the middle of a chunk, and clear bytes follow. Nothing of them is looked at.
#[test]
fn a4_what_follows_the_end_of_tls_is_not_read() {
    for part in [&b"BDAT 100\r\nhalf"[..], b"DATA\r\nhalf", b"BDAT 4\r\nhalf", b"BDA"] {
        let mut driver = begun(Config { tls: TlsOffer::Active, ..config(Service::Mx) });
        driver.feed(part);
        driver.log.clear();
        driver.session.handle_eof();
        driver.drive();
        assert!(driver.session.is_closed());
        assert_eq!(driver.log, "Reset\n", "the message is dropped");
        driver.log.clear();
        driver.output.clear();
        driver.feed(b"\r\n.\r\nRSET\r\nMAIL FROM:<evil@x.test>\r\n");
        assert!(driver.log.is_empty() && driver.output.is_empty(), "{}", driver.log);
        assert!(!driver.session.wants_input() && driver.session.poll_timeout().is_none());
    }
}

/// A5: chunks of one byte without end. By default the session ends; where it may go on, it does not grow.
/// `SMTP_SOAK_CHUNKS` sends another number than the usual 100,000.
#[test]
fn a5_tiny_chunks_take_no_memory() {
    let mut driver = begun(config(Service::Mx));
    for _ in 0..2 * mail::limits::SMTP_IDLE_COMMANDS {
        driver.feed(b"BDAT 1\r\nx");
    }
    assert!(driver.session.is_closed());

    let chunks = std::env::var("SMTP_SOAK_CHUNKS").ok().map(|count| count.parse().expect("a number"));
    let mut driver = begun(Config { max_idle_commands: u32::MAX, ..config(Service::Mx) });
    let mut most = 0;
    for number in 0..chunks.unwrap_or(100_000_u64) {
        driver.log.clear();
        driver.output.clear();
        // Lines of 70 bytes: a line without end would be refused.
        let byte = match number % 72 {
            70 => b'\r',
            71 => b'\n',
            _ => b'x',
        };
        driver.feed(&[b'B', b'D', b'A', b'T', b' ', b'1', b'\r', b'\n', byte]);
        assert!(driver.output.starts_with(b"250"), "{}", String::from_utf8_lossy(&driver.output));
        let session = &driver.session;
        most = most.max(session.output.capacity() + session.events.capacity() + session.input.capacity());
    }
    assert!(most < 8192, "{most} bytes and events are kept");
}

/// A5: RSET in the middle of a chunk is a part of the message, and chunks that are refused are read to their end.
#[test]
fn a5_discarded_chunks_take_no_memory() {
    let mut driver = Driver::new(Config { max_errors: u32::MAX, ..config(Service::Mx) });
    driver.feed(b"EHLO c\r\n");
    for _ in 0..1000 {
        driver.log.clear();
        driver.output.clear();
        driver.feed(b"BDAT 60000\r\n");
        for _ in 0..6 {
            driver.feed(&[b'x'; 10_000]);
        }
        assert!(driver.output.starts_with(b"503"));
        let session = &driver.session;
        assert!(session.input.capacity() <= 20_000 && session.events.capacity() < 64);
        if driver.session.is_closed() {
            return;
        }
    }
}

/// A6: a browser that was made to speak to us is hung up on at its first line, whatever else it sends.
#[test]
fn a6_http_is_hung_up_on() {
    for verb in
        ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "get", "Post"]
    {
        for service in [Service::Mx, Service::Submission, Service::Lmtp] {
            let mut driver = Driver::new(config(service));
            driver.output.clear();
            let body = "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n.\r\n";
            driver.feed(format!("{verb} / HTTP/1.1\r\nHost: x\r\n\r\n{body}").as_bytes());
            assert!(driver.session.is_closed() && driver.output.starts_with(b"421"), "{verb}");
            assert_eq!(count(&driver.log, "MailFrom"), 0);
        }
    }
}

/// A7: no line end, no NUL and no other control character comes through any field into the envelope, in clear or
/// encoded.
#[test]
fn a7_no_field_carries_a_line_end() {
    let lines = [
        "MAIL FROM:<{}@x.test>",
        "MAIL FROM:<\"{}\"@x.test>",
        "MAIL FROM:<\"\\{}\"@x.test>",
        "MAIL FROM:<a@x{}.test>",
        "MAIL FROM:<@r{}.test:a@x.test>",
        "MAIL FROM:<a@x.test> ENVID=a{}b",
        "MAIL FROM:<a@x.test> AUTH=a{}@x.test",
        "MAIL FROM:<a@x.test> SMTPUTF8{}",
        "MAIL FROM:<a@x.test> RET=FULL{}",
        "MAIL FROM:<a@x.test> BY=1;N{}",
        "MAIL FROM:<a@x.test> MT-PRIORITY=1{}",
        "MAIL FROM:<a@x.test> SIZE=1{}",
        "RCPT TO:<{}@y.test>",
        "RCPT TO:<\"{}\"@y.test>",
        "RCPT TO:<b@y{}.test>",
        "RCPT TO:<b@y.test> ORCPT=rfc822;a{}b@y.test",
        "RCPT TO:<b@y.test> ORCPT=utf-8;a{}b@y.test",
        "RCPT TO:<b@y.test> ORCPT=rfc{}822;a@y.test",
        "RCPT TO:<b@y.test> NOTIFY=NEVER{}",
        "EHLO c{}",
        "XCLIENT HELO=c{}",
        "XCLIENT LOGIN=u{}",
        "XCLIENT NAME=n{}.test",
    ];
    let clear = ["\r", "\n", "\0", "\t", "\u{7f}", "\u{85}", "\n.\n", "\u{1b}[2J"];
    let encoded = ["+0D", "+0A", "+00", "+0D+0A", "+0d+0a", "+7F", "+1B"];
    assert!(lines.len() * clear.len() > 150, "many fields, many bytes");
    for line in lines {
        let takes_encoded = ["ENVID", "AUTH=", "ORCPT", "XCLIENT"].iter().any(|word| line.contains(word));
        let encoded = encoded.iter().filter(|_| takes_encoded);
        for bad in clear.iter().chain(encoded) {
            let config = Config { deliver_by: true, priority: true, xclient: true, ..config(Service::Mx) };
            let mut driver = Driver::new(config);
            driver.feed(b"EHLO c\r\n");
            if line.starts_with("RCPT") {
                driver.feed(b"MAIL FROM:<a@x.test> SMTPUTF8\r\n");
            }
            driver.output.clear();
            driver.feed(line.replace("{}", bad).as_bytes());
            driver.feed(b"\r\n");
            let reply = String::from_utf8_lossy(&driver.output).into_owned();
            assert!(reply.starts_with('5'), "{line} with {bad:?}: {reply}");
            let envelope = format!("{:?}", driver.session.envelope());
            assert!(
                !envelope.contains(bad.escape_debug().to_string().as_str()),
                "{line} with {bad:?}: {envelope}"
            );
            assert!(!driver.session.client_name().is_some_and(|name| name.contains(char::is_control)));
        }
    }
}
