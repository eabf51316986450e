use super::*;
use crate::{Parser, text};

fn entry<'a>(recipient: &'a Recipient, action: Action, reply: &'a Reply) -> Entry<'a> {
    Entry {
        recipient,
        action,
        status: reply.status(),
        remote: Some("mx.there.test"),
        reply: Some(reply),
        last_attempt: Some(Wall::from_secs(3600)),
        retry_until: Some(Wall::from_secs(7200)),
        advice: Some("Ask somebody who knows, and then ask again until you understand what it is about."),
    }
}

fn report<'a>(
    host: &'a Domain,
    to: &'a Address,
    entries: Vec<Entry<'a>>,
    returned: Returned<'a>,
) -> Report<'a> {
    Report {
        reporting: host,
        to,
        id: Id(66),
        now: Wall::from_secs(3600),
        arrival: Wall::from_secs(0),
        deliver_by: None,
        hold: None,
        envid: Some("QQ+2B1\r"),
        subject: Some("Grüße\r\nX: y"),
        entries,
        returned,
    }
}

fn part_text(built: &Built, at: usize) -> String {
    let summary = Parser::parse(&built.bytes);
    let part = &summary.root.children[at];
    let body = &built.bytes[part.body.start as usize..part.body.end as usize];
    let decoded = text::decode_body(text::Encoding::from_name(&part.encoding), body);
    String::from_utf8(decoded).expect("our own text is UTF-8")
}

#[test]
fn a_report_tells_people_and_programs() {
    let (host, to) =
        (Domain::new("here.test").expect("a domain"), "s@here.test".parse().expect("an address"));
    let mut recipient = Recipient::plain("nobody@there.test".parse().expect("an address"));
    recipient.original = Some("rfc822;no+2Bbody@there.test".into());
    let reply = Reply::new(550, EnhancedCode(5, 1, 1), "No such user here\nReally not");
    let message = b"Subject: x\r\n\r\n--=_0000000000022\r\n";
    let entries = vec![entry(&recipient, Action::Failed, &reply)];
    let built = build(&report(&host, &to, entries, Returned::Message(message)));
    let summary = Parser::parse(&built.bytes);
    assert!(built.bytes.is_ascii() && !built.smtputf8 && !summary.ambiguous);
    let kinds: Vec<_> = summary.root.children.iter().map(|p| format!("{}/{}", p.kind, p.subtype)).collect();
    assert_eq!(kinds, ["text/plain", "message/delivery-status", "message/rfc822"]);
    assert_eq!(summary.root.parameter("report-type").as_deref(), Some("delivery-status"));
    assert_eq!(summary.subject().as_deref(), Some("Not delivered: Grüße  X: y"));
    assert_eq!(summary.message_id(), Some("<0000000000022@here.test>"));
    assert!(summary.is_auto_submitted());
    assert_eq!(
        part_text(&built, 0),
        "This is the mail server here.test.\r\n\r\nYour message could not be delivered to:\r\n\r\n  \
         nobody@there.test\r\n    There is no such address. Please check it for typing errors.\r\n    \
         The server mx.there.test said:\r\n      550 5.1.1 No such user here\r\n      Really not\r\n    \
         What you can do: Ask somebody who knows, and then ask again until you\r\n    understand what it is \
         about.\r\n\r\n\
         The message this is about:\r\n\r\n  Subject:  Grüße  X: y\r\n  \
         Received: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\nIt is attached.\r\n"
    );
    assert_eq!(
        part_text(&built, 1),
        "Original-Envelope-Id: QQ+1\r\nReporting-MTA: dns; here.test\r\n\
         Arrival-Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\r\n\
         Original-Recipient: rfc822; no+body@there.test\r\nFinal-Recipient: rfc822; nobody@there.test\r\n\
         Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.there.test\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 No such user here Really not\r\n\
         Last-Attempt-Date: Thu, 1 Jan 1970 01:00:00 +0000\r\n"
    );
    assert_eq!(part_text(&built, 2).as_bytes(), message);
}

