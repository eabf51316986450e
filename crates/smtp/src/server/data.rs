//! DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2): a message arrives.

use mail::{BodyType, Mono, Reply, limits};

use super::simple::no_parameters;
use super::{Answer, Event, Question, Service, Session, State, agreed, refusal, words};
use crate::body::{Decoder, Fault, Rules};

/// A message on its way in.
#[derive(Debug)]
pub(super) struct Transfer {
    decoder: Decoder,
    /// The BDAT chunk that is arriving; none for DATA, and between chunks.
    chunk: Option<Chunk>,
    /// When DATA or the first BDAT was accepted.
    pub(super) began: Mono,
}

/// One BDAT chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Bytes still to come.
    left: u64,
    last: bool,
}

impl Session {
    pub(super) fn data(&mut self, args: &str) -> Result<(), Reply> {
        no_parameters(args)?;
        if self.transfer.is_some() {
            return Err(words::bdat_begun());
        }
        self.has_recipients()?;
        // RFC 3030 §3: such a message has no lines that a dot could end.
        if self.envelope.body == BodyType::BinaryMime {
            return Err(words::binary_needs_bdat());
        }
        self.ask(Question::Start(None), Event::DataStart);
        Ok(())
    }

    fn has_recipients(&self) -> Result<(), Reply> {
        if !self.in_transaction {
            return Err(words::mail_first());
        }
        if self.envelope.recipients.is_empty() { Err(words::rcpt_first()) } else { Ok(()) }
    }

    /// `BDAT SP chunk-size [ SP "LAST" ]`. The chunk follows whatever the reply will be, so a refused one is
    /// discarded; only a length that cannot be read leaves no way to find the next command.
    pub(super) fn bdat(&mut self, args: &str) {
        let Some(chunk) = parse_chunk(args) else {
            return self.hang_up_on("BDAT", words::chunk_syntax());
        };
        if chunk.left < limits::SMTP_SMALL_CHUNK && !chunk.last && !self.budget.spend_trifle(&self.config) {
            self.close(&words::too_many_commands());
        } else if chunk.left > self.discardable() {
            self.hang_up_on("BDAT", words::too_large());
        } else if let Err(reply) = self.has_recipients() {
            self.state = State::Discard(chunk, reply);
        } else if let Some(transfer) = &mut self.transfer {
            transfer.chunk = Some(chunk);
            self.state = State::Body;
        } else {
            self.ask(Question::Start(Some(chunk)), Event::DataStart);
        }
    }

    /// How much is read for the sole purpose of staying in step with the client.
    fn discardable(&self) -> u64 {
        self.config.max_size.saturating_mul(2).saturating_add(1 << 20)
    }

    pub(super) fn start_answered(&mut self, chunk: Option<Chunk>, answer: Answer) {
        if !matches!(answer, Answer::Accept | Answer::AcceptWith(_)) {
            return self.start_refused(chunk, refusal(answer));
        }
        let rules = Rules {
            repair: self.config.service == Service::Submission,
            binary: self.envelope.body == BodyType::BinaryMime,
            max_size: self.config.max_size,
        };
        self.transfer = Some(Transfer { decoder: Decoder::new(rules), chunk, began: self.heard });
        self.state = State::Body;
        if chunk.is_none() {
            self.say(&words::send_message());
        }
    }

    /// A refused DATA ends the transaction (RFC 5321 §4.1.1.4 knows no second DATA for it).
    fn start_refused(&mut self, chunk: Option<Chunk>, reply: Reply) {
        self.abandon_transaction();
        match chunk {
            Some(chunk) if reply.code != 421 => self.state = State::Discard(chunk, reply),
            _ => self.refuse_with(&reply),
        }
    }

    /// Reads away a refused chunk, then says why.
    pub(super) fn discard(&mut self) -> bool {
        let State::Discard(chunk, _) = &mut self.state else { return false };
        let used = chunk.left.min(self.input.pending().len() as u64);
        chunk.left -= used;
        let over = chunk.left == 0;
        self.input.consume(used as usize);
        if over && let State::Discard(_, reply) = std::mem::replace(&mut self.state, State::Command) {
            self.refuse_command("BDAT", reply);
        }
        over
    }

