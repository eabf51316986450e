//! How much a client may ask of one session (promise P7, attacks A5, A11).

use mail::Reply;

use super::{Config, Session, words};
use crate::grammar::command::Verb;

/// What was spent since the session began, or since the last accepted message.
#[derive(Debug, Default)]
pub(super) struct Budget {
    errors: u32,
    refused_addresses: u32,
    failed_logins: u32,
    commands: u32,
}

impl Budget {
    /// RCPT and DATA are bounded by other limits, and BDAT by its size.
    pub(super) fn spend_command(&mut self, verb: Verb, config: &Config) -> bool {
        if !matches!(verb, Verb::Rcpt | Verb::Data | Verb::Bdat | Verb::Quit) {
            self.commands += 1;
        }
        self.commands <= config.max_idle_commands
    }

    /// A recipient too many, or a small chunk.
    pub(super) fn spend_trifle(&mut self, config: &Config) -> bool {
        self.commands += 1;
        self.commands <= config.max_idle_commands
    }

    pub(super) fn spend_error(&mut self, config: &Config) -> bool {
        self.errors += 1;
        self.errors < config.max_errors
    }

    pub(super) fn spend_login(&mut self, config: &Config) -> bool {
        self.failed_logins += 1;
        self.failed_logins < config.max_auth_failures
    }

    fn spend_address(&mut self, config: &Config) -> bool {
        self.refused_addresses += 1;
        self.refused_addresses < config.max_rejections
    }

    /// Mail was accepted: such a client may go on.
    pub(super) fn earn(&mut self) {
        (self.commands, self.errors) = (0, 0);
    }
}

impl Session {
    /// Says the driver's no to a sender or recipient; closes after a 421, or after too many.
    pub(super) fn refuse_address(&mut self, reply: &Reply) {
        self.say(reply);
        if reply.code == 421 {
            self.end();
        } else if !self.budget.spend_address(&self.config) {
            self.close(&words::too_many_refusals());
        }
    }

    /// Says the driver's no; closes after a 421 (RFC 5321 §3.8).
    pub(super) fn refuse_with(&mut self, reply: &Reply) {
        self.say(reply);
        if reply.code == 421 {
            self.end();
        }
    }
}
