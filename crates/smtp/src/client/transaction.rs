//! One message: MAIL, RCPT, DATA, the message, and what becomes of each recipient.

use std::collections::VecDeque;

use mail::{BodyType, ByMode, EnhancedCode, Envelope, Recipient, Reply, TlsRequired, limits};

use super::{Capabilities, Cause, Event, Outcome, Phase, Service, Session, Source, commands, local};
use crate::body::Encoder;

/// A command that waits for its reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Command {
    Mail,
    /// By place in the envelope.
    Rcpt(usize),
    Data,
}

/// How far the message is.
#[derive(Debug)]
enum Stage {
    /// Commands are being exchanged.
    Commands,
    /// 354 was read, the message is being sent.
    Body(Encoder),
    /// BDAT: the message is being sent, and so many chunks wait for their replies.
    Chunks { waiting: usize },
    /// 354 was read though there is no recipient (RFC 2920 §3.1): an empty message was sent.
    Empty,
    /// The final dot, or the last chunk, was sent; replies still to come are for so many chunks before it, then for
    /// these recipients, or one for all of them.
    Sent { chunks: usize, waiting: VecDeque<usize> },
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Transaction {
    envelope: Envelope,
    size: u64,
    eight_bit: bool,
    /// The next command to send, if any is left.
    next: Option<Command>,
    awaiting: VecDeque<Command>,
    stage: Stage,
    /// What is settled; accepted recipients are open until the message is.
    outcomes: Vec<Option<Outcome>>,
    /// Recipients accepted at RCPT.
    accepted: Vec<usize>,
    /// MAIL or DATA was refused: there is nothing more to send.
    refused: bool,
}

impl Transaction {
    fn new(envelope: Envelope, size: u64, eight_bit: bool) -> Self {
        let outcomes = vec![None; envelope.recipients.len()];
        Self {
            envelope,
            size,
            eight_bit,
            next: Some(Command::Mail),
            awaiting: VecDeque::new(),
            stage: Stage::Commands,
            outcomes,
            accepted: Vec::new(),
            refused: false,
        }
    }

    /// How many replies are on their way.
    pub(super) fn awaited(&self) -> usize {
        match &self.stage {
            Stage::Commands => self.awaiting.len(),
            Stage::Body(_) => 0,
            Stage::Empty => 1,
            Stage::Chunks { waiting } => *waiting,
            Stage::Sent { chunks, waiting } => chunks + waiting.len(),
        }
    }

    /// Whether it is the driver's turn.
    pub(super) fn wants_body(&self) -> bool {
        match self.stage {
            Stage::Body(_) => true,
            Stage::Chunks { waiting } => waiting < limits::SMTP_CHUNKS_UNDERWAY,
            Stage::Commands | Stage::Empty | Stage::Sent { .. } => false,
        }
    }

    /// Whether the message goes out by BDAT, as its bytes are no lines (RFC 3030 §3).
    fn is_binary(&self) -> bool {
        self.envelope.body == BodyType::BinaryMime
    }

    /// Whether somebody is to get the message.
    fn has_recipients(&self) -> bool {
        !self.refused && !self.accepted.is_empty()
    }

    /// The next command, if it may go out now.
    fn take_next(&mut self, pipelining: bool) -> Option<Command> {
        let window = if pipelining { limits::SMTP_PIPELINE } else { 1 };
        let command = self.next.filter(|_| !self.refused && self.awaiting.len() < window)?;
        // Chunks follow the replies, without a command of their own.
        if command == Command::Data && self.is_binary() {
            return None;
        }
        // With all replies in and no recipient left, there is nothing to say DATA for.
        if command == Command::Data && self.awaiting.is_empty() && self.accepted.is_empty() {
            return None;
        }
        self.next = match command {
            Command::Mail => Some(self.rcpt_or_data(0)),
            Command::Rcpt(index) => Some(self.rcpt_or_data(index + 1)),
            Command::Data => None,
        };
        self.awaiting.push_back(command);
        Some(command)
    }

    fn rcpt_or_data(&self, index: usize) -> Command {
        if index < self.envelope.recipients.len() { Command::Rcpt(index) } else { Command::Data }
    }

