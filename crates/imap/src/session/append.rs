//! APPEND and REPLACE: the commands whose literals are streamed (RFC 3501 §6.3.11, RFC 3502, RFC 4469, RFC 7888, RFC 8508).

use std::collections::VecDeque;

use super::{Completion, Event, Polled, Session, State, Step, legality};
use crate::Code;
use crate::command::Append;
use crate::grammar::{self, Error, Piece, Place, Segment};
use crate::reader::{Announced, Found, TooLong};

/// How far the command has come in.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) tag: String,
    /// It takes one message only.
    only: bool,
    /// Where it goes on behind the literal.
    place: Place,
    /// What it asks for before that.
    pieces: VecDeque<Piece>,
    /// The literal that comes next; `None` where the command ends instead.
    pub(super) literal: Option<Announced>,
    /// Bytes of the literal that is coming in.
    pub(super) length: u64,
    /// Bytes of it that have not come yet.
    pub(super) remaining: u64,
    /// Bytes of the command's literals that were read past.
    pub(super) skipped: u64,
}

impl Progress {
    /// Nothing of it has come.
    pub(super) fn new(tag: String, literal: Option<Announced>) -> Self {
        let (place, pieces) = (Place::Message, VecDeque::new());
        Self { tag, only: false, place, pieces, literal, length: 0, remaining: 0, skipped: 0 }
    }

    /// The literal that comes next comes in now.
    pub(super) fn begin(&mut self, literal: Announced) {
        (self.length, self.remaining) = (literal.length, literal.length);
    }

    fn take(&mut self, segment: Segment) {
        self.pieces = segment.pieces.into();
        self.place = segment.place;
    }
}

impl Session {
    /// A command has come up to its first literal, or to its end.
    pub(super) fn append_found(
        &mut self,
        tag: String,
        parsed: Result<(Append, Segment), Error>,
        literal: Option<Announced>,
    ) -> Polled {
        let mut progress = Progress::new(tag, literal);
        let refusal = match parsed {
            _ if self.state == State::NotAuthenticated => Completion::bad("Log in first"),
            Err(error) => Completion::bad(error.0),
            Ok((append, segment)) => {
                let refusal = legality::append_refusal(&append, self.state)
                    .or_else(|| self.enabled.append_refusal(&append));
                if let Some(refusal) = refusal.or_else(|| self.literal_refusal(&segment, literal)) {
                    refusal
                } else {
                    progress.only = append.replaces.is_some();
                    progress.take(segment);
                    self.step = Step::AppendAsked(progress);
                    return Polled::Event(Event::AppendStart(append));
                }
            }
        };
        self.refuse_append(progress, refusal);
        Polled::Again
    }

    fn literal_refusal(&self, segment: &Segment, literal: Option<Announced>) -> Option<Completion> {
        let length = literal?.length;
        if length > self.config.message_size {
            return Some(Completion::no(Code::TooBig, "The message is larger than this server takes"));
        }
        // RFC 3502: an empty message stands for giving up.
        let is_whole = matches!(segment.place, Place::Behind | Place::Utf8);
        (is_whole && length == 0).then(|| Completion::no(Code::Cannot, "An empty message is not kept"))
    }

