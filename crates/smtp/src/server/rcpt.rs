//! RCPT (RFC 5321 §4.1.1.3).

use mail::{Recipient, Reply};

use super::{Answer, Event, Question, Session, agreed, refusal, words};
use crate::grammar::{parameters, path};

impl Session {
    pub(super) fn rcpt(&mut self, args: &str) -> Result<(), Reply> {
        if !self.in_transaction {
            return Err(words::mail_first());
        }
        if self.transfer.is_some() {
            return Err(words::bdat_begun());
        }
        let path = path::parse(args, "TO:", &self.config.postmaster_domain);
        let path = path.map_err(|error| words::bad_path(error, 3))?;
        let address = path.address.ok_or_else(words::null_recipient)?;
        if !path.rest.is_empty() && !self.is_extended() {
            return Err(words::needs_ehlo());
        }
        let params = parameters::rcpt(path.rest).map_err(|error| words::bad_parameter(&error))?;
        // RFC 6531 §3.5.
        if path.beyond_ascii && !self.envelope.smtputf8 {
            return Err(words::utf8_sender());
        }
        if self.envelope.recipients.len() >= self.config.max_recipients {
            return self.one_too_many();
        }
        let notify = params.notify.unwrap_or_default();
        let recipient = Recipient { address, notify, original: params.original };
        self.ask(Question::Rcpt(recipient.clone()), Event::RcptTo(recipient));
        Ok(())
    }

    /// RFC 5321 §4.5.3.1.10: 452, so that the client sends the rest in another transaction. No error on its part.
    fn one_too_many(&mut self) -> Result<(), Reply> {
        if !self.budget.spend_trifle(&self.config) {
            self.close(&words::too_many_commands());
            return Ok(());
        }
        Err(words::too_many_recipients())
    }

    pub(super) fn rcpt_answered(&mut self, recipient: Recipient, answer: Answer) {
        let reply = match answer {
            Answer::Accept => words::recipient_ok(),
            Answer::AcceptWith(text) => agreed(words::recipient_ok(), Some(text)),
            answer => return self.refuse_address(&refusal(answer)),
        };
        self.envelope.recipients.push(recipient);
        self.say(&reply);
    }
}
