//! Our client and our server, in memory, with the bytes between them cut anywhere.

use proptest::prelude::*;

use super::*;
use crate::server::{self, Answer};

/// What the server has taken: envelope and message.
type Taken = Vec<(Envelope, Vec<u8>)>;

struct Wire {
    client: Session,
    server: server::Session,
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    body: Vec<u8>,
    arriving: Vec<u8>,
    taken: Taken,
    results: Vec<Vec<Outcome>>,
    ready: bool,
    now: Mono,
}

impl Wire {
    fn new(service: server::Service, sizes: Vec<usize>) -> Self {
        let now = Mono::default();
        let hostname = mail::Domain::new("mx.test").expect("a domain");
        let config = server::Config {
            tls: mail::TlsOffer::Offered,
            auth: vec!["PLAIN"],
            ..server::Config::new(hostname, service)
        };
        let ours = match service {
            server::Service::Lmtp => Config { service: Service::Lmtp, ..self::config() },
            server::Service::Submission => {
                let auth = Some(Credentials { username: "u".into(), password: "p".into() });
                Config { tls: TlsPolicy::Required, auth, ..self::config() }
            }
            server::Service::Mx => self::config(),
        };
        Self {
            client: Session::new(ours, now),
            server: server::Session::new(config, now),
            sizes: sizes.into_iter().cycle(),
            body: Vec::new(),
            arriving: Vec::new(),
            taken: Vec::new(),
            results: Vec::new(),
            ready: false,
            now,
        }
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            self.serve();
            self.listen();
            let to_server = self.client.poll_output().unwrap_or_default();
            let to_client = self.server.poll_output().unwrap_or_default();
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            for chunk in self.cut(&to_client) {
                self.client.handle_input(&chunk, self.now);
            }
            self.listen();
            for chunk in self.cut(&to_server) {
                self.server.handle_input(&chunk, self.now);
                self.serve();
            }
        }
    }

    fn cut(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(self.sizes.next().expect("it cycles").min(bytes.len()));
            chunks.push(chunk.to_vec());
            bytes = rest;
        }
        chunks
    }

    fn serve(&mut self) {
        use server::Event as On;
        while let Some(event) = self.server.poll_event() {
            let answer = match event {
                On::Body(bytes) => {
                    self.arriving.extend(bytes);
                    continue;
                }
                On::StartTls => {
                    // The 220 goes first, as with a real driver.
                    let go = self.server.poll_output().unwrap_or_default();
                    self.client.handle_input(&go, self.now);
                    self.server.tls_started(false, self.now);
                    continue;
                }
                On::MailFrom { .. } | On::RcptTo(_) | On::DataStart => Answer::Accept,
                On::BodyEnd => {
                    self.taken.push((self.server.envelope().clone(), std::mem::take(&mut self.arriving)));
                    Answer::Accept
                }
                On::AuthStart { initial, .. } => {
                    assert_eq!(initial.as_deref(), Some(&b"\0u\0p"[..]));
                    Answer::AuthOk(None)
                }
                On::Hello { .. } | On::Reset | On::Quit => continue,
                other => panic!("our client does not cause {other:?}"),
            };
            self.server.answer(answer, self.now);
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::StartTls => self.client.tls_started(self.now),
                Event::Ready(_) => self.ready = true,
                Event::DataWanted => {
                    let body = self.body.clone();
                    for chunk in self.cut(&body) {
                        self.client.body(&chunk, self.now);
                    }
                    self.client.body_end(self.now);
                }
                Event::MessageResult(outcomes) => self.results.push(outcomes),
                Event::RcptResult { reply, .. } => assert!(reply.is_positive()),
                Event::Failed(failure) => panic!("{failure:?}"),
                Event::Closed => self.ready = false,
            }
        }
    }

    fn deliver(&mut self, envelope: &Envelope, body: &[u8]) {
        assert!(std::mem::take(&mut self.ready), "one message after the other");
        self.body = body.to_vec();
        self.client.send(envelope.clone(), body.len() as u64, true, self.now);
        self.settle();
    }
}