    fn line(&self, command: Command, offered: &Capabilities) -> String {
        match command {
            Command::Mail => commands::mail(&self.envelope, self.size, self.eight_bit, offered),
            Command::Rcpt(index) => {
                commands::rcpt(&self.envelope.recipients[index], self.envelope.deliver_by, offered)
            }
            Command::Data => "DATA".into(),
        }
    }

    /// Settles whoever is not settled yet.
    fn settle_rest(&mut self, reply: &Reply, source: Source) {
        for outcome in self.outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = Some(Outcome { reply: reply.clone(), source });
        }
    }

    fn outcomes(self) -> Vec<Outcome> {
        let open = || Outcome { reply: local(0, 0, "The message was not sent"), source: Source::Local };
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(open)).collect()
    }

    /// What becomes of the recipients when the connection ends here. A refusal by the peer is its word on all that
    /// are open; else those after the final dot are uncertain (promise F6).
    pub(super) fn broken(mut self: Box<Self>, cause: Cause, reply: &Reply) -> Vec<Outcome> {
        match (&self.stage, cause) {
            (_, Cause::Refused) => self.settle_rest(reply, Source::Peer),
            (Stage::Sent { .. }, _) => {
                let text = format!("The message was sent, but its fate is not known: {}", reply.text);
                self.settle_rest(&local(4, 2, &text), Source::Uncertain);
            }
            _ => self.settle_rest(reply, Source::Local),
        }
        self.outcomes()
    }
}

/// What the message needs and the peer does not offer (promise F38).
fn obstacle(envelope: &Envelope, size: u64, eight_bit: bool, offered: &Capabilities) -> Option<Reply> {
    if commands::needs_smtputf8(envelope) && !offered.smtputf8 {
        // RFC 6531 §3.2.
        return Some(Reply::new(553, EnhancedCode(5, 6, 7), "The peer does not take addresses beyond ASCII"));
    }
    // RFC 8689 §4.2.1; a report is rather sent than lost (§5).
    let require_tls = envelope.tls_required == TlsRequired::Yes && !envelope.reverse_path.is_null();
    if require_tls && !offered.require_tls {
        let text = "The sender requires TLS on the whole way, and the peer does not promise it (REQUIRETLS)";
        return Some(Reply::new(550, EnhancedCode(5, 7, 30), text));
    }
    let binary = envelope.body == BodyType::BinaryMime;
    if binary && !(offered.binary_mime && offered.chunking) {
        // RFC 3030 §3.
        return Some(Reply::new(554, EnhancedCode(5, 6, 3), "The peer does not take binary messages"));
    }
    if eight_bit && !binary && !offered.eight_bit_mime {
        // RFC 6152 §3.
        return Some(Reply::new(554, EnhancedCode(5, 6, 3), "The peer does not take 8-bit messages"));
    }
    if let Some(reply) = too_late(envelope, offered) {
        return Some(reply);
    }
    let limit = offered.size.flatten().filter(|limit| size > *limit)?;
    let text = format!("The peer takes messages up to {limit} bytes, this one has {size}");
    Some(Reply::new(552, EnhancedCode(5, 3, 4), text))
}

/// RFC 2852 §4.1.4.1: what is to be returned if it is late goes only to who returns it in time.
fn too_late(envelope: &Envelope, offered: &Capabilities) -> Option<Reply> {
    let by = envelope.deliver_by.filter(|by| by.mode == ByMode::Return)?;
    let Ok(seconds @ 1..) = u64::try_from(by.seconds) else {
        return Some(Reply::new(
            554,
            EnhancedCode(5, 4, 7),
            "The time is over by which it was to be delivered",
        ));
    };
    let text = match offered.deliver_by {
        None => {
            "The sender wants it delivered in time or returned, and the peer does not promise that (DELIVERBY)"
        }
        Some(Some(least)) if least > seconds => "The peer does not promise to return mail in so short a time",
        Some(_) => return None,
    };
    Some(Reply::new(554, EnhancedCode(5, 3, 3), text))
}

