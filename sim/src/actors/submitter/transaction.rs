//! One transaction: MAIL, RCPT, the message, its answer; what is known at each moment goes into the ledger first.

use std::fmt::Write as _;
use std::sync::Arc;

use super::session::{Reply, Session};
use super::{Errand, Point, Port, To};
use crate::actors::letter::{Letter, stuffed};
use crate::actors::lines::Gone;
use crate::oracle::ledger::{Fate, Rcpt, Try};

const TAKES_ALL: &str = "a String takes everything";

/// A transaction under way.
struct Transaction<'a> {
    errand: Errand<'a>,
    letter: Letter,
    /// Recipients without an answer for good.
    left: &'a mut Vec<To>,
    mishap: Option<Point>,
    /// Accepted at RCPT, in order.
    accepted: Vec<To>,
    /// In the ledger, once the end of the message is on its way.
    number: Option<usize>,
}

/// Sends the message to all in `left`, and takes out of it whoever is answered for good.
pub(super) async fn send(
    errand: Errand<'_>,
    session: &mut Session,
    left: &mut Vec<To>,
    mishap: Option<Point>,
) -> Result<(), Gone> {
    let step = errand.step;
    let first = step.to.first().map_or("", |to| &to.address);
    let mut shape = step.shape;
    shape.eight_bit &= session.offers.eight_bit;
    let letter = shape.letter(step.token, &step.from, first, step.port == Port::Submission);
    let mut transaction = Transaction { errand, letter, left, mishap, accepted: Vec::new(), number: None };
    let pipelined = step.way.pipelined && session.offers.pipelining && mishap.is_none();
    if pipelined { transaction.at_once(session).await } else { transaction.step_by_step(session).await }
}

/// Whether it is refused because its own server has said on several days that it does not exist; a clock that jumps makes
/// days of minutes (seed 1282545). Remotes say so of `gone` alone, and truly.
fn is_suppressed(address: &str, reply: &Reply) -> bool {
    address.starts_with("gone@") && reply.text().contains("its server said so on")
}

