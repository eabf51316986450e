//! Packets out and in.

use mail::{EnhancedCode, Reply};

use super::*;

fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    super::packet::packet(command, data)
}

/// A session with a filter that chose these numbers, and perhaps macros.
fn chosen(version: u32, actions: u32, protocol: u32, rest: &[u8]) -> Result<Session, Error> {
    let mut session = Session::default();
    let numbers = [version, actions, protocol].map(u32::to_be_bytes);
    session.push(&packet(b'O', &[numbers.as_flattened(), rest].concat()));
    assert!(session.negotiated()?);
    Ok(session)
}

fn session(protocol: u32) -> Session {
    chosen(6, 0x1ff, protocol, b"").expect("agreed")
}

#[test]
fn versions_actions_and_steps_are_agreed_on() {
    assert_eq!(Session::offer(), b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xf7\xff");
    for (version, actions, protocol, expected) in [
        (6, 0x1ff, 0x1f_f7ff, None),
        (4, 0, 0x200, None),
        (2, 0x3f, 0x7f, None),
        (2, 0x40, 0, Some(Error::NotOffered)),
        (2, 0, 0x80, Some(Error::NotOffered)),
        (6, 0x200, 0, Some(Error::NotOffered)),
        (6, 0, 0x800, Some(Error::NotOffered)),
        (1, 0, 0, Some(Error::Version(1))),
        (7, 0, 0, Some(Error::Version(7))),
    ] {
        assert_eq!(
            chosen(version, actions, protocol, b"").err(),
            expected,
            "{version} {actions:x} {protocol:x}"
        );
    }
    let mut session = Session::default();
    session.push(&packet(b'c', b""));
    assert_eq!(session.negotiated(), Err(Error::Unexpected('c')));
}

#[test]
fn steps_are_packets() {
    let session = session(0);
    let client = |ip: &str| Client { name: "there.test".into(), address: ip.parse().expect(ip) };
    let (four, six) = (client("192.0.2.1:1234"), client("[2001:db8::1]:258"));
    let parameters = ["SIZE=5".to_owned(), "BODY=8BITMIME".to_owned()];
    for (step, expected) in [
        (Step::Connect(&four), packet(b'C', b"there.test\x004\x04\xd2192.0.2.1\0")),
        (Step::Connect(&six), packet(b'C', b"there.test\x006\x01\x02IPv6:2001:db8::1\0")),
        (Step::Helo("a\0b"), packet(b'H', b"ab\0")),
        (Step::Mail("<a@b.test>", &parameters), packet(b'M', b"<a@b.test>\0SIZE=5\0BODY=8BITMIME\0")),
        (Step::Rcpt("<c@d.test>", &[]), packet(b'R', b"<c@d.test>\0")),
        (Step::Data, packet(b'T', b"")),
        (Step::Header(b"Subject", b" one\r\n two"), packet(b'L', b"Subject\0one\n two\0")),
        (Step::EndOfHeaders, packet(b'N', b"")),
        (Step::Body(b"Hello.\r\n"), packet(b'B', b"Hello.\r\n")),
        (Step::EndOfMessage, packet(b'E', b"")),
    ] {
        let sent = session.step(step, &[("i", "7".into())]).expect("it wants all");
        assert!(sent.ends_with(&expected), "{step:?}: {sent:?}");
        let macros = &sent[..sent.len() - expected.len()];
        let with_macros = !matches!(step, Step::Header(..) | Step::Body(_));
        let told = [&b"\0\0\0\x06D"[..], &expected[4..5], b"i\x007\0"].concat();
        assert_eq!(macros, if with_macros { &told[..] } else { b"" }, "{step:?}");
    }
    assert_eq!(Session::pieces(&vec![b'x'; 150_000]).count(), 3);
}

#[test]
fn filters_leave_out_what_they_do_not_want() {
    let headers = Step::Header(b"A", b" b");
    let old = chosen(2, 0, 0x10, b"").expect("agreed");
    assert_eq!(old.step(Step::Data, &[]), None, "version 2 has no DATA");
    assert_eq!(old.step(Step::Body(b"x"), &[]), None);
    assert!(old.step(headers, &[]).is_some() && old.answers(headers));
    let silent = session(0x80 | 0x8_0000 | 0x10_0000);
    assert!(
        !silent.answers(headers) && !silent.answers(Step::Body(b"x")) && silent.answers(Step::EndOfMessage)
    );
    assert_eq!(silent.step(headers, &[]), Some(packet(b'L', b"A\0 b\0")), "with its space");
    // Stage 2 is MAIL: it wants two macros, with and without braces.
    let picky = chosen(6, 0x1ff, 0, b"\0\0\0\x02i auth_type\0").expect("agreed");
    let known = [("i", "7".to_owned()), ("{auth_type}", "PLAIN".into()), ("{mail_host}", "x".into())];
    let sent = picky.step(Step::Mail("<>", &[]), &known).expect("wanted");
    assert!(sent.starts_with(&packet(b'D', b"Mi\x007\0{auth_type}\0PLAIN\0")), "{sent:?}");
    let sent = picky.step(Step::Data, &known).expect("wanted");
    assert!(sent.starts_with(&packet(b'D', b"Ti\x007\0{auth_type}\0PLAIN\0{mail_host}\0x\0")), "{sent:?}");
}

#[test]
fn answers_are_verdicts() {
    let refuse = |code, enhanced, text: &str| Verdict::Refuse(Reply::new(code, enhanced, text));
    for (command, data, expected) in [
        (b'c', &b""[..], Verdict::Continue),
        (b'a', b"", Verdict::Accept),
        (b'd', b"", Verdict::Discard),
        (b'r', b"", refuse(550, EnhancedCode(5, 7, 1), "refused by a filter")),
        (b't', b"", refuse(451, EnhancedCode(4, 7, 1), "put off by a filter, try again later")),
        (b'y', b"554 5.7.9 no\0", refuse(554, EnhancedCode(5, 7, 9), "no")),
        (b'y', b"450 wait", refuse(450, EnhancedCode(4, 7, 1), "wait")),
        (b'y', b"550-5.1.2 one\r\n550 5.1.2 two\0", refuse(550, EnhancedCode(5, 1, 2), "one\ntwo")),
        (b'y', b"550 4.1.2 x\0", refuse(550, EnhancedCode(5, 7, 1), "4.1.2 x")),
        (b'4', b"", refuse(421, EnhancedCode(4, 7, 0), "a filter ends this connection")),
    ] {
        let mut session = session(0);
        session.push(&packet(command, data));
        assert_eq!(session.answer(false), Ok(Some(Answer::Verdict(expected))), "{}", char::from(command));
        assert_eq!(session.answer(false), Ok(None));
    }
    for (command, data, at_end, error) in [
        (b'y', &b"250 ok"[..], false, Error::Malformed('y')),
        (b'y', b"x", false, Error::Malformed('y')),
        (b'h', b"A\0b\0", false, Error::Unexpected('h')),
        (b'h', b"A", true, Error::Malformed('h')),
        (b's', b"", false, Error::Unexpected('s')),
        (b'f', b"", true, Error::GaveUp),
        (b'Z', b"", true, Error::Unexpected('Z')),
    ] {
        let mut session = session(0);
        session.push(&packet(command, data));
        assert_eq!(session.answer(at_end), Err(error));
    }
    let mut endless = session(0);
    endless.push(b"\xff\xff\xff\xffc");
    assert_eq!(endless.answer(false), Err(Error::TooLong(u32::MAX)));
    let mut forbidden = chosen(6, 0, 0, b"").expect("agreed");
    forbidden.push(&packet(b'b', b"another body"));
    assert_eq!(forbidden.answer(true), Err(Error::NotOffered));
}

#[test]
fn changes_come_in_any_pieces() {
    let header = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
    let (x, y) = (header(b"X", b"1"), header(b"Y", b"2\n 3"));
    let expected = [
        Change::AddHeader { name: x.0.clone(), value: x.1.clone() },
        Change::InsertHeader { index: 1, name: y.0.clone(), value: y.1 },
        Change::ChangeHeader { index: 2, name: x.0, value: Vec::new() },
        Change::Body(b"new\r\n\0body".to_vec()),
        Change::AddRecipient("<a@b.test>".into()),
        Change::AddRecipient("<c@b.test>".into()),
        Change::DeleteRecipient("<d@b.test>".into()),
        Change::Sender("<e@b.test>".into()),
        Change::Quarantine("odd".into()),
    ];
    let sent = [
        packet(b'h', b"X\x001\0"),
        packet(b'i', b"\0\0\0\x01Y\x002\n 3\0"),
        packet(b'm', b"\0\0\0\x02X\0\0"),
        packet(b'b', b"new\r\n\0body"),
        packet(b'+', b"<a@b.test>\0"),
        packet(b'2', b"<c@b.test>\0NOTIFY=NEVER\0"),
        packet(b'-', b"<d@b.test>\0"),
        packet(b'e', b"<e@b.test>\0"),
        packet(b'q', b"odd\0"),
        packet(b'p', b""),
        packet(b'c', b""),
    ]
    .concat();
    for step in [1, 3, sent.len()] {
        let mut session = session(0);
        let mut answers = Vec::new();
        for piece in sent.chunks(step) {
            session.push(piece);
            while let Some(answer) = session.answer(true).expect("good") {
                answers.push(answer);
            }
        }
        let changes: Vec<_> = expected.iter().cloned().map(Answer::Change).collect();
        assert_eq!(answers[..9], changes);
        assert_eq!(answers[9..], [Answer::Progress, Answer::Verdict(Verdict::Continue)]);
    }
    let mut changes = Changes::default();
    let body: Vec<_> = expected.into_iter().filter_map(|change| changes.add(change).expect("few")).collect();
    assert_eq!(body, [b"new\r\n\0body".to_vec()]);
    assert_eq!((changes.headers.len(), changes.recipients.len()), (3, 3));
    assert_eq!((changes.sender.as_deref(), changes.quarantine.as_deref()), (Some("<e@b.test>"), Some("odd")));
    let many = (0..=mail::limits::MILTER_RECIPIENTS)
        .map(|_| changes.add(Change::DeleteRecipient("<x@y.test>".into())));
    assert_eq!(many.last(), Some(Err(Error::TooMuch)));
}

#[test]
fn fields_of_filters_cannot_end_the_header_section() {
    let session = session(0);
    for (name, value, field) in [
        ("X-Spam", "yes", "X-Spam: yes\r\n"),
        ("X", "one\n\ttwo\r\n three", "X: one\r\n\ttwo\r\n three\r\n"),
        ("X", "one\nBcc: x\n\n\nbody", "X: one\r\n\tBcc: x\r\n\tbody\r\n"),
        ("X: y\r\n", "a\rb\0", "Xy: ab\r\n"),
        ("X", "", "X: \r\n"),
    ] {
        assert_eq!(String::from_utf8_lossy(&session.field(name.as_bytes(), value.as_bytes())), field);
    }
    assert_eq!(super::tests::session(0x10_0000).field(b"X", b" a"), b"X: a\r\n");
}
