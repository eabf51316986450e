//! XCLIENT: a proxy that the configuration trusts tells whose connection it is.

use mail::Reply;

use super::{Answer, Event, Question, Service, Session, refusal, words};
use crate::grammar::xclient;

impl Session {
    pub(super) fn xclient(&mut self, args: &str) -> Result<(), Reply> {
        if !self.config.xclient {
            return Err(words::not_served());
        }
        if self.in_transaction {
            return Err(words::xclient_not_now());
        }
        let told = xclient::parse(args).map_err(|name| words::bad_attribute(&name))?;
        self.ask(Question::XClient, Event::XClient(told));
        Ok(())
    }

    /// A new session begins, for somebody who is not trusted as the proxy is.
    pub(super) fn xclient_answered(&mut self, answer: Answer) {
        self.authenticated = match answer {
            Answer::Accept => false,
            Answer::AuthOk(None) => true,
            answer => return self.refuse_with(&refusal(answer)),
        };
        self.hello = None;
        self.config.auth_needs_tls = true;
        if self.config.service != Service::Submission {
            (self.config.deliver_by, self.config.priority) = (false, false);
        }
        self.greet();
    }
}
