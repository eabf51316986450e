//! A client session against any peer: one result per message with one outcome per recipient, and an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{BodyType, Domain, Envelope, Host, Mono, Recipient};
use smtp::client::{Config, Credentials, Event, Service, Session, TlsPolicy};

fn config(how: u8) -> Config {
    let mut config = Config::new(Host::Domain(Domain::new("us.test").expect("a domain")));
    config.service = if how & 1 == 0 { Service::Smtp } else { Service::Lmtp };
    let policies = [TlsPolicy::Off, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Active];
    config.tls = policies[usize::from(how >> 1 & 3)];
    if how & 8 != 0 {
        config.auth = Some(Credentials { username: "u".into(), password: "p".into() });
    }
    config
}

fn envelope(how: u8) -> Envelope {
    let recipients = 1 + usize::from(how >> 4 & 3);
    let local = if how & 64 == 0 { "a" } else { "\u{e9}" };
    let recipient = |n| Recipient::plain(format!("{local}{n}@b.test").parse().expect("an address"));
    Envelope {
        reverse_path: "s@us.test".parse().expect("an address"),
        recipients: (0..recipients).map(recipient).collect(),
        body: BodyType::default(),
        smtputf8: how & 64 != 0,
        ..Envelope::default()
    }
}

struct Driver {
    session: Session,
    envelope: Envelope,
    eight_bit: bool,
    sent: usize,
    results: usize,
}

impl Driver {
    fn drive(&mut self) {
        let now = Mono::default();
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Ready(_) if self.sent == 3 => self.session.quit(now),
                Event::Ready(_) => {
                    self.sent += 1;
                    self.session.send(self.envelope.clone(), 9, self.eight_bit, now);
                }
                Event::StartTls => self.session.tls_started(now),
                Event::RcptResult { index, .. } => assert!(index < self.envelope.recipients.len()),
                Event::DataWanted => {
                    self.session.body(b"A: b\n\n.x", now);
                    self.session.body_end(now);
                }
                Event::MessageResult(outcomes) => {
                    self.results += 1;
                    assert_eq!(outcomes.len(), self.envelope.recipients.len());
                }
                Event::Failed(failure) => assert!(failure.reply.code >= 400, "{failure:?}"),
                Event::Closed => {}
            }
        }
        let output = self.session.poll_output().unwrap_or_default();
        assert!(output.len() < 4096 && !fuzz::has_bare_line_end(&output));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], talk)) = data.split_first_chunk::<2>() else { return };
    let session = Session::new(config(how), Mono::default());
    let mut driver =
        Driver { session, envelope: envelope(how), eight_bit: how & 128 != 0, sent: 0, results: 0 };
    let pieces = if seed == 255 { vec![talk] } else { fuzz::cuts(seed, talk) };
    for piece in pieces {
        driver.session.handle_input(piece, Mono::default());
        driver.drive();
        assert!(driver.sent - driver.results <= 1, "a result is missing");
    }
    driver.session.handle_eof();
    driver.drive();
    assert!(driver.session.is_closed());
    assert_eq!(driver.sent, driver.results, "every message has one result");
});