impl Session {
    pub(super) fn start_transaction(&mut self, envelope: Envelope, size: u64, eight_bit: bool) {
        if matches!(self.phase, Phase::Ready) && self.reply_has_begun() {
            self.early_reply();
        }
        if !matches!(self.phase, Phase::Ready) {
            debug_assert!(matches!(self.phase, Phase::Closed), "send is called once per Ready");
            return self.not_sent(&envelope);
        }
        let obstacle = obstacle(&envelope, size, eight_bit, &self.capabilities);
        let mut transaction = Box::new(Transaction::new(envelope, size, eight_bit));
        if let Some(reply) = obstacle {
            transaction.settle_rest(&reply, Source::Local);
            self.events.push_back(Event::MessageResult(transaction.outcomes()));
            return self.ready();
        }
        self.go_on(transaction);
    }

    /// The connection broke between [`Event::Ready`] and `send`: the result comes before the failure, as always.
    fn not_sent(&mut self, envelope: &Envelope) {
        let reply = local(4, 2, "The connection was lost before the message was sent");
        let outcome = |_: &Recipient| Outcome { reply: reply.clone(), source: Source::Local };
        let outcomes = envelope.recipients.iter().map(outcome).collect();
        self.events.push_front(Event::MessageResult(outcomes));
    }

