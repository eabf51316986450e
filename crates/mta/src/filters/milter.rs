//! One milter of one SMTP connection. It is connected to at the first MAIL, so a client that never sends mail costs it
//! nothing, and kept until the client goes.

use std::time::Duration;

use filter::milter::{self, Answer, Change, Changes, Macros, Session, Step, Verdict};
use mail::{Mono, Reply};
use world::Stream;

use super::endpoint;
use super::letter::{Letter, NewBody};
use super::rules::Socket;
use super::told::Told;
use crate::Mta;

/// Bytes read at once.
const READ: usize = 8 * 1024;

/// Why there is no verdict.
#[derive(Debug)]
pub(super) enum Failure {
    /// The filter did not do its part.
    Filter(String),
    /// We did not do ours.
    Ours(Reply),
}

impl From<milter::Error> for Failure {
    fn from(error: milter::Error) -> Self {
        Self::Filter(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Filter(why)
    }
}

impl From<Reply> for Failure {
    fn from(reply: Reply) -> Self {
        Self::Ours(reply)
    }
}

/// A milter's part of a connection.
#[derive(Default)]
pub(super) struct Milter {
    link: Option<Link>,
    /// What it said to connect or helo and holds for all mail of the connection.
    standing: Option<Verdict>,
    /// MAIL was told, and the message is not over.
    in_message: bool,
    /// It has seen enough of this message.
    done: bool,
}

struct Link {
    stream: Stream,
    session: Session,
    buffer: Box<[u8]>,
}

/// How to reach it, and for how long to wait.
pub(super) struct Reach<'a> {
    pub(super) mta: &'a Mta,
    pub(super) socket: &'a Socket,
    pub(super) timeout: Duration,
}

impl Milter {
    /// A sender. Connects first if need be, and once more if the filter was started anew meanwhile.
    pub(super) async fn mail(&mut self, reach: &Reach<'_>, told: &Told) -> Result<Verdict, Failure> {
        let old = self.link.is_some();
        match self.try_mail(reach, told).await {
            Err(Failure::Filter(_)) if old => {
                self.restart();
                self.try_mail(reach, told).await
            }
            outcome => outcome,
        }
    }

    async fn try_mail(&mut self, reach: &Reach<'_>, told: &Told) -> Result<Verdict, Failure> {
        let macros = told.macros();
        if self.link.is_none() {
            self.link = Some(Link::open(reach).await?);
            for step in [Step::Connect(&told.client), Step::Helo(&told.helo)] {
                let verdict = self.step(reach, step, &macros).await?;
                if !matches!(verdict, Verdict::Continue | Verdict::Skip) {
                    self.standing = Some(verdict);
                    break;
                }
            }
        } else if self.in_message {
            self.link()?.send(reach, &Session::abort()).await?;
        }
        (self.in_message, self.done) = (false, self.standing.is_some());
        if let Some(verdict) = &self.standing {
            return Ok(verdict.clone());
        }
        self.in_message = true;
        self.step(reach, Step::Mail(&told.from, &told.parameters), &macros).await
    }

    /// A recipient.
    pub(super) async fn rcpt(
        &mut self,
        reach: &Reach<'_>,
        told: &Told,
        to: &str,
    ) -> Result<Verdict, Failure> {
        let macros = told.macros_of_recipient(to);
        self.step(reach, Step::Rcpt(to, &[]), &macros).await
    }

    /// The whole message, and what the filter changes in it. The letter is changed only when the filter has said its last
    /// word (F36).
    pub(super) async fn message(
        &mut self,
        reach: &Reach<'_>,
        told: &Told,
        letter: &mut Letter,
    ) -> Result<(Verdict, Changes), Failure> {
        let macros = told.macros();
        let verdict = self.tell_message(reach, &macros, letter).await?;
        if verdict != Verdict::Continue || self.done {
            self.in_message &= verdict == Verdict::Accept;
            return Ok((verdict, Changes::default()));
        }
        let deadline = reach.mta.world.clock.mono() + mail::limits::FILTERS_WAIT;
        let (verdict, mut changes, body) = self.end(reach, &macros, deadline).await?;
        self.in_message = false;
        if matches!(verdict, Verdict::Continue | Verdict::Accept) {
            if let Some(body) = body {
                letter.replace_body(body.finish().await?);
            }
            let session = &self.link()?.session;
            for change in std::mem::take(&mut changes.headers) {
                letter.change_header(change, |name, value| session.field(name, value));
            }
        }
        Ok((verdict, changes))
    }

