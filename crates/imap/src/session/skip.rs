//! What comes without asking and is not wanted: it is read past, so that the client hears why, up to a limit (RFC 7888 §4).

use mail::limits;

use super::append::Progress;
use super::{Completion, Polled, Session, State, Step};
use crate::Code;
use crate::reader::{Announced, NON_SYNC_LITERAL};

impl Session {
    /// Bytes that are read past for one command. A message that could have been taken is not more than that.
    fn most_skipped(&self) -> u64 {
        match self.state {
            State::NotAuthenticated => NON_SYNC_LITERAL,
            _ => limits::IMAP_SKIPPED.max(self.config.message_size),
        }
    }

    /// Reads past what remains of a literal and of its command, then ends that with `completion`; at once, and the session
    /// with it, if that is too much.
    pub(super) fn skip(&mut self, progress: Progress, completion: Completion) {
        if progress.skipped.saturating_add(progress.remaining) > self.most_skipped() {
            let code = Code::TooBig;
            self.tagged(&progress.tag, &Completion { code: Some(code.clone()), ..completion });
            self.bye(Some(&code), "The literal is too large");
        } else {
            self.step = Step::Skipping(progress, completion);
        }
    }

    /// A literal that does not fit into a command.
    pub(super) fn literal_too_big(&mut self, tag: Option<String>, announced: Announced) {
        let completion =
            Completion { code: Some(Code::TooBig), ..Completion::bad("The literal is too large") };
        let tag = tag.unwrap_or_else(|| "*".into());
        if announced.synchronising {
            self.tagged(&tag, &completion);
        } else {
            let mut progress = Progress::new(tag, None);
            progress.begin(announced);
            self.skip(progress, completion);
        }
    }

    /// A literal of a command that is being read past has come, and the line behind it. RFC 7888 §3: where that announces
    /// another one, which comes in any case, it belongs to the same command. What must be asked for does not come.
    pub(super) fn skip_on(&mut self, mut progress: Progress, completion: Completion, line: &[u8]) -> Polled {
        match Announced::at_end(line).filter(|announced| !announced.synchronising) {
            Some(announced) => {
                progress.skipped = progress.skipped.saturating_add(progress.length);
                progress.begin(announced);
                self.skip(progress, completion);
            }
            None => self.tagged(&progress.tag, &completion),
        }
        Polled::Again
    }
}
