//! IDLE (RFC 2177).

use mail::limits;

use super::{Event, Polled, Session, Step};
use crate::Code;
use crate::reader::TooLong;

impl Session {
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