    /// Everything but the end. A verdict other than Continue ends it.
    async fn tell_message(
        &mut self,
        reach: &Reach<'_>,
        macros: Macros<'_>,
        letter: &Letter,
    ) -> Result<Verdict, Failure> {
        let steps = std::iter::once(Step::Data);
        let steps = steps.chain(letter.fields().map(|(name, value)| Step::Header(name, value)));
        let mut skipped = false;
        for step in steps.chain([Step::EndOfHeaders]) {
            if skipped && matches!(step, Step::Header(..)) {
                continue;
            }
            match self.step(reach, step, macros).await? {
                Verdict::Continue => {}
                Verdict::Skip => skipped = true,
                verdict => return Ok(verdict),
            }
        }
        let mut offset = 0;
        loop {
            let piece = letter.body(offset).await?;
            if piece.is_empty() {
                return Ok(Verdict::Continue);
            }
            for step in Session::pieces(&piece) {
                match self.step(reach, step, macros).await? {
                    Verdict::Continue => {}
                    Verdict::Skip => return Ok(Verdict::Continue),
                    verdict => return Ok(verdict),
                }
            }
            offset += piece.len() as u64;
        }
    }

    async fn end(
        &mut self,
        reach: &Reach<'_>,
        macros: Macros<'_>,
        deadline: Mono,
    ) -> Result<(Verdict, Changes, Option<NewBody>), Failure> {
        let link = self.link()?;
        let Some(packets) = link.session.step(Step::EndOfMessage, macros) else {
            return Ok((Verdict::Continue, Changes::default(), None));
        };
        link.send(reach, &packets).await?;
        let (mut changes, mut body) = (Changes::default(), None);
        loop {
            if reach.mta.world.clock.mono() > deadline {
                return Err(Failure::Filter("it takes too long".into()));
            }
            match link.answer(reach, true).await? {
                Answer::Verdict(verdict) => return Ok((verdict, changes, body)),
                Answer::Progress => {}
                Answer::Change(change) => {
                    if let Some(bytes) = changes.add(change)? {
                        let body = body.get_or_insert_with(|| NewBody::new(reach.mta));
                        body.write(&bytes).await?;
                    }
                }
            }
        }
    }

    /// One step but the last; a verdict that ends the message is remembered.
    async fn step(
        &mut self,
        reach: &Reach<'_>,
        step: Step<'_>,
        macros: Macros<'_>,
    ) -> Result<Verdict, Failure> {
        if self.done {
            return Ok(Verdict::Continue);
        }
        let link = self.link()?;
        let Some(packets) = link.session.step(step, macros) else { return Ok(Verdict::Continue) };
        link.send(reach, &packets).await?;
        if !link.session.answers(step) {
            return Ok(Verdict::Continue);
        }
        loop {
            if let Answer::Verdict(verdict) = link.answer(reach, false).await? {
                // A refused recipient is only that.
                let only_this = matches!(step, Step::Rcpt(..)) && matches!(verdict, Verdict::Refuse(_));
                self.done |= !only_this && !matches!(verdict, Verdict::Continue | Verdict::Skip);
                return Ok(verdict);
            }
        }
    }

    /// What was told of the client holds no more.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// The client has gone.
    pub(super) async fn quit(&mut self, reach: &Reach<'_>) {
        if let Some(mut link) = self.link.take() {
            drop(link.send(reach, &Session::quit()).await);
        }
    }

    fn link(&mut self) -> Result<&mut Link, Failure> {
        self.link.as_mut().ok_or_else(|| Failure::Filter("there is no connection".into()))
    }
}

impl Link {
    async fn open(reach: &Reach<'_>) -> Result<Self, Failure> {
        let connecting = endpoint::connect(&reach.mta.world, reach.socket);
        let connected = reach.mta.world.clock.within(reach.timeout, connecting).await;
        let stream = connected.unwrap_or_else(|| Err("it does not answer".into()))?;
        let mut link = Self { stream, session: Session::default(), buffer: vec![0; READ].into() };
        link.send(reach, &Session::offer()).await?;
        while !link.session.negotiated()? {
            link.read(reach).await?;
        }
        Ok(link)
    }

    async fn send(&mut self, reach: &Reach<'_>, packets: &[u8]) -> Result<(), Failure> {
        match reach.mta.world.clock.within(reach.timeout, self.stream.write_all(packets)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failure::Filter(error.to_string())),
            None => Err(Failure::Filter("it takes nothing".into())),
        }
    }

    async fn answer(&mut self, reach: &Reach<'_>, at_end: bool) -> Result<Answer, Failure> {
        loop {
            if let Some(answer) = self.session.answer(at_end)? {
                return Ok(answer);
            }
            self.read(reach).await?;
        }
    }

    async fn read(&mut self, reach: &Reach<'_>) -> Result<(), Failure> {
        match reach.mta.world.clock.within(reach.timeout, self.stream.read(&mut self.buffer)).await {
            Some(Ok(n @ 1..)) => {
                self.session.push(self.buffer.get(..n).unwrap_or_default());
                Ok(())
            }
            Some(Ok(_)) => Err(Failure::Filter("it closed the connection".into())),
            Some(Err(error)) => Err(Failure::Filter(error.to_string())),
            None => Err(Failure::Filter("it does not answer".into())),
        }
    }
}

/// What a filter that puts fields in front of a message does.
pub(super) fn in_front(name: &str, value: &str) -> Change {
    Change::InsertHeader { index: 0, name: name.as_bytes().to_vec(), value: value.as_bytes().to_vec() }
}
