//! AUTH at a smarthost (RFC 4954): PLAIN (RFC 4616), or LOGIN where only that is offered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::Reply;

use super::{Cause, Credentials, Phase, Session, local};

/// What an exchange waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Login {
    /// LOGIN: the challenge for the user name.
    Username,
    /// LOGIN: the challenge for the password.
    Password,
    /// The verdict.
    Verdict,
}

impl Session {
    /// Logs in if we are to, and is ready then.
    pub(super) fn login(&mut self) {
        let Some(credentials) = self.config.auth.clone() else { return self.ready() };
        if !self.tls {
            return self.fail(Cause::Auth, local(7, 0, "No password is sent without TLS"));
        }
        let offers = |name: &str| self.capabilities.auth.iter().any(|offered| offered == name);
        if offers("PLAIN") {
            self.say_auth(Login::Verdict, &format!("AUTH PLAIN {}", plain(&credentials)));
        } else if offers("LOGIN") {
            self.say_auth(Login::Username, "AUTH LOGIN");
        } else {
            self.fail(Cause::Auth, local(7, 0, "The peer offers no login that we know"));
        }
    }

    fn say_auth(&mut self, next: Login, line: &str) {
        self.phase = Phase::Auth(next);
        self.command(line, self.config.timeouts.hello);
    }

    pub(super) fn auth_answered(&mut self, login: Login, reply: &Reply) {
        let credentials = self.config.auth.clone();
        match (login, reply.code, credentials) {
            (Login::Username, 334, Some(c)) => self.say_auth(Login::Password, &BASE64.encode(c.username)),
            (Login::Password, 334, Some(c)) => self.say_auth(Login::Verdict, &BASE64.encode(c.password)),
            (_, 235, _) => self.ready(),
            // Temporary whatever the peer says: the operator can put it right, and no mail need come back for it.
            (_, 400.., _) => {
                self.fail(Cause::Auth, local(7, 8, &format!("The peer refuses our login: {reply}")));
            }
            _ => self.protocol_error("The peer's reply to AUTH is not one"),
        }
    }
}

/// RFC 4616 §2: no authorization identity, the user name, the password.
fn plain(credentials: &Credentials) -> String {
    BASE64.encode(format!("\0{}\0{}", credentials.username, credentials.password))
}
