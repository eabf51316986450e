//! AUTHENTICATE (RFC 3501 §6.2.2, RFC 4959) and the end of logging in.

use base64::Engine as _;

use super::{Completion, Enabled, Event, Polled, Session, State, Step};
use crate::Code;
use crate::reader::TooLong;

/// Bytes of a client's line in an exchange (RFC 4954 §4 asks for 12,288 in SMTP; there is no reason for less here).
const RESPONSE_LENGTH: usize = mail::limits::SMTP_AUTH_LINE_LENGTH;

impl Session {
    /// Sends a challenge and waits for the client's answer.
    pub fn challenge(&mut self, challenge: &[u8]) {
        let text = base64::engine::general_purpose::STANDARD.encode(challenge);
        self.out().raw(b"+ ").text(&text).end();
        if let Step::Running(tag) = &mut self.step {
            self.step = Step::Challenged(std::mem::take(tag));
        }
    }

    /// Login succeeded; ends LOGIN or AUTHENTICATE and tells what is offered now.
    pub fn logged_in(&mut self) {
        self.state = State::Authenticated;
        let code = Code::Capability(self.capabilities());
        self.complete(Completion::ok_with(code, "Logged in"));
    }

    /// RFC 8437 §2: nobody is logged in any more, and nothing is switched on; ends UNAUTHENTICATE.
    pub fn logged_out(&mut self) {
        self.state = State::NotAuthenticated;
        self.enabled = Enabled::default();
        self.compressed = false;
        self.forget_account();
        self.complete(Completion::ok("Logged out"));
    }

    pub(super) fn poll_auth_response(&mut self) -> Polled {
        let line = match self.reader.line(RESPONSE_LENGTH) {
            Ok(None) => return Polled::Waiting,
            Ok(Some(line)) => line,
            Err(TooLong) => {
                self.bye(Some(&Code::TooBig), "The response is too long");
                return Polled::Event(Event::AuthAborted);
            }
        };
        // RFC 3501 §6.2.2: "*" cancels the exchange.
        if line == b"*" {
            self.complete(Completion::bad("Authentication cancelled"));
            return Polled::Event(Event::AuthAborted);
        }
        let Ok(response) = base64::engine::general_purpose::STANDARD.decode(&line) else {
            self.complete(Completion::bad("The response is not valid BASE64"));
            return Polled::Event(Event::AuthAborted);
        };
        if let Step::Challenged(tag) = &mut self.step {
            self.step = Step::Running(std::mem::take(tag));
        }
        Polled::Event(Event::AuthResponse(response))
    }
}
