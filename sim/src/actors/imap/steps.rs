//! What a program does, step by step.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use world::Rng;

use super::arrivals::Manner;
use super::commands::How;
use super::guests::Visit;
use super::session::{Command, Session};
use super::{MAILBOXES, Shared};
use crate::actors::lines::Gone;
use crate::oracle::reading::{DELETED, MARKS, Marks, SEEN};

/// Messages by place: so many from there on, round and round.
type Some_ = (u16, u8);

/// One step of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which program.
    pub session: u8,
    /// Milliseconds to wait before.
    pub pause: u32,
    /// What it does.
    pub what: What,
}

/// What a program does. Messages are given by place and count, mailboxes by their place in [`MAILBOXES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the commands' arguments")]
pub enum What {
    /// SELECT or EXAMINE.
    Select { mailbox: u8, read_only: bool },
    /// FETCH of all bytes.
    Read { some: Some_, uid: bool, peek: bool },
    /// STORE.
    Store { some: Some_, uid: bool, how: How, marks: Marks, silent: bool },
    /// Two STOREs and a FETCH sent at once.
    Pipeline { some: Some_, uid: bool, how: How, marks: Marks, other: Marks },
    /// EXPUNGE.
    Expunge,
    /// UID EXPUNGE.
    UidExpunge { some: Some_ },
    /// COPY.
    Copy { some: Some_, uid: bool, to: u8 },
    /// MOVE.
    Move { some: Some_, uid: bool, to: u8 },
    /// APPEND, with or without waiting for the continuation.
    Append { to: u8, marks: Marks, size: u16, ask: bool },
    /// IDLE, in milliseconds.
    Idle { millis: u32 },
    /// NOOP.
    Noop,
    /// STATUS.
    Status { mailbox: u8 },
    /// CREATE.
    Create { mailbox: u8 },
    /// DELETE.
    Delete { mailbox: u8 },
    /// RENAME of Work to Lists, or back.
    Rename { back: bool },
    /// SEARCH by a flag.
    Search { uid: bool, mark: u8, has: bool },
    /// CLOSE.
    Close,
    /// UNSELECT.
    Unselect,
    /// Breaks the connection off.
    Drop,
    /// Compares with a fresh look.
    Check,
    /// Comes back to a mailbox and asks for what changed since the last time.
    Return { mailbox: u8 },
    /// APPEND of several messages at once, or of one in parts.
    AppendSome { to: u8, count: u8, marks: Marks, manner: Manner },
    /// Watches all mailboxes (NOTIFY) while a message comes into one.
    Watch { to: u8, marks: Marks, manner: Manner },
    /// Lets a guest into a mailbox (SETACL, DELETEACL).
    Share { mailbox: u8, visit: Visit },
    /// Brings and copies messages where there is no room, or room for `one`.
    Squeeze { to: u8, some: Some_, one: bool, manner: Manner },
    /// REPLACE of the message at a place.
    Replace { place: u16, uid: bool, to: u8, marks: Marks, manner: Manner },
}

impl Step {
    /// Any step of one of so many programs, which pause for about `pace` milliseconds now and then.
    pub(super) fn draw(rng: &dyn Rng, sessions: u8, pace: u64) -> Self {
        // Mostly at once, so that programs meet.
        let pause = if rng.below(3) == 0 { rng.below(2 * pace + 1) as u32 } else { 0 };
        Self { session: rng.below(u64::from(sessions)) as u8, pause, what: What::draw(rng) }
    }

    /// A step in which there is no room.
    pub(super) fn draw_squeeze(rng: &dyn Rng, sessions: u8) -> Self {
        let to = rng.below(2) as u8;
        let manner = Manner { size: draw_size(rng), ask: rng.below(3) == 0, parts: rng.below(4) == 0 };
        let what = What::Squeeze { to, some: (rng.below(16) as u16, 2), one: rng.below(2) == 0, manner };
        Self { session: rng.below(u64::from(sessions)) as u8, pause: 0, what }
    }

    /// A step with a command of those that not every program knows.
    pub(super) fn draw_rare(rng: &dyn Rng, sessions: u8) -> Self {
        Self { session: rng.below(u64::from(sessions)) as u8, pause: 0, what: What::draw_rare(rng) }
    }
}