/// Bodies whose lines end in CRLF, without NUL: these arrive byte for byte.
fn canonical() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|b| if [0, b'\r', b'\n'].contains(&b) { b'.' } else { b });
    let line = prop_oneof![
        4 => proptest::collection::vec(byte, 0..90),
        1 => Just(b".".to_vec()),
        1 => Just(b"..".to_vec()),
        1 => Just(b"just an ordinary line of text, longer than some and shorter than others".to_vec()),
        1 => Just(b"x".repeat(3000)),
    ];
    proptest::collection::vec(line, 0..60)
        .prop_map(|lines| lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()]).flatten().collect())
}

fn services() -> impl Strategy<Value = server::Service> {
    prop_oneof![Just(server::Service::Mx), Just(server::Service::Submission), Just(server::Service::Lmtp)]
}

proptest! {
    #[test]
    fn bodies_arrive_byte_for_byte(
        bodies in proptest::collection::vec(canonical(), 1..4),
        sizes in proptest::collection::vec(1usize..2000, 1..8),
        service in services(),
    ) {
        let mut wire = Wire::new(service, sizes);
        wire.settle();
        let envelope = envelope("a@x.test", &["b@y.test", "c@y.test"]);
        for body in &bodies {
            wire.deliver(&envelope, body);
        }
        wire.client.quit(wire.now);
        wire.settle();
        prop_assert!(wire.client.is_closed() && wire.server.is_closed());
        prop_assert_eq!(wire.results.len(), bodies.len());
        prop_assert!(wire.results.iter().flatten().all(|o| o.reply.is_positive() && o.source == Source::Peer));
        let arrived: Vec<Vec<u8>> = wire.taken.iter().map(|(_, body)| body.clone()).collect();
        prop_assert_eq!(arrived, bodies);
        prop_assert!(wire.taken.iter().all(|(e, _)| e.recipients == envelope.recipients));
    }

    #[test]
    fn any_bytes_arrive_as_one_message(
        body in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0), any::<u8>()], 0..3000),
        sizes in proptest::collection::vec(1usize..700, 1..8),
    ) {
        let mut wire = Wire::new(server::Service::Mx, sizes);
        wire.settle();
        wire.deliver(&envelope("a@x.test", &["b@y.test"]), &body);
        prop_assert_eq!(wire.taken.len(), 1);
        prop_assert!(wire.ready);
        let arrived = &wire.taken[0].1;
        let text = |bytes: &[u8]| bytes.iter().copied().filter(|b| ![b'\r', b'\n', 0].contains(b)).collect::<Vec<u8>>();
        prop_assert_eq!(text(arrived), text(&body));
    }

    /// Promise F9: no peer makes the session panic, grow, or settle a message other than once.
    #[test]
    fn any_peer_is_survived(
        pieces in proptest::collection::vec(prop_oneof![
            4 => Just(b"250 ok\r\n".to_vec()),
            1 => Just(b"250-PIPELINING\r\n250-STARTTLS\r\n".to_vec()),
            2 => Just(b"354 go\r\n".to_vec()),
            1 => Just(b"550 5.1.1 no\r\n".to_vec()),
            1 => Just(b"450 4.1.1 no\r\n".to_vec()),
            1 => Just(b"421 bye\r\n".to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..30),
        lmtp in any::<bool>(),
    ) {
        let service = if lmtp { Service::Lmtp } else { Service::Smtp };
        let now = Mono::default();
        let mut session = Session::new(Config { service, ..config() }, now);
        session.handle_input(b"220 hi\r\n", now);
        let (mut sent, mut settled) = (0, 0);
        for piece in pieces.into_iter().map(Some).chain([None]) {
            match piece {
                Some(piece) => session.handle_input(&piece, now),
                None => session.handle_eof(),
            }
            while let Some(event) = session.poll_event() {
                match event {
                    Event::Ready(_) => {
                        sent += 1;
                        session.send(envelope("a@x.test", &["b@y.test", "c@y.test"]), 9, false, now);
                    }
                    Event::DataWanted => {
                        session.body(b"text\r\n", now);
                        session.body_end(now);
                    }
                    Event::StartTls => session.tls_started(now),
                    Event::MessageResult(outcomes) => {
                        settled += 1;
                        prop_assert_eq!(outcomes.len(), 2);
                    }
                    Event::RcptResult { .. } | Event::Failed(_) | Event::Closed => (),
                }
            }
            session.poll_output();
        }
        prop_assert_eq!(sent, settled);
        prop_assert!(session.is_closed());
    }
}