#[test]
fn international_addresses_take_the_form_the_sender_can_read() {
    let host = Domain::new("here.test").expect("a domain");
    let recipient = Recipient::plain("grå@there.test".parse().expect("an address"));
    let reply = Reply::new(450, EnhancedCode(4, 2, 2), "full");
    let entries = || vec![entry(&recipient, Action::Delayed, &reply)];
    let ascii = "s@here.test".parse().expect("an address");
    let built = build(&report(&host, &ascii, entries(), Returned::Headers(b"A: b\r\n")));
    assert!(built.bytes.is_ascii());
    assert!(part_text(&built, 1).contains("Final-Recipient: utf-8; gr\\x{E5}@there.test\r\n"));
    assert!(part_text(&built, 1).contains("Will-Retry-Until: Thu, 1 Jan 1970 02:00:00 +0000\r\n"));
    let utf8 = "å@here.test".parse().expect("an address");
    let built = build(&report(&host, &utf8, entries(), Returned::Headers("A: å\r\n".as_bytes())));
    assert!(built.smtputf8);
    assert!(part_text(&built, 1).contains("Final-Recipient: utf-8; grå@there.test\r\n"));
    let summary = Parser::parse(&built.bytes);
    assert_eq!(summary.root.children[1].subtype, "global-delivery-status");
    assert_eq!(summary.root.children[2].subtype, "global-headers");
}

proptest::proptest! {
    /// Words from outside end up in fields and text, and nowhere add a field, a part or a line of structure.
    #[test]
    fn no_words_forge_structure(words in "(\\PC|\r|\n|--=_0|:){0,60}") {
        let host = Domain::new("here.test").expect("a domain");
        let to = "s@here.test".parse().expect("an address");
        let mut recipient = Recipient::plain("a@there.test".parse().expect("an address"));
        recipient.original = Some(format!("rfc822;{words}"));
        let reply = Reply::plain(550, words.clone());
        let mut told = entry(&recipient, Action::Failed, &reply);
        told.remote = Some(&words);
        let mut about = report(&host, &to, vec![told], Returned::Headers(words.as_bytes()));
        (about.subject, about.envid) = (Some(words.as_str()), Some(words.as_str()));
        let built = build(&about);
        let summary = Parser::parse(&built.bytes);
        assert!(!summary.ambiguous && summary.root.children.len() == 3, "{words:?}");
        let section = &built.bytes[..summary.root.header.end as usize];
        assert_eq!(header::fields(section).count(), 8);
        let status = part_text(&built, 1);
        let names: Vec<_> = status.split("\r\n\r\n").map(|group| header::fields(group.as_bytes()).count()).collect();
        assert_eq!(names, [3, 7], "{status}");
    }
}

#[test]
fn times_that_the_sender_gave_are_told() {
    let (host, to) =
        (Domain::new("mx.here.test").expect("a domain"), "s@x.test".parse().expect("an address"));
    let recipient = Recipient::plain("r@y.test".parse().expect("an address"));
    let reply = Reply::plain(450, "later");
    let entries = vec![entry(&recipient, Action::Delayed, &reply)];
    let plain = report(&host, &to, entries, Returned::Headers(b""));
    for (deliver_by, hold, line) in [
        (Some(Wall::from_secs(60)), None, "Deliver-By-Date: Thu, 1 Jan 1970 00:01:00 +0000\r\n"),
        (None, Some(Hold::For(std::time::Duration::from_secs(90))), "Future-Release-Request: for;90\r\n"),
        (
            None,
            Some(Hold::Until(Wall::from_secs(90))),
            "Future-Release-Request: until;1970-01-01T00:01:30Z\r\n",
        ),
    ] {
        let status = part_text(&build(&Report { deliver_by, hold, ..plain.clone() }), 1);
        assert!(status.contains(line), "{status}");
    }
}