impl What {
    fn draw(rng: &dyn Rng) -> Self {
        let some = (rng.below(16) as u16, 1 + rng.below(3) as u8);
        let (uid, silent) = (rng.below(2) == 0, rng.below(2) == 0);
        let marks = draw_marks(rng);
        // Mostly INBOX, where mail comes in.
        let to = rng.below(2 * MAILBOXES.len() as u64).saturating_sub(MAILBOXES.len() as u64) as u8;
        let elsewhere = 1 + rng.below(MAILBOXES.len() as u64 - 1) as u8;
        match rng.below(100) {
            0..10 => Self::Select { mailbox: to, read_only: rng.below(5) == 0 },
            10..18 => Self::Read { some, uid, peek: rng.below(3) > 0 },
            18..34 => Self::Store { some, uid, how: draw_how(rng), marks, silent },
            34..40 => Self::Pipeline { some, uid, how: draw_how(rng), marks, other: draw_marks(rng) },
            40..45 => Self::Expunge,
            45..48 => Self::UidExpunge { some },
            48..53 => Self::Copy { some, uid, to: rng.below(MAILBOXES.len() as u64) as u8 },
            53..58 => Self::Move { some, uid, to: rng.below(MAILBOXES.len() as u64) as u8 },
            58..66 => Self::Append { to, marks, size: draw_size(rng), ask: silent },
            66..71 => Self::Idle { millis: rng.below(60_000) as u32 },
            71..74 => Self::Noop,
            74..76 => Self::Status { mailbox: to },
            76..80 => Self::Create { mailbox: elsewhere },
            80..81 => Self::Delete { mailbox: elsewhere.max(2) },
            81..82 => Self::Rename { back: uid },
            82..86 => Self::Search { uid, mark: rng.below(3) as u8, has: silent },
            86..88 => Self::Close,
            88..89 => Self::Unselect,
            89..91 => Self::Drop,
            91..95 => Self::Return { mailbox: to },
            _ => Self::Check,
        }
    }

    fn draw_rare(rng: &dyn Rng) -> Self {
        let to = rng.below(2 * MAILBOXES.len() as u64).saturating_sub(MAILBOXES.len() as u64) as u8;
        let manner = Manner { size: draw_size(rng), ask: rng.below(3) == 0, parts: rng.below(4) == 0 };
        let (marks, count) = (draw_marks(rng), 1 + rng.below(4) as u8);
        let some = (rng.below(16) as u16, 1 + rng.below(3) as u8);
        match rng.below(10) {
            0..3 => Self::AppendSome { to, count, marks: marks & !DELETED, manner },
            3..5 => Self::Watch { to, marks, manner },
            5..7 => {
                // Of names that are never given away it is known what has no rights any more.
                let (mailbox, revoked) = (rng.below(3) as u8, rng.below(2) == 0);
                let visit = Visit { some, how: draw_how(rng), marks, revoked: revoked && mailbox < 2 };
                Self::Share { mailbox, visit }
            }
            _ => {
                // Mostly a mailbox that is there.
                let (place, uid, to) = (rng.below(16) as u16, rng.below(2) == 0, rng.below(3) as u8);
                Self::Replace { place, uid, to, marks, manner }
            }
        }
    }
}

fn draw_how(rng: &dyn Rng) -> How {
    match rng.below(5) {
        0 => How::Replace,
        1 => How::Remove,
        _ => How::Add,
    }
}

fn draw_marks(rng: &dyn Rng) -> Marks {
    let one = || MARKS[rng.below(MARKS.len() as u64) as usize].1;
    if rng.below(3) == 0 { DELETED | one() } else { one() | one() }
}

fn draw_size(rng: &dyn Rng) -> u16 {
    if rng.below(6) == 0 { 4000 + rng.below(20_000) as u16 } else { rng.below(500) as u16 }
}

/// Does all steps of one program, each on a connection that is made again when it broke.
pub(super) async fn perform(shared: Arc<Shared>, number: u8) {
    let own = shared.plan.steps.iter().filter(|step| step.session == number);
    let steps: Vec<(u32, What)> = own.map(|step| (step.pause, step.what)).collect();
    let mut session = Session::new(Arc::clone(&shared), char::from(b'a' + number).into());
    let mut mailbox = 0;
    let clock = shared.world.clock.clone();
    let end = clock.mono() + shared.plan.span;
    // The first visit and the last have everything between them that happens to an office.
    let visit = (0, What::Return { mailbox: 0 });
    for (pause, what) in [visit].into_iter().chain(steps).chain([(0, What::Check), visit]) {
        clock.sleep_until(end.min(clock.mono() + Duration::from_millis(pause.into()))).await;
        if let What::Select { mailbox: chosen, .. } = what {
            mailbox = chosen;
        }
        if session.connect().await.is_err() {
            return;
        }
        let outcome = match session.open(what, mailbox).await {
            Ok(true) => session.step(what).await,
            other => other.map(drop),
        };
        if outcome.is_err() {
            shared.ledger.saw("imap.lost");
        }
    }
    if let Some(talk) = session.talk.take() {
        talk.close().await;
    }
}

