//! COMPRESS (RFC 4978). The driver compresses and expands; the session knows when it begins and ends.

use super::{Completion, Event, Polled, Session, Step};
use crate::Code;

impl Session {
    /// RFC 4978 §3: BAD where it is active already, with the code for clients that go by codes.
    pub(super) fn compress(&mut self, tag: &str) -> Polled {
        if self.compressed {
            let code = Some(Code::CompressionActive);
            self.tagged(tag, &Completion { code, ..Completion::bad("DEFLATE is active already") });
            return Polled::Again;
        }
        // The client waits for our answer: whether what follows is meant compressed, nobody can tell.
        if !self.reader.is_empty() {
            self.tagged(tag, &Completion::bad("Bytes follow COMPRESS"));
            return Polled::Again;
        }
        self.tagged(tag, &Completion::ok("DEFLATE active"));
        self.compressed = true;
        self.step = Step::Compressing;
        Polled::Event(Event::Compress)
    }

    /// What is sent is compressed from now on, and what comes was.
    pub fn compress_started(&mut self) {
        self.step = Step::Reading;
    }
}