    /// The command, or its next literal, may come. Asks for the literal, if the client waits for that.
    pub fn accept_append(&mut self) {
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::AppendAsked(progress) => self.step = Step::AppendPieces(progress),
            Step::LiteralAsked(mut progress) => {
                if let Some(literal) = progress.literal.take() {
                    if literal.synchronising {
                        self.out().raw(b"+ OK\r\n");
                    }
                    progress.begin(literal);
                }
                self.step = Step::AppendData(progress);
            }
            other => {
                debug_assert!(false, "only an asked APPEND is accepted");
                self.step = other;
            }
        }
    }

    /// A literal that is refused is not sent if the client waits for us; else it is read past first.
    pub(super) fn refuse_append(&mut self, mut progress: Progress, completion: Completion) {
        match progress.literal.take() {
            Some(literal) if !literal.synchronising => {
                progress.begin(literal);
                self.skip(progress, completion);
            }
            _ => {
                self.step = Step::Reading;
                self.tagged(&progress.tag, &completion);
            }
        }
    }

    /// What the command asks for before its next literal, one by one.
    pub(super) fn poll_piece(&mut self) -> Polled {
        let Step::AppendPieces(progress) = &mut self.step else { return Polled::Waiting };
        match progress.pieces.pop_front() {
            Some(Piece::Message(message)) => return Polled::Event(Event::AppendMessage(message)),
            Some(Piece::Url(url)) => return Polled::Event(Event::AppendUrl(url)),
            None => {}
        }
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::AppendPieces(progress) => match progress.literal {
                Some(literal) => {
                    self.step = Step::LiteralAsked(progress);
                    Polled::Event(Event::AppendLiteral(literal.length))
                }
                None => self.run(progress.tag, Event::AppendEnd),
            },
            other => {
                self.step = other;
                Polled::Waiting
            }
        }
    }

    /// Bytes of a literal, and what comes behind it.
    pub(super) fn poll_literal(&mut self) -> Polled {
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
        let after = (progress.place, progress.only);
        match std::mem::replace(&mut self.step, Step::Reading) {
            Step::AppendData(progress) => self.poll_segment(progress, after),
            Step::Skipping(progress, completion) => self.skip_line(progress, completion),
            other => {
                self.step = other;
                Polled::Waiting
            }
        }
    }

    fn poll_segment(&mut self, progress: Progress, after: (Place, bool)) -> Polled {
        let bounds = self.bounds();
        match self.reader.poll_segment(bounds, self.enabled.text(), after) {
            Found::Segment(parsed, literal) => return self.segment_found(progress, parsed, literal),
            Found::LiteralTooBig(_, literal) => {
                self.literal_too_big(Some(progress.tag), literal);
                return Polled::Event(Event::AppendAborted);
            }
            Found::LineTooLong(_) => {
                self.bye(Some(&Code::TooBig), "The command is too long");
                return Polled::Event(Event::AppendAborted);
            }
            Found::WantsContinuation => {
                self.out().raw(b"+ OK\r\n");
                self.step = Step::AppendData(progress);
                return Polled::Again;
            }
            Found::Nothing | Found::Command(_) | Found::Append(..) => self.step = Step::AppendData(progress),
        }
        Polled::Waiting
    }

    fn segment_found(
        &mut self,
        mut progress: Progress,
        parsed: Result<Segment, Error>,
        literal: Option<Announced>,
    ) -> Polled {
        progress.literal = literal;
        let refusal = match parsed {
            Err(error) => Completion::bad(error.0),
            Ok(segment) => {
                if let Some(refusal) = self.literal_refusal(&segment, literal) {
                    refusal
                } else {
                    progress.take(segment);
                    self.step = Step::AppendPieces(progress);
                    return Polled::Again;
                }
            }
        };
        self.refuse_append(progress, refusal);
        Polled::Event(Event::AppendAborted)
    }

    /// A refused command's line behind a literal.
    fn skip_line(&mut self, progress: Progress, completion: Completion) -> Polled {
        match self.reader.line(mail::limits::IMAP_LINE) {
            Ok(None) => {
                self.step = Step::Skipping(progress, completion);
                Polled::Waiting
            }
            Ok(Some(line)) => self.skip_on(progress, completion, &line),
            Err(TooLong) => {
                self.bye(Some(&Code::TooBig), "The command is too long");
                Polled::Again
            }
        }
    }

    /// A whole command that has no literal to stream, if it is such a one.
    pub(super) fn append_without_literal(&mut self, bytes: &[u8]) -> Option<Polled> {
        let line = bytes.strip_suffix(b"\n").map_or(bytes, |b| b.strip_suffix(b"\r").unwrap_or(b));
        let parsed = grammar::append_start(self.enabled.text(), line)?;
        let tag = grammar::tag_of(bytes).unwrap_or_default().to_owned();
        Some(self.append_found(tag, parsed, None))
    }
}
