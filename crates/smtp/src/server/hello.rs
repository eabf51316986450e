//! The greeting, HELO, EHLO and LHLO.

use mail::{Reply, limits};

use super::{Event, Service, Session, TlsOffer, words};
use crate::grammar::command::Verb;
use crate::grammar::xclient;

/// What the client said of itself.
#[derive(Debug)]
pub(super) struct Hello {
    pub(super) client: String,
    pub(super) extended: bool,
}

impl Session {
    pub(super) fn greet(&mut self) {
        let protocol = if self.config.service == Service::Lmtp { "LMTP" } else { "ESMTP" };
        let greeting = words::greeting(self.config.hostname.as_str(), protocol);
        self.say(&greeting);
    }

    /// RFC 5321 §4.1.1.1; it also resets a transaction (§4.1.4).
    pub(super) fn hello(&mut self, verb: Verb, args: &str) -> Result<(), Reply> {
        match (verb, self.config.service == Service::Lmtp) {
            // RFC 2033 §4.1: each of the two protocols refuses the other's greeting.
            (Verb::Lhlo, false) => return Err(words::unknown_command()),
            (Verb::Helo | Verb::Ehlo, true) => return Err(words::not_lmtp()),
            _ => (),
        }
        // Quirk: any word is taken for a name, as many clients do not know theirs; it is a claim in any case.
        let odd = |c: char| c == ' ' || c.is_control();
        if args.is_empty() || args.len() > limits::DOMAIN_LENGTH || args.contains(odd) {
            return Err(words::hello_name());
        }
        self.abandon_transaction();
        let extended = verb != Verb::Helo;
        self.hello = Some(Hello { client: args.to_owned(), extended });
        let reply = if extended { self.capabilities() } else { self.config.hostname.to_string() };
        self.say(&Reply::plain(250, reply));
        self.events.push_back(Event::Hello { client: args.to_owned(), extended });
        Ok(())
    }

    /// What a sender may want of time and priority.
    fn wishes(&self) -> impl Iterator<Item = String> {
        // RFC 4865 §3: the longest time in seconds, then the latest moment.
        let future = self.config.future_release.map(|future| {
            format!("FUTURERELEASE {} {}", future.longest.as_secs(), future.latest.to_rfc3339())
        });
        let deliver_by = self.config.deliver_by.then(|| "DELIVERBY".to_owned());
        let priority = self.config.priority.then(|| "MT-PRIORITY".to_owned());
        future.into_iter().chain(deliver_by).chain(priority)
    }

    /// The reply to EHLO: our name, and a line per extension.
    fn capabilities(&self) -> String {
        let mut lines = vec![
            self.config.hostname.to_string(),
            "PIPELINING".into(),
            format!("SIZE {}", self.config.max_size),
            "8BITMIME".into(),
            "SMTPUTF8".into(),
            "CHUNKING".into(),
            "BINARYMIME".into(),
            "DSN".into(),
            "ENHANCEDSTATUSCODES".into(),
            format!("LIMITS RCPTMAX={}", self.config.max_recipients),
        ];
        if self.config.tls == TlsOffer::Offered && !self.tls {
            lines.push("STARTTLS".into());
        }
        // RFC 8689 §2: in clear it could not be kept.
        if self.tls {
            lines.push("REQUIRETLS".into());
        }
        lines.extend(self.wishes());
        lines.extend(self.config.xclient.then(|| xclient::OFFER.to_owned()));
        let mechanisms = self.mechanisms().join(" ");
        if !mechanisms.is_empty() {
            lines.push(format!("AUTH {mechanisms}"));
        }
        lines.push("HELP".into());
        lines.join("\n")
    }
}