    /// Sends what may be sent, or ends the transaction when there is nothing left to wait for.
    fn go_on(&mut self, mut transaction: Box<Transaction>) {
        while let Some(command) = transaction.take_next(self.capabilities.pipelining) {
            let line = transaction.line(command, &self.capabilities);
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        let Some(first) = transaction.awaiting.front() else {
            if transaction.is_binary() && transaction.has_recipients() {
                transaction.stage = Stage::Chunks { waiting: 0 };
                return self.ask_for_body(transaction);
            }
            return self.finish(*transaction, true);
        };
        self.wait(match first {
            Command::Mail => self.config.timeouts.mail,
            Command::Rcpt(_) => self.config.timeouts.rcpt,
            Command::Data => self.config.timeouts.data_start,
        });
        self.phase = Phase::Transaction(transaction);
    }

    /// Gives the result. `open` says whether the peer may still be within the transaction.
    fn finish(&mut self, transaction: Transaction, open: bool) {
        self.events.push_back(Event::MessageResult(transaction.outcomes()));
        if open {
            self.phase = Phase::Reset;
            self.command("RSET", self.config.timeouts.hello);
        } else {
            self.ready();
        }
    }

    pub(super) fn transaction_answered(&mut self, mut transaction: Box<Transaction>, reply: Reply) {
        match &mut transaction.stage {
            Stage::Commands => match transaction.awaiting.pop_front() {
                Some(Command::Mail) => self.mail_answered(transaction, &reply),
                Some(Command::Rcpt(index)) => self.rcpt_answered(transaction, index, reply),
                Some(Command::Data) => self.data_answered(transaction, &reply),
                None => (),
            },
            Stage::Body(_) => (),
            Stage::Chunks { waiting: chunks } | Stage::Sent { chunks: chunks @ 1.., .. } => {
                *chunks -= 1;
                self.chunk_answered(transaction, reply);
            }
            Stage::Empty => self.finish(*transaction, true),
            Stage::Sent { .. } => self.message_answered(transaction, reply),
        }
    }

    fn mail_answered(&mut self, mut transaction: Box<Transaction>, reply: &Reply) {
        if !reply.is_positive() {
            if reply.code < 400 {
                return self.out_of_turn(transaction);
            }
            transaction.refused = true;
            transaction.settle_rest(reply, Source::Peer);
        }
        self.go_on(transaction);
    }

    fn rcpt_answered(&mut self, mut transaction: Box<Transaction>, index: usize, reply: Reply) {
        if reply.code / 100 == 3 {
            return self.out_of_turn(transaction);
        }
        // After a refused MAIL the peer refuses RCPT only because of that.
        if !transaction.refused {
            self.events.push_back(Event::RcptResult { index, reply: reply.clone() });
            if reply.is_positive() {
                transaction.accepted.push(index);
            } else {
                transaction.outcomes[index] = Some(Outcome { reply, source: Source::Peer });
            }
        }
        self.go_on(transaction);
    }

    fn data_answered(&mut self, mut transaction: Box<Transaction>, reply: &Reply) {
        match reply.code {
            354 if transaction.has_recipients() => {
                transaction.stage = Stage::Body(Encoder::new());
                self.ask_for_body(transaction);
            }
            // RFC 2033 §4.2: no reply would follow the dot over LMTP, so nothing can be told apart any more.
            354 if self.config.service == Service::Lmtp => self.out_of_turn(transaction),
            354 => {
                transaction.stage = Stage::Empty;
                self.phase = Phase::Transaction(transaction);
                self.command(".", self.config.timeouts.data_end);
            }
            400.. => {
                transaction.settle_rest(reply, Source::Peer);
                self.finish(*transaction, true);
            }
            _ => self.out_of_turn(transaction),
        }
    }

    fn ask_for_body(&mut self, transaction: Box<Transaction>) {
        self.events.push_back(Event::DataWanted);
        self.phase = Phase::Transaction(transaction);
        self.wait(self.config.timeouts.data_block);
    }

    /// The reply to a chunk that is not the last. After a refusal nobody knows what becomes of the chunks that are on
    /// their way (RFC 3030 §4.2), so such a connection is given up.
    fn chunk_answered(&mut self, transaction: Box<Transaction>, reply: Reply) {
        let last_is_sent = matches!(transaction.stage, Stage::Sent { .. });
        self.phase = Phase::Transaction(transaction);
        if reply.is_positive() {
            let timeouts = &self.config.timeouts;
            self.wait(if last_is_sent { timeouts.data_end } else { timeouts.data_block });
        } else if reply.code >= 400 {
            self.fail(Cause::Refused, reply);
        } else {
            self.protocol_error("The peer's reply does not fit the command");
        }
    }

    fn out_of_turn(&mut self, transaction: Box<Transaction>) {
        self.phase = Phase::Transaction(transaction);
        self.protocol_error("The peer's reply does not fit the command");
    }

    pub(super) fn send_body(&mut self, bytes: &[u8]) {
        let Phase::Transaction(transaction) = &mut self.phase else { return };
        match &mut transaction.stage {
            Stage::Body(encoder) => encoder.feed(bytes, &mut self.output),
            Stage::Chunks { waiting } if !bytes.is_empty() => {
                *waiting += 1;
                self.output.extend_from_slice(format!("BDAT {}\r\n", bytes.len()).as_bytes());
                self.output.extend_from_slice(bytes);
            }
            _ => return,
        }
        self.wait(self.config.timeouts.data_block);
    }

    fn is_sending_body(&self) -> bool {
        matches!(&self.phase, Phase::Transaction(transaction) if transaction.wants_body())
    }

    pub(super) fn send_body_end(&mut self) {
        if self.is_sending_body() && self.reply_has_begun() {
            return self.early_reply();
        }
        let one_for_all = self.config.service == Service::Smtp;
        let Phase::Transaction(transaction) = &mut self.phase else { return };
        let chunks = match &mut transaction.stage {
            Stage::Body(encoder) => {
                encoder.finish(&mut self.output);
                0
            }
            Stage::Chunks { waiting } => {
                self.output.extend_from_slice(b"BDAT 0 LAST\r\n");
                *waiting
            }
            _ => return,
        };
        let mut waiting = VecDeque::from(transaction.accepted.clone());
        if one_for_all {
            waiting.truncate(1);
        }
        transaction.stage = Stage::Sent { chunks, waiting };
        self.wait(self.config.timeouts.data_end);
    }

    /// The reply to the final dot; over LMTP one of them (RFC 2033 §4.2).
    fn message_answered(&mut self, mut transaction: Box<Transaction>, reply: Reply) {
        if reply.code / 100 == 3 {
            return self.out_of_turn(transaction);
        }
        let Stage::Sent { waiting, .. } = &mut transaction.stage else { return };
        let recipient = waiting.pop_front();
        let more = !waiting.is_empty();
        if self.config.service == Service::Smtp {
            transaction.settle_rest(&reply, Source::Peer);
        } else if let Some(index) = recipient {
            transaction.outcomes[index] = Some(Outcome { reply, source: Source::Peer });
        }
        if more {
            self.phase = Phase::Transaction(transaction);
            self.wait(self.config.timeouts.data_end);
        } else {
            self.finish(*transaction, false);
        }
    }
}