impl Session {
    /// Selects the mailbox again that the program had open, if the step needs one. Whether it can be done.
    async fn open(&mut self, what: What, mailbox: u8) -> Result<bool, Gone> {
        let without = matches!(
            what,
            What::Select { .. }
                | What::Append { .. }
                | What::AppendSome { .. }
                | What::Watch { .. }
                | What::Squeeze { .. }
                | What::Share { .. }
                | What::Idle { .. }
                | What::Noop
                | What::Status { .. }
                | What::Create { .. }
                | What::Delete { .. }
                | What::Rename { .. }
                | What::Drop
                | What::Return { .. }
        );
        if without || self.selected.is_some() {
            return Ok(true);
        }
        self.select(MAILBOXES[usize::from(mailbox)], false).await
    }

    async fn step(&mut self, what: What) -> Result<(), Gone> {
        let name = |mailbox: u8| MAILBOXES[usize::from(mailbox) % MAILBOXES.len()];
        match what {
            What::Select { mailbox, read_only } => self.select(name(mailbox), read_only).await.map(drop),
            What::Read { some, uid, peek } => self.read(&self.places(some), uid, peek).await,
            What::Store { .. } | What::Pipeline { .. } => self.store(what).await,
            What::Expunge => self.purge("EXPUNGE", None).await,
            What::UidExpunge { some } => self.purge("", Some(&self.places(some))).await,
            What::Copy { some, uid, to } => {
                self.copy(&self.places(some), uid, name(to), false).await.map(drop)
            }
            What::Move { some, uid, to } => {
                self.copy(&self.places(some), uid, name(to), true).await.map(drop)
            }
            What::Append { to, marks, size, ask } => {
                let manner = Manner { size, ask, parts: false };
                self.append(name(to), &[marks], manner).await.map(drop)
            }
            What::AppendSome { to, count, marks, manner } => {
                self.append(name(to), &vec![marks; count.into()], manner).await.map(drop)
            }
            What::Watch { to, marks, manner } => self.watch(name(to), marks, manner).await,
            What::Share { mailbox, visit } => self.share(name(mailbox), visit).await,
            What::Squeeze { to, some, one, manner } => self.squeeze(name(to), some, (one, manner)).await,
            What::Replace { place, uid, to, marks, manner } => {
                self.replace((place, uid), name(to), marks, manner).await
            }
            What::Idle { millis } => self.idle(millis.into()).await,
            What::Noop => self.run(Command::new("NOOP")).await.map(drop),
            What::Status { mailbox } => self.status(name(mailbox)).await.map(drop),
            What::Create { mailbox } => self.create(name(mailbox)).await,
            What::Delete { mailbox } => self.delete(name(mailbox)).await,
            What::Rename { back } => {
                let (from, to) = if back { ("Lists", "Work") } else { ("Work", "Lists") };
                self.rename(from, to).await
            }
            What::Search { uid, mark, has } => {
                self.search(uid, [SEEN, DELETED, 64][usize::from(mark % 3)], has).await
            }
            What::Close => self.purge("CLOSE", None).await,
            What::Unselect => {
                self.selected = None;
                self.run(Command::new("UNSELECT")).await.map(drop)
            }
            What::Drop => {
                self.drop_connection();
                Ok(())
            }
            What::Check => self.check().await,
            What::Return { mailbox } => self.come_back(name(mailbox)).await,
        }
    }

    /// Places of messages in the picture.
    pub(super) fn places(&self, (first, count): Some_) -> Vec<usize> {
        let length = self.selected.as_ref().map_or(0, |picture| picture.messages.len());
        let count = usize::from(count).min(length);
        let mut places: Vec<usize> = (0..count).map(|n| (usize::from(first) + n) % length).collect();
        places.sort_unstable();
        places
    }

    /// STORE alone, or with another and a FETCH behind it in one write.
    async fn store(&mut self, what: What) -> Result<(), Gone> {
        let (some, uid, stores) = match what {
            What::Store { some, uid, how, marks, silent } => (some, uid, vec![(how, marks, silent)]),
            What::Pipeline { some, uid, how, marks, other } => {
                (some, uid, vec![(how, marks, true), (How::Add, other, false)])
            }
            _ => return Ok(()),
        };
        let places = self.places(some);
        let mut commands = Vec::new();
        for store in &stores {
            let Some((command, uids)) = self.storing(&places, uid, *store)? else { return Ok(()) };
            commands.push((command, uids));
        }
        let (commands, uids): (Vec<Command>, Vec<Vec<u32>>) = commands.into_iter().unzip();
        let done = self.run_all(commands).await?;
        let all_told = done.iter().flat_map(|done| done.told.clone()).collect::<Vec<_>>();
        for ((mut done, uids), store) in done.into_iter().zip(uids).zip(stores) {
            done.told.clone_from(&all_told);
            self.stored(&uids, store, &done);
        }
        self.learn().await
    }
}
