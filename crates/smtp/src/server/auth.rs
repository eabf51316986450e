//! AUTH (RFC 4954).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::Reply;

use super::{Answer, Event, Question, Session, State, refusal, words};

/// Where an exchange stands while the client has the word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exchange {
    /// A response to a challenge is expected.
    Response,
    /// The exchange has succeeded; the client acknowledges the final data with an empty response (RFC 4954 §4).
    Acknowledgement,
}

impl Session {
    /// The mechanisms that can be used now.
    pub(super) fn mechanisms(&self) -> Vec<&'static str> {
        if self.config.auth_needs_tls && !self.tls {
            return Vec::new();
        }
        // RFC 7628 §3: a bearer token never goes in clear.
        let needs_tls = |name: &str| name.ends_with("-PLUS") || matches!(name, "OAUTHBEARER" | "XOAUTH2");
        let usable = |mechanism: &&str| self.tls || !needs_tls(mechanism);
        self.config.auth.iter().copied().filter(usable).collect()
    }

    pub(super) fn auth(&mut self, args: &str) -> Result<(), Reply> {
        if self.config.auth.is_empty() {
            return Err(words::not_served());
        }
        if self.authenticated {
            return Err(words::auth_already());
        }
        if self.in_transaction {
            return Err(words::auth_not_now());
        }
        if !self.is_extended() {
            return Err(words::ehlo_first());
        }
        if self.config.auth_needs_tls && !self.tls {
            return Err(words::auth_needs_tls());
        }
        let (name, initial) = args.split_once(' ').unwrap_or((args, ""));
        let known = self.mechanisms().into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let mechanism = known.ok_or_else(words::mechanism)?;
        let initial = match initial {
            "" => None,
            "=" => Some(Vec::new()),
            text => Some(BASE64.decode(text).map_err(|_| words::bad_base64())?),
        };
        self.ask(Question::Auth, Event::AuthStart { mechanism, initial });
        Ok(())
    }

    /// RFC 4954 §4: base64, or `*` to give up.
    pub(super) fn handle_auth_response(&mut self, line: &str) {
        let State::Auth(exchange) = std::mem::replace(&mut self.state, State::Command) else { return };
        let refused = match (exchange, line) {
            (_, "*") => words::auth_aborted(),
            (Exchange::Acknowledgement, "") => return self.authenticated(),
            (Exchange::Acknowledgement, _) => words::auth_extra(),
            (Exchange::Response, text) => match BASE64.decode(text) {
                Ok(response) => return self.ask(Question::Auth, Event::AuthResponse(response)),
                Err(_) => words::bad_base64(),
            },
        };
        self.events.push_back(Event::AuthAborted);
        self.refuse_command("", refused);
    }

    pub(super) fn auth_answered(&mut self, answer: Answer) {
        match answer {
            Answer::Challenge(bytes) => self.challenge(&bytes, Exchange::Response),
            Answer::AuthOk(Some(bytes)) => self.challenge(&bytes, Exchange::Acknowledgement),
            Answer::AuthOk(None) => self.authenticated(),
            answer => {
                self.refuse_with(&refusal(answer));
                if !self.budget.spend_login(&self.config) && !matches!(self.state, State::Closed) {
                    self.close(&words::too_many_logins());
                }
            }
        }
    }

    /// A challenge is a reply whose text is not for people and may be long.
    fn challenge(&mut self, bytes: &[u8], next: Exchange) {
        self.output.extend_from_slice(format!("334 {}\r\n", BASE64.encode(bytes)).as_bytes());
        self.state = State::Auth(next);
    }

    fn authenticated(&mut self) {
        self.authenticated = true;
        self.say(&words::authenticated());
    }
}
