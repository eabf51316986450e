//! STARTTLS (RFC 3501 §6.2.1).

use mail::Mono;

use super::{Completion, Event, Polled, Session, State, Step, TlsOffer};

impl Session {
    pub(super) fn start_tls(&mut self, tag: &str) -> Polled {
        // Attack A3: what follows STARTTLS in clear may be an attacker's; it never counts as sent under TLS.
        if !self.reader.is_empty() {
            self.tagged(tag, &Completion::bad("Bytes follow STARTTLS"));
            self.bye(None, "Bytes follow STARTTLS");
            return Polled::Again;
        }
        self.tagged(tag, &Completion::ok("Begin TLS negotiation now"));
        self.step = Step::Handshake;
        Polled::Event(Event::StartTls)
    }

    /// The handshake is done: everything learned in clear is forgotten (RFC 3501 §6.2.1).
    /// `mechanisms` are those to offer from now on.
    pub fn tls_started(&mut self, mechanisms: Vec<&'static str>, now: Mono) {
        self.config.tls = TlsOffer::Active;
        self.config.mechanisms = mechanisms;
        self.state = State::NotAuthenticated;
        self.step = Step::Reading;
        self.reader.clear();
        self.last_heard = now;
    }
}
