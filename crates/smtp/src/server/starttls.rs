//! STARTTLS (RFC 3207).

use mail::Reply;

use super::simple::no_parameters;
use super::{Event, Session, State, TlsOffer, words};

impl Session {
    pub(super) fn starttls(&mut self, args: &str) -> Result<(), Reply> {
        no_parameters(args)?;
        if self.tls {
            return Err(words::tls_already());
        }
        if self.config.tls != TlsOffer::Offered {
            return Err(words::not_served());
        }
        if !self.is_extended() {
            return Err(words::ehlo_first());
        }
        if self.in_transaction {
            return Err(words::tls_not_now());
        }
        // Bytes behind the command were not written by who will do the handshake (attacks A3).
        if !self.input.is_empty() {
            self.hang_up_on("STARTTLS", words::behind_start_tls());
            return Ok(());
        }
        self.say(&words::start_tls());
        self.state = State::Handshake;
        self.events.push_back(Event::StartTls);
        Ok(())
    }

    /// RFC 3207 §4.2: what the client said before TLS may be an attacker's.
    pub(super) fn start_over_under_tls(&mut self, channel_binding: bool) {
        if !matches!(self.state, State::Handshake) {
            debug_assert!(matches!(self.state, State::Closed), "TLS without STARTTLS");
            return;
        }
        self.state = State::Command;
        self.tls = true;
        self.authenticated = false;
        self.hello = None;
        self.input.clear();
        if !channel_binding {
            self.config.auth.retain(|mechanism| !mechanism.ends_with("-PLUS"));
        }
    }
}
