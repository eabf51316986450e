//! IDLE (RFC 2177).

use mail::{Mono, limits};

use super::{Event, Polled, Session, Step};
use crate::Code;
use crate::reader::TooLong;

impl Session {
    /// When a client that idles is to hear something.
    pub(super) fn keepalive_due(&self) -> Option<Mono> {
        let keeps = matches!(self.step, Step::Idling(_)) && !self.config.keepalive.is_zero();
        keeps.then(|| self.last_said + self.config.keepalive)
    }

    /// Something that means nothing: translators of addresses on the way forget a connection on which nothing passes.
    pub(super) fn keep_alive(&mut self, now: Mono) {
        self.out().untagged("OK", None, "Still here");
        self.last_said = now;
    }

    /// What stands in the output goes to a client that idles: no need to say more for a while.
    pub fn spoke(&mut self, now: Mono) {
        if self.output_length() > 0 {
            self.last_said = now;
        }
    }

    /// RFC 2177 §3: DONE ends it, anything else is an error that ends it too.
    pub(super) fn poll_done(&mut self) -> Polled {
        let line = match self.reader.line(limits::IMAP_LINE_BEFORE_LOGIN) {
            Ok(None) => return Polled::Waiting,
            Ok(Some(line)) => line,
            Err(TooLong) => {
                self.bye(Some(&Code::TooBig), "The line is too long");
                return Polled::Again;
            }
        };
        if let Step::Idling(tag) = &mut self.step {
            let tag = std::mem::take(tag);
            let done = line.eq_ignore_ascii_case(b"DONE");
            self.step = if done { Step::Running(tag) } else { Step::IdleBroken(tag) };
        }
        Polled::Event(Event::IdleEnd)
    }
}
