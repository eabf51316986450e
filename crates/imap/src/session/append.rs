//! APPEND: the one command whose literal is streamed (RFC 3501 §6.3.11, RFC 7888).

use super::{Completion, Event, Polled, Session, State, Step};
use crate::Code;
use crate::command::Append;
use crate::grammar::Error;
use crate::reader::{Announced, TooLong};

/// How far the message has come in.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) tag: String,
    /// Bytes of the literal.
    pub(super) length: u64,
    /// Bytes of it that have not come yet.
    pub(super) remaining: u64,
    pub(super) synchronising: bool,
    /// What has to stand behind the message.
    pub(super) tail: &'static [u8],
    /// Bytes of the command's literals before this one.
    pub(super) skipped: u64,
}

impl Progress {
    /// Nothing of it has come.
    pub(super) fn new(tag: String, announced: Announced) -> Self {
        let Announced { length, synchronising } = announced;
        Self { tag, length, remaining: length, synchronising, tail: b"", skipped: 0 }
    }
}

impl Session {
    pub(super) fn append_found(
        &mut self,
        tag: String,
        parsed: Result<Append, Error>,
        announced: Announced,
    ) -> Polled {
        let mut progress = Progress::new(tag, announced);
        if parsed.as_ref().is_ok_and(|append| append.in_parentheses) {
            progress.tail = b")";
        }
        let too_big = announced.length > self.config.message_size;
        let refusal = match parsed {
            _ if self.state == State::NotAuthenticated => Completion::bad("Log in first"),
            Err(error) => Completion::bad(error.0),
            Ok(_) if too_big => Completion::no(Code::TooBig, "The message is larger than this server takes"),
            // RFC 3502 §2: an empty message stands for giving up.
            Ok(_) if announced.length == 0 => Completion::no(Code::Cannot, "An empty message is not kept"),
            Ok(append) => {
                self.step = Step::AppendAsked(progress);
                return Polled::Event(Event::AppendStart(append));
            }
        };
        self.refuse_append(progress, refusal);
        Polled::Again
    }

    /// Asks for the message, if the client waits for that.
    pub fn accept_append(&mut self) {
        let Step::AppendAsked(progress) = std::mem::replace(&mut self.step, Step::Reading) else {
            debug_assert!(false, "only an asked APPEND is accepted");
            return;
        };
        if progress.synchronising {
            self.out().raw(b"+ OK\r\n");
        }
        self.step = Step::AppendData(progress);
    }

    /// A refused message is not sent if the client waits for us; else it is read past first.
    pub(super) fn refuse_append(&mut self, progress: Progress, completion: Completion) {
        if progress.synchronising {
            self.step = Step::Reading;
            self.tagged(&progress.tag, &completion);
        } else {
            self.skip(progress, completion);
        }
    }

    pub(super) fn poll_message(&mut self) -> Polled {
        let (Step::AppendData(progress) | Step::Skipping(progress, _)) = &mut self.step else {
            return Polled::Waiting;
        };
        if progress.remaining > 0 {
            let chunk = self.reader.chunk(progress.remaining);
            progress.remaining -= chunk.len() as u64;
            return match (&self.step, chunk.is_empty()) {
                (_, true) => Polled::Waiting,
                (Step::AppendData(_), false) => Polled::Event(Event::AppendData(chunk)),
                _ => Polled::Again,
            };
        }
        match self.reader.line(mail::limits::IMAP_LINE) {
            Ok(None) => Polled::Waiting,
            Ok(Some(line)) => self.message_ended(&line),
            Err(TooLong) => {
                self.bye(Some(&Code::TooBig), "The command is too long");
                Polled::Event(Event::AppendAborted)
            }
        }
    }

    /// The message and the rest of its command have come.
    fn message_ended(&mut self, rest: &[u8]) -> Polled {
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::AppendData(progress) if rest.trim_ascii_end() == progress.tail => {
                self.run(progress.tag, Event::AppendEnd)
            }
            Step::AppendData(progress) => {
                self.skip_on(progress, Completion::bad("Unexpected text after the message"), rest);
                Polled::Event(Event::AppendAborted)
            }
            Step::Skipping(progress, completion) => self.skip_on(progress, completion, rest),
            other => {
                self.step = other;
                Polled::Waiting
            }
        }
    }
}