    /// Passes on what has arrived of the message.
    pub(super) fn take_body(&mut self) -> bool {
        let Some(transfer) = &mut self.transfer else { return false };
        let pending = self.input.pending();
        let mut body = Vec::with_capacity(pending.len());
        let (used, end) = match &mut transfer.chunk {
            None => {
                let fed = transfer.decoder.feed_data(pending, &mut body);
                (fed.used, fed.end)
            }
            Some(chunk) => take_chunk(chunk, &mut transfer.decoder, pending, &mut body),
        };
        let absurd = transfer.decoder.is_absurd();
        self.input.consume(used);
        if !body.is_empty() {
            self.events.push_back(Event::Body(body));
        }
        if absurd {
            self.hang_up_on("", words::endless_message());
        } else if end {
            self.part_complete();
        }
        end
    }

    /// The final dot, or the end of a chunk.
    fn part_complete(&mut self) {
        let Some(transfer) = &mut self.transfer else { return };
        if transfer.chunk.take().is_some_and(|chunk| !chunk.last) {
            self.state = State::Command;
            return self.chunk_complete();
        }
        match transfer.decoder.fault() {
            Some(fault) => self.body_refused(fault),
            None => self.ask(Question::End, Event::BodyEnd),
        }
    }

    /// A chunk that is not the last: refuse as soon as the fault is known, so that the client can stop.
    fn chunk_complete(&mut self) {
        match self.transfer.as_ref().and_then(|transfer| transfer.decoder.fault()) {
            Some(fault) => {
                let reply = words::fault(fault);
                self.say(&reply);
                self.drop_body(reply, fault);
            }
            None => self.say(&words::chunk_ok()),
        }
    }

    fn body_refused(&mut self, fault: Fault) {
        let reply = words::fault(fault);
        self.state = State::Command;
        self.say_for_each(&reply);
        self.drop_body(reply, fault);
    }

    /// Ends the transaction. What had lone newlines may hold smuggled commands behind them, so that connection is
    /// of no use any more (attacks A1).
    fn drop_body(&mut self, reply: Reply, fault: Fault) {
        self.reset_transaction();
        self.events.push_back(Event::BodyRefused(reply));
        if fault == Fault::BareNewline {
            self.end();
        } else if !self.budget.spend_error(&self.config) {
            self.close(&words::too_many_errors());
        }
    }

    pub(super) fn end_answered(&mut self, answer: Answer) {
        match answer {
            Answer::Accept => self.accepted(None),
            Answer::AcceptWith(text) => self.accepted(Some(text)),
            Answer::Each(replies) if self.config.service == Service::Lmtp => self.each(&replies),
            answer => {
                let reply = refusal(answer);
                self.say_for_each(&reply);
                self.reset_transaction();
                if reply.code == 421 {
                    self.end();
                }
            }
        }
    }

    fn accepted(&mut self, text: Option<String>) {
        self.say_for_each(&agreed(words::accepted(), text));
        self.budget.earn();
        self.reset_transaction();
    }

    /// RFC 2033 §4.2: as many replies as recipients were accepted, in their order.
    fn each(&mut self, replies: &[Reply]) {
        let recipients = self.envelope.recipients.len();
        debug_assert_eq!(replies.len(), recipients, "one reply per recipient");
        if replies.iter().any(Reply::is_positive) {
            self.budget.earn();
        }
        let missing = words::local_error();
        for index in 0..recipients {
            self.say(replies.get(index).unwrap_or(&missing));
        }
        self.reset_transaction();
    }

    /// One reply, or over LMTP the same one for each recipient.
    fn say_for_each(&mut self, reply: &Reply) {
        let times = if self.config.service == Service::Lmtp { self.envelope.recipients.len() } else { 1 };
        for _ in 0..times {
            self.say(reply);
        }
    }
}

fn parse_chunk(args: &str) -> Option<Chunk> {
    let (length, rest) = args.split_once(' ').unwrap_or((args, ""));
    let last = match rest.trim_matches(' ') {
        "" => false,
        word => word.eq_ignore_ascii_case("LAST").then_some(true)?,
    };
    let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let left = digits.then(|| length.parse().unwrap_or(u64::MAX))?;
    Some(Chunk { left, last })
}

/// Takes what is there of a chunk; says how much, and whether the chunk is complete.
fn take_chunk(chunk: &mut Chunk, decoder: &mut Decoder, pending: &[u8], body: &mut Vec<u8>) -> (usize, bool) {
    let used = chunk.left.min(pending.len() as u64) as usize;
    decoder.feed_chunk(&pending[..used], body);
    chunk.left -= used as u64;
    if chunk.left == 0 && chunk.last {
        decoder.finish(body);
    }
    (used, chunk.left == 0)
}
