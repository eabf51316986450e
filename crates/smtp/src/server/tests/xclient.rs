//! XCLIENT: a proxy tells of its clients.

use super::*;

fn proxied() -> Config {
    Config { xclient: true, deliver_by: true, priority: true, ..config(Service::Mx) }
}

#[test]
fn everything_begins_anew() {
    check(
        proxied(),
        r"
        S: 220 mx.test ESMTP Posthouse
        C: XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]
        S: 220 mx.test ESMTP Posthouse
        C: MAIL FROM:<a@x.test>
        S: 503 5.5.1 Say HELO or EHLO first
        C: HELO c.test
        S: 250 mx.test
        C: MAIL FROM:<a@x.test>
        S: 250 2.1.0 Sender ok
        C: XCLIENT ADDR=192.0.2.8
        S: 503 5.5.1 XCLIENT may not come within a transaction
        C: RSET
        S: 250 2.0.0 Ok
        C: XCLIENT ADDR=192.0.2.8 LOGIN=refused@x.test
        S: 550 5.1.1 No such user
        C: XCLIENT ADDR=192.0.2.256
        S: 501 5.5.4 Bad or repeated attribute ADDR
        C: MAIL FROM:<a@x.test>
        S: 250 2.1.0 Sender ok
        ",
    );
}

#[test]
fn it_is_for_proxies_only() {
    let mut driver = Driver::new(proxied());
    driver.feed(b"EHLO c\r\n");
    let text = String::from_utf8(std::mem::take(&mut driver.output)).expect("ASCII");
    assert!(text.contains("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"), "{text}");
    let mut driver = Driver::new(config(Service::Mx));
    driver.feed(b"EHLO c\r\n");
    assert!(!String::from_utf8_lossy(&driver.output).contains("XCLIENT"));
    driver.output.clear();
    driver.feed(b"XCLIENT ADDR=192.0.2.7\r\n");
    assert!(driver.output.starts_with(b"502 5.5.1"));
}

/// What the proxy may do is not what its clients may do.
#[test]
fn trust_does_not_pass_on() {
    let mut driver = Driver::new(proxied());
    driver.feed(b"XCLIENT ADDR=192.0.2.7\r\nEHLO c\r\n");
    let text = String::from_utf8_lossy(&driver.output).into_owned();
    assert!(!text.contains("DELIVERBY") && !text.contains("MT-PRIORITY"), "{text}");
    let clear =
        Config { xclient: true, auth: vec!["PLAIN"], auth_needs_tls: false, ..config(Service::Submission) };
    let mut driver = Driver::new(clear.clone());
    driver.feed(b"XCLIENT ADDR=192.0.2.7\r\nEHLO c\r\nMAIL FROM:<a@x.test>\r\n");
    let text = String::from_utf8_lossy(&driver.output).into_owned();
    assert!(!text.contains("AUTH PLAIN") && text.contains("\r\n530 5.7.0"), "{text}");
    let mut driver = Driver::new(clear);
    driver.feed(b"XCLIENT ADDR=192.0.2.7 LOGIN=user\r\nEHLO c\r\nMAIL FROM:<a@x.test>\r\n");
    assert!(driver.session.is_authenticated() && driver.output.ends_with(b"250 2.1.0 Sender ok\r\n"));
    driver.feed(b"RSET\r\nXCLIENT ADDR=192.0.2.8\r\n");
    assert!(!driver.session.is_authenticated());
}
