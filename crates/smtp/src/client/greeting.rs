//! From the greeting to a connection that can carry mail: EHLO, STARTTLS, EHLO again, AUTH.

use mail::Reply;

use super::{Capabilities, Cause, Event, Phase, Service, Session, TlsPolicy, local};

impl Session {
    pub(super) fn greeted(&mut self, reply: Reply) {
        if reply.code == 220 { self.say_hello() } else { self.refused(reply) }
    }

    fn say_hello(&mut self) {
        let verb = if self.config.service == Service::Lmtp { "LHLO" } else { "EHLO" };
        self.phase = Phase::Hello;
        self.command(&format!("{verb} {}", self.config.ehlo), self.config.timeouts.hello);
    }

    pub(super) fn hello_answered(&mut self, reply: Reply) {
        if reply.is_positive() {
            self.capabilities = Capabilities::parse(&reply.text);
            // RFC 8689 §2: in clear it means nothing.
            self.capabilities.require_tls &= self.tls;
            self.secure();
        } else if reply.is_permanent() && self.can_do_without_extensions() {
            // RFC 5321 §3.2: an old server.
            self.phase = Phase::PlainHello;
            self.command(&format!("HELO {}", self.config.ehlo), self.config.timeouts.hello);
        } else if reply.is_permanent() && !self.tls && self.config.tls == TlsPolicy::Required {
            // Anybody on the way can say so in clear; that must not end in a report to the sender.
            self.fail(
                Cause::Tls,
                local(7, 4, &format!("TLS is required, and the peer refuses EHLO: {reply}")),
            );
        } else {
            self.refused(reply);
        }
    }

    fn can_do_without_extensions(&self) -> bool {
        self.config.service == Service::Smtp
            && self.config.tls != TlsPolicy::Required
            && self.config.auth.is_none()
    }

    pub(super) fn plain_hello_answered(&mut self, reply: Reply) {
        self.capabilities = Capabilities::default();
        if reply.is_positive() { self.ready() } else { self.refused(reply) }
    }

    /// STARTTLS where it is wanted and to be had.
    fn secure(&mut self) {
        match (self.tls, self.config.tls, self.capabilities.starttls) {
            (false, TlsPolicy::Opportunistic | TlsPolicy::Required, true) => {
                self.phase = Phase::StartTls;
                self.command("STARTTLS", self.config.timeouts.hello);
            }
            (false, TlsPolicy::Required, false) => {
                self.fail(Cause::Tls, local(7, 4, "TLS is required, and the peer does not offer it"));
            }
            _ => self.login(),
        }
    }

    pub(super) fn starttls_answered(&mut self, reply: &Reply) {
        if reply.code == 220 {
            // Bytes behind the reply were not written by who will do the handshake (attacks A3).
            if !self.input.is_empty() {
                return self.injected();
            }
            self.phase = Phase::Handshake;
            self.deadline = None;
            self.events.push_back(Event::StartTls);
        } else if self.config.tls == TlsPolicy::Required {
            self.fail(Cause::Tls, local(7, 4, &format!("TLS is required, and the peer refuses it: {reply}")));
        } else {
            self.login();
        }
    }

    pub(super) fn injected(&mut self) {
        self.fail(Cause::Tls, local(7, 5, "The peer sent something in clear before the TLS handshake"));
    }

    /// RFC 3207 §4.2: what the peer said before TLS may be an attacker's.
    pub(super) fn start_over_under_tls(&mut self) {
        if matches!(self.phase, Phase::Handshake) {
            self.tls = true;
            self.input.clear();
            self.capabilities = Capabilities::default();
            self.say_hello();
        }
    }
}
