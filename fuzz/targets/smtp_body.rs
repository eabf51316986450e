//! A message out by the client and in by the server: it arrives as one message, and no reader sees two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{Domain, Envelope, Host, Mono, Recipient};
use smtp::{client, server};

/// The wire form of `message`, from behind the 354 to the end.
fn sent(message: &[&[u8]]) -> Vec<u8> {
    let now = Mono::default();
    let us = Host::Domain(Domain::new("us.test").expect("a domain"));
    let mut session = client::Session::new(client::Config::new(us), now);
    session.handle_input(b"220 hi\r\n", now);
    session.handle_input(b"250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n", now);
    let address = "a@b.test".parse().expect("an address");
    let envelope = Envelope { recipients: vec![Recipient::plain(address)], ..Envelope::default() };
    session.send(envelope, 1, true, now);
    session.handle_input(b"250 ok\r\n250 ok\r\n354 go\r\n", now);
    assert!(std::iter::from_fn(|| session.poll_event()).any(|event| event == client::Event::DataWanted));
    session.poll_output();
    message.iter().for_each(|piece| session.body(piece, now));
    session.body_end(now);
    session.poll_output().expect("at least a dot")
}

/// The messages in `wire`, as our server takes them.
fn received(wire: &[&[u8]], service: server::Service) -> Vec<Vec<u8>> {
    use server::{Answer, Config, Event, Session};
    let now = Mono::default();
    let config = Config::new(Domain::new("mx.test").expect("a domain"), service);
    let (mut session, mut messages) = (Session::new(config, now), Vec::new());
    let hello: &[u8] = b"LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n";
    let hello =
        if service == server::Service::Lmtp { hello } else { &[b"E".as_slice(), &hello[1..]].concat() };
    let mut body = Vec::new();
    for piece in std::iter::once(&hello).chain(wire) {
        session.handle_input(piece, now);
        while let Some(event) = session.poll_event() {
            match event {
                Event::Body(more) => body.extend(more),
                Event::BodyEnd => messages.push(std::mem::take(&mut body)),
                Event::Violation { command, reply } => panic!("{command:?}: {reply}"),
                Event::BodyRefused(reply) => panic!("{reply}"),
                _ => {}
            }
            if matches!(event_kind(&session), Kind::Asking) {
                session.answer(Answer::Accept, now);
            }
        }
    }
    messages
}

enum Kind {
    Asking,
    Other,
}

fn event_kind(session: &server::Session) -> Kind {
    if session.wants_input() || session.is_closed() { Kind::Other } else { Kind::Asking }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], message)) = data.split_first_chunk::<2>() else { return };
    let wire = sent(&fuzz::cuts(seed, message));
    assert_eq!(wire, sent(&[message]), "it matters how the message is cut");
    assert!(!fuzz::has_bare_line_end(&wire) && !wire.contains(&0));
    assert_eq!(fuzz::careless_ends(&wire), 1, "a careless reader sees two messages");
    assert!(wire.ends_with(b".\r\n"));
    let service = if how & 1 == 0 { server::Service::Mx } else { server::Service::Lmtp };
    assert_eq!(received(&fuzz::cuts(seed, &wire), service), [fuzz::canonical(message)]);
});