impl Transaction<'_> {
    async fn step_by_step(&mut self, session: &mut Session) -> Result<(), Gone> {
        session.say(&self.mail(session)).await?;
        let reply = session.reply(self.errand).await?;
        if !self.mail_answered(&reply) {
            return Ok(());
        }
        self.perhaps_hang_up(Point::Mail)?;
        for to in self.left.clone() {
            session.say(&rcpt(&to, session)).await?;
            let reply = session.reply(self.errand).await?;
            self.rcpt_answered(to, &reply);
        }
        self.perhaps_hang_up(Point::Rcpt)?;
        if self.accepted.is_empty() {
            return self.reset(session).await;
        }
        if self.errand.step.way.chunk > 0 && session.offers.chunking {
            return self.chunks(session).await;
        }
        session.say("DATA").await?;
        let reply = session.reply(self.errand).await?;
        self.data_answered(session, &reply).await
    }

    /// MAIL, RCPT and DATA in one write (RFC 2920); with BDAT the whole message, too.
    async fn at_once(&mut self, session: &mut Session) -> Result<(), Gone> {
        let chunking = self.errand.step.way.chunk > 0 && session.offers.chunking;
        let all = self.left.clone();
        let mut words = self.mail(session) + "\r\n";
        for to in &all {
            words += &(rcpt(to, session) + "\r\n");
        }
        let mut bytes = words.into_bytes();
        if chunking {
            bytes.extend_from_slice(format!("BDAT {} LAST\r\n", self.letter.sent.len()).as_bytes());
            bytes.extend_from_slice(&self.letter.sent);
            self.begin(&all);
        } else {
            bytes.extend_from_slice(b"DATA\r\n");
        }
        session.wire.say(&bytes).await?;
        let reply = session.reply(self.errand).await?;
        let good = self.mail_answered(&reply);
        for to in all {
            let reply = session.reply(self.errand).await?;
            if good {
                self.rcpt_answered(to, &reply);
            } else {
                self.settle(&to, Fate::Not);
            }
        }
        if chunking {
            self.answers(session).await?;
        } else {
            let reply = session.reply(self.errand).await?;
            self.data_answered(session, &reply).await?;
        }
        if self.accepted.is_empty() { self.reset(session).await } else { Ok(()) }
    }

    /// Nobody was accepted: the transaction is still open.
    async fn reset(&self, session: &mut Session) -> Result<(), Gone> {
        session.say("RSET").await?;
        session.reply(self.errand).await.map(drop)
    }

    fn mail(&self, session: &Session) -> String {
        let (step, offers) = (self.errand.step, &session.offers);
        let mut line = format!("MAIL FROM:<{}>", step.from);
        if self.letter.sent.iter().any(|&b| b > 127) {
            line += " BODY=8BITMIME";
        }
        if step.way.size && offers.size {
            write!(line, " SIZE={}", self.letter.sent.len()).expect(TAKES_ALL);
        }
        if step.way.dsn && offers.dsn {
            let ret = if step.token.is_multiple_of(2) { "FULL" } else { "HDRS" };
            write!(line, " RET={ret} ENVID=e{}+2Bx", step.token).expect(TAKES_ALL);
        }
        line
    }

    fn mail_answered(&mut self, reply: &Reply) -> bool {
        if reply.class() == 5 && !self.is_locked() {
            self.blame("MAIL", reply);
            self.left.clear();
        }
        reply.class() == 2
    }

    /// I7: what is said of a recipient is true. A refusal for good is one of somebody who is not here.
    fn rcpt_answered(&mut self, to: To, reply: &Reply) {
        let book = self.errand.ledger.book();
        let known = !book.resolve(&to.address).is_empty();
        let ours = book.is_ours(&to.address);
        let may = if ours { known } else { self.errand.step.port == Port::Submission };
        match reply.class() {
            2 => {
                if !may && !book.is_unsure(&to.address) {
                    let what = format!("t{}: {} was accepted: {}", self.token(), to.address, reply.text());
                    self.errand.ledger.wrong("I7", what);
                }
                self.accepted.push(to);
            }
            class => {
                self.settle(&to, Fate::Not);
                if class == 5 {
                    if may && !book.is_unsure(&to.address) && !is_suppressed(&to.address, reply) {
                        self.blame(&to.address, reply);
                    }
                    self.left.retain(|other| *other != to);
                }
            }
        }
    }

    async fn data_answered(&mut self, session: &mut Session, reply: &Reply) -> Result<(), Gone> {
        if reply.code != 354 {
            // With recipients, only for now.
            if reply.class() == 5 && !self.accepted.is_empty() && !self.is_locked() {
                self.blame("DATA", reply);
                self.forget_accepted();
            }
            return Ok(());
        }
        if self.accepted.is_empty() {
            session.wire.say(b".\r\n").await?;
            return session.reply(self.errand).await.map(drop);
        }
        let bytes = stuffed(&self.letter.sent);
        let middle = bytes.len() / 2;
        session.wire.say(&bytes[..middle]).await?;
        self.perhaps_hang_up(Point::Middle)?;
        session.wire.say(&bytes[middle..]).await?;
        self.perhaps_hang_up(Point::BeforeEnd)?;
        self.begin(&self.accepted.clone());
        session.wire.say(b".\r\n").await?;
        self.perhaps_hang_up(Point::AfterEnd)?;
        self.answers(session).await
    }

    async fn chunks(&mut self, session: &mut Session) -> Result<(), Gone> {
        let bytes = self.letter.sent.clone();
        // Not more than a few, whatever the message's length.
        let size = (self.errand.step.way.chunk as usize).max(bytes.len() / 5 + 1);
        let count = bytes.chunks(size).count();
        for (n, chunk) in bytes.chunks(size).enumerate() {
            let last = n + 1 == count;
            let word = if last { " LAST" } else { "" };
            let mut command = format!("BDAT {}{word}\r\n", chunk.len()).into_bytes();
            command.extend_from_slice(chunk);
            if last {
                self.perhaps_hang_up(Point::BeforeEnd)?;
                self.begin(&self.accepted.clone());
            }
            session.wire.say(&command).await?;
            if !last {
                let reply = session.reply(self.errand).await?;
                if reply.class() != 2 {
                    if reply.class() == 5 && !self.is_locked() {
                        self.blame("BDAT", &reply);
                        self.forget_accepted();
                    }
                    return self.reset(session).await;
                }
                self.perhaps_hang_up(Point::Middle)?;
            }
        }
        self.perhaps_hang_up(Point::AfterEnd)?;
        self.answers(session).await
    }

    /// The answer to the end of the message, over LMTP one for each accepted recipient (RFC 2033 §4.2).
    async fn answers(&mut self, session: &mut Session) -> Result<(), Gone> {
        if self.errand.step.port == Port::Lmtp && !self.accepted.is_empty() {
            for to in self.accepted.clone() {
                let reply = session.reply(self.errand).await?;
                self.end_answered(&[to], &reply);
            }
        } else {
            let reply = session.reply(self.errand).await?;
            self.end_answered(&self.accepted.clone(), &reply);
        }
        self.perhaps_hang_up(Point::Answered)
    }

    fn end_answered(&mut self, to: &[To], reply: &Reply) {
        let fate = match (reply.class(), reply.last_word().parse()) {
            (2, Ok(id)) => Fate::Taken(id),
            (2, Err(_)) => {
                self.errand.ledger.wrong("I7", format!("no name in {:?}", reply.text()));
                Fate::Unanswered
            }
            (4, _) => Fate::Deferred,
            _ => Fate::Not,
        };
        let locked = self.is_locked();
        if fate == Fate::Not && !to.is_empty() && !locked {
            self.blame("the message", reply);
        }
        for to in to {
            self.settle(to, fate);
            if matches!(fate, Fate::Taken(_)) || fate == Fate::Not && !locked {
                self.left.retain(|other| other != to);
            }
        }
        self.errand.ledger.saw(match fate {
            Fate::Taken(_) => "submitter.taken",
            Fate::Deferred => "submitter.deferred",
            _ => "submitter.refused",
        });
    }

    /// From here on the message may exist, whatever is heard of it.
    fn begin(&mut self, to: &[To]) {
        let step = self.errand.step;
        let rcpt = |to: &To| Rcpt {
            address: to.address.clone(),
            accepted: self.accepted.contains(to),
            notify_failure: to.wants_failure(),
            fate: Fate::Unanswered,
        };
        self.number = Some(self.errand.ledger.begin(Try {
            at: 0,
            settled: u64::MAX,
            token: step.token,
            office: self.errand.plan.office.name.clone(),
            from: step.from.clone(),
            asked: step.port == Port::Mx,
            to: to.iter().map(rcpt).collect(),
            kept: Arc::new(self.letter.kept.clone()),
        }));
    }

    fn settle(&self, to: &To, fate: Fate) {
        if let Some(number) = self.number {
            self.errand.ledger.settle(number, &to.address, fate);
        }
    }

    fn forget_accepted(&mut self) {
        let accepted = std::mem::take(&mut self.accepted);
        self.left.retain(|to| !accepted.contains(to));
    }

    /// Whether an operator may have locked the sender out: it tries again until it is let in.
    fn is_locked(&self) -> bool {
        self.errand.step.port == Port::Submission && self.errand.ledger.was_locked(&self.errand.step.from)
    }

    /// P5, I7: nothing that is right is refused for good.
    fn blame(&self, stage: &str, reply: &Reply) {
        let what = format!("t{}: {stage} was refused for good: {}", self.token(), reply.text());
        self.errand.ledger.wrong("I7", what);
    }

    fn token(&self) -> u64 {
        self.errand.step.token
    }

    fn perhaps_hang_up(&self, here: Point) -> Result<(), Gone> {
        if self.mishap != Some(here) {
            return Ok(());
        }
        self.errand.ledger.saw("submitter.hangs-up");
        Err(Gone::Closed)
    }
}

fn rcpt(to: &To, session: &Session) -> String {
    let mut line = format!("RCPT TO:<{}>", to.address);
    if session.offers.dsn {
        if let Some(notify) = &to.notify {
            write!(line, " NOTIFY={notify}").expect(TAKES_ALL);
        }
        if to.orcpt {
            let original = to.address.replace('+', "+2B");
            write!(line, " ORCPT=rfc822;{original}").expect(TAKES_ALL);
        }
    }
    line
}
