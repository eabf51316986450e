//! MAIL (RFC 5321 §4.1.1.2).

use mail::{Envelope, Reply, ReversePath, TlsRequired};

use super::{Answer, Event, MailParams, Question, Service, Session, agreed, refusal, words};
use crate::grammar::parameters::{self, Offered};
use crate::grammar::path;

impl Session {
    pub(super) fn mail(&mut self, args: &str) -> Result<(), Reply> {
        let hello = self.hello.as_ref().ok_or_else(words::hello_first)?;
        if self.in_transaction {
            return Err(words::nested_mail());
        }
        self.may_submit()?;
        let path = path::parse(args, "FROM:", &self.config.postmaster_domain);
        let path = path.map_err(|error| words::bad_path(error, 7))?;
        if !path.rest.is_empty() && !hello.extended {
            return Err(words::needs_ehlo());
        }
        let params =
            parameters::mail(path.rest, &self.offered()).map_err(|error| words::bad_parameter(&error))?;
        // RFC 6531 §3.5.
        if path.beyond_ascii && !params.smtputf8 {
            return Err(words::utf8_sender());
        }
        // RFC 1870 §6.1.
        if params.size.is_some_and(|size| size > self.config.max_size) {
            return Err(words::too_large());
        }
        let envelope = envelope(ReversePath(path.address), &params);
        let reverse_path = envelope.reverse_path.clone();
        self.ask(Question::Mail(envelope), Event::MailFrom { reverse_path, params });
        Ok(())
    }

    /// The parameters that go with what EHLO offered.
    fn offered(&self) -> Offered {
        Offered {
            require_tls: self.tls,
            future_release: self.config.future_release,
            deliver_by: self.config.deliver_by,
            priority: self.config.priority,
        }
    }

    /// Submission is for those who logged in (RFC 6409 §4.3).
    fn may_submit(&self) -> Result<(), Reply> {
        match self.config.service {
            Service::Submission if !self.authenticated && self.config.auth_needs_tls && !self.tls => {
                Err(words::start_tls_first())
            }
            Service::Submission if !self.authenticated => Err(words::auth_first()),
            _ => Ok(()),
        }
    }

    pub(super) fn mail_answered(&mut self, envelope: Envelope, answer: Answer) {
        let reply = match answer {
            Answer::Accept => words::sender_ok(),
            Answer::AcceptWith(text) => agreed(words::sender_ok(), Some(text)),
            answer => return self.refuse_address(&refusal(answer)),
        };
        self.in_transaction = true;
        self.envelope = envelope;
        self.say(&reply);
    }
}

fn envelope(reverse_path: ReversePath, params: &MailParams) -> Envelope {
    Envelope {
        reverse_path,
        recipients: Vec::new(),
        body: params.body,
        smtputf8: params.smtputf8,
        ret: params.ret,
        envid: params.envid.clone(),
        tls_required: if params.require_tls { TlsRequired::Yes } else { TlsRequired::Unsaid },
        hold: params.hold,
        deliver_by: params.deliver_by,
        priority: params.priority.unwrap_or(0),
    }
}
