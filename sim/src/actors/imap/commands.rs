//! The commands that clients give, each with what it would change and what its answer means.

use std::time::Duration;

use super::MAILBOXES;
use super::session::{Command, Done, Known, Numbers, Picture, Session};
use super::talk::{Heard, Verdict, numbers};
use crate::actors::lines::Gone;
use crate::oracle::reading::{BoxId, DELETED, Deed, Effect, Marks, SEEN, mark_names};

/// What a client wants to know of every message.
const ALL_BUT_BODY: &str = "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-Token)])";

/// What STORE does with flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum How {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// Numbers of messages as a set, in places or UIDs.
fn set(of: impl Iterator<Item = u32>) -> String {
    of.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
}

impl Session {
    /// SELECT or EXAMINE, and a full look at what is there.
    pub(super) async fn select(&mut self, name: &str, read_only: bool) -> Result<bool, Gone> {
        self.selected = None;
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        let done = self.run(Command::new(format!("{verb} \"{}\"", self.wire_name(name)))).await?;
        if !done.ok() {
            // To a guest, what may not be seen is not there (RFC 4314 §6).
            if done.code == "NONEXISTENT" && self.guest.is_none() {
                self.reading().no_mailbox(&self.plan().account, name, done.began);
            }
            return Ok(false);
        }
        let (Some(validity), Some(uid_next)) = (done.said("UIDVALIDITY"), done.said("UIDNEXT")) else {
            self.complain("I9", &format!("{verb} {name} told neither UIDVALIDITY nor UIDNEXT"));
            return Ok(false);
        };
        // What comes or goes while SELECT is at work may be told before its end (seeds 1000385 and 1006121).
        let count = done.heard.iter().fold(0, |count, heard| match heard {
            Heard::Exists(now) => *now as usize,
            Heard::Expunge(_) => count.saturating_sub(1),
            _ => count,
        });
        let id = self.reading().opened(&self.plan().account, name, validity, Some(uid_next), done.began);
        let messages = vec![Known::default(); count];
        let name = name.to_owned();
        self.selected = Some(Picture { id, name, validity, read_only, messages, as_of: done.began });
        self.learn().await?;
        let picture = self.picture()?;
        if let Some(uids) = all_uids(picture) {
            self.reading().listed(picture.id, &uids, uid_next, done.began);
        }
        Ok(true)
    }

    pub(super) fn picture(&self) -> Result<&Picture, Gone> {
        self.selected.as_ref().ok_or(Gone::Closed)
    }

    /// Asks about every message of which something is not known yet.
    pub(super) async fn learn(&mut self) -> Result<(), Gone> {
        for _ in 0..4 {
            let known = |m: &Known| m.uid.is_some() && m.marks.is_some() && m.token.is_some();
            let messages = self.picture()?.messages.iter().zip(1..);
            let unknown: Vec<u32> = messages.filter(|(m, _)| !known(m)).map(|(_, number)| number).collect();
            if unknown.is_empty() {
                return Ok(());
            }
            let fetch = format!("FETCH {} {ALL_BUT_BODY}", set(unknown.into_iter()));
            let done = self.run(Command::new(fetch).numbers(Numbers::Stay)).await?;
            if !done.ok() {
                // Some are gone; now that may be told.
                self.run(Command::new("NOOP")).await?;
            }
        }
        Ok(())
    }

    /// FETCH with the whole bytes, with or without \Seen being set.
    pub(super) async fn read(&mut self, some: &[usize], uid: bool, peek: bool) -> Result<(), Gone> {
        let (numbers, set, uids) = self.chosen(some, uid)?;
        if uids.is_empty() {
            return Ok(());
        }
        let (item, read_only) = (if peek { "BODY.PEEK[]" } else { "BODY[]" }, self.picture()?.read_only);
        let command = Command::new(format!("{}FETCH {set} (UID RFC822.SIZE {item})", prefix(uid)));
        let command = if peek || read_only {
            command
        } else {
            // Reading goes on where \Seen cannot be kept (P5); that it was is told with the bytes, or not at all (seeds 1125308
            // and 1230872).
            let effects = self.marking(&uids, SEEN, 0)?;
            command.changing_aside(self.reading().begin(effects))
        };
        self.run(command.numbers(numbers)).await?;
        self.learn().await
    }

    /// A set of some messages, by number or UID, with the UIDs of those in it.
    pub(super) fn chosen(&self, some: &[usize], uid: bool) -> Result<(Numbers, String, Vec<u32>), Gone> {
        let messages = &self.picture()?.messages;
        let uids: Vec<(u32, u32)> =
            some.iter().filter_map(|&at| Some((at as u32 + 1, messages.get(at)?.uid?))).collect();
        let numbers = if uid { Numbers::May } else { Numbers::Stay };
        let set = set(uids.iter().map(|(number, found)| if uid { *found } else { *number }));
        Ok((numbers, set, uids.into_iter().map(|(_, found)| found).collect()))
    }

    fn marking(&self, uids: &[u32], set: Marks, clear: Marks) -> Result<Vec<Effect>, Gone> {
        let mailbox = self.picture()?.id;
        Ok(uids.iter().map(|&uid| Effect::Marks { mailbox, uid, set, clear }).collect())
    }

    /// STORE, ready to be sent, with what it does to flags.
    pub(super) fn storing(
        &self,
        some: &[usize],
        uid: bool,
        (how, marks, silent): (How, Marks, bool),
    ) -> Result<Option<(Command, Vec<u32>)>, Gone> {
        let (numbers, set, uids) = self.chosen(some, uid)?;
        if uids.is_empty() || self.picture()?.read_only {
            return Ok(None);
        }
        let (sign, on, off) = match how {
            How::Replace => ("", marks, !marks),
            How::Add => ("+", marks, 0),
            How::Remove => ("-", 0, marks),
        };
        if on & DELETED != 0 {
            self.note(&uids, Deed::Removed)?;
        }
        let effects = self.marking(&uids, on, off)?;
        let silence = if silent { ".SILENT" } else { "" };
        let line = format!("{}STORE {set} {sign}FLAGS{silence} ({})", prefix(uid), mark_names(marks));
        Ok(Some((Command::new(line).numbers(numbers).changing(self.reading().begin(effects)), uids)))
    }

    /// What a STORE.SILENT that was carried out means for the picture.
    pub(super) fn stored(&mut self, uids: &[u32], (how, marks, silent): (How, Marks, bool), done: &Done) {
        let Some(picture) = self.selected.as_mut().filter(|_| silent) else { return };
        for (at, known) in picture.messages.iter_mut().enumerate() {
            if !known.uid.is_some_and(|uid| uids.contains(&uid)) {
                continue;
            }
            // A FETCH on the way may tell of the time before or after the change.
            let clear = done.ok() && !done.told.contains(&at);
            known.marks = known.marks.filter(|_| clear).map(|before| match how {
                How::Replace => marks,
                How::Add => before | marks,
                How::Remove => before & !marks,
            });
        }
    }

    /// Says what is about to be done to messages, of which this client need not know more than the UIDs.
    pub(super) fn note(&self, uids: &[u32], deed: Deed) -> Result<(), Gone> {
        let mailbox = self.picture()?.id;
        for &uid in uids {
            self.reading().doing(&self.shared.ledger, &self.plan().account, (mailbox, uid), deed);
        }
        Ok(())
    }

    /// EXPUNGE, UID EXPUNGE of some, or CLOSE.
    pub(super) async fn purge(&mut self, verb: &str, only: Option<&[usize]>) -> Result<(), Gone> {
        let (mailbox, read_only) = (self.picture()?.id, self.picture()?.read_only);
        let (line, only) = match only {
            Some(some) => {
                let (_, set, uids) = self.chosen(some, true)?;
                if uids.is_empty() {
                    return Ok(());
                }
                (format!("UID EXPUNGE {set}"), Some(uids))
            }
            None => (verb.to_owned(), None),
        };
        let command = Command::new(line);
        if read_only {
            let done = self.run(command).await?;
            if verb == "CLOSE" && done.ok() {
                self.selected = None;
            }
            return Ok(());
        }
        let op = self.reading().begin(vec![Effect::Purge { mailbox, only }]);
        let done = self.run(command.changing(op)).await?;
        if verb == "CLOSE" && done.ok() {
            self.selected = None;
        }
        Ok(())
    }

    /// COPY or MOVE. Whether it was done.
    pub(super) async fn copy(
        &mut self,
        some: &[usize],
        uid: bool,
        to: &str,
        moving: bool,
    ) -> Result<bool, Gone> {
        let (_, set, uids) = self.chosen(some, uid)?;
        let (id, read_only) = (self.picture()?.id, self.picture()?.read_only);
        if uids.is_empty() || (moving && read_only) {
            return Ok(false);
        }
        self.note(&uids, Deed::Copied)?;
        if moving {
            self.note(&uids, Deed::Removed)?;
        }
        let verb = if moving { "MOVE" } else { "COPY" };
        let mut command = Command::new(format!("{}{verb} {set} \"{to}\"", prefix(uid)));
        if moving {
            let gone = uids.iter().map(|&uid| Effect::Gone { mailbox: id, uid });
            command = command.changing(self.reading().begin(gone.collect()));
        }
        let done = self.run(command).await?;
        if done.ok() {
            self.copied(id, &uids, to, &done);
        } else if done.code == "OVERQUOTA" {
            self.reading().copied_nothing(id, &uids);
        }
        // Of messages that are gone nothing is copied, and that is no error (RFC 3501 §6.4.8).
        Ok(done.ok() && done.code.starts_with("COPYUID"))
    }

    /// COPYUID (RFC 4315 §3): which message became which.
    fn copied(&self, from: BoxId, asked: &[u32], to: &str, done: &Done) {
        let mut codes = done.said.iter().chain([&done.code]);
        let Some(code) = codes.find_map(|code| code.strip_prefix("COPYUID ")) else { return };
        let mut words = code.split(' ');
        let mut next = || words.next().unwrap_or_default();
        let (validity, old, new) = (next().parse().unwrap_or(0), numbers(next()), numbers(next()));
        if old.len() != new.len() || !old.iter().all(|uid| asked.contains(uid)) {
            return self.complain("I9", &format!("COPYUID {code} for {asked:?}"));
        }
        let Some(last) = new.iter().max() else { return };
        let target = self.reading().opened(&self.plan().account, to, validity, Some(last + 1), done.began);
        for (old, new) in old.into_iter().zip(new) {
            self.reading().copied((from, old), (target, new), done.began);
        }
    }

    pub(super) fn lose<T>(&mut self, gone: Gone) -> Result<T, Gone> {
        self.drop_connection();
        Err(gone)
    }

    /// IDLE for a while (RFC 2177).
    pub(super) async fn idle(&mut self, millis: u64) -> Result<(), Gone> {
        self.idle_for(millis).await?;
        if self.selected.is_some() { self.learn().await } else { Ok(()) }
    }

    /// The same; what was told.
    pub(super) async fn idle_for(&mut self, millis: u64) -> Result<Done, Gone> {
        let (tag, command, began) = self.begin("IDLE").await?;
        match self.idle_until(&tag, &command, (began, millis)).await {
            Ok(done) => Ok(done),
            Err(gone) => self.lose(gone),
        }
    }

    async fn idle_until(
        &mut self,
        tag: &str,
        command: &Command,
        (began, millis): (u64, u64),
    ) -> Result<Done, Gone> {
        let mut told = Done::new(began);
        if !self.until_continue(tag, command, &mut told).await? {
            return Ok(told);
        }
        let clock = self.world().clock.clone();
        let end = clock.mono() + Duration::from_millis(millis);
        while let Some(heard) = clock.before(end, self.talk.as_mut().ok_or(Gone::Closed)?.hear()).await {
            match heard? {
                Heard::Bye => return Err(Gone::Closed),
                heard => self.take(heard, command, &mut told),
            }
        }
        self.say(b"DONE\r\n").await?;
        let done = self.hear_out(tag, command, began).await?;
        if done.verdict != Verdict::Ok {
            self.complain("I9", "IDLE did not end well");
        }
        told.heard.extend(done.heard);
        Ok(told)
    }

    /// Hears until `+`, with what is told on the way. False if the command ended without one: then that is how.
    pub(super) async fn until_continue(
        &mut self,
        tag: &str,
        command: &Command,
        done: &mut Done,
    ) -> Result<bool, Gone> {
        loop {
            match self.talk.as_mut().ok_or(Gone::Closed)?.hear().await? {
                Heard::Continue => return Ok(true),
                Heard::Tagged { tag: theirs, verdict, code } if theirs == tag => {
                    (done.verdict, done.code) = (verdict, code);
                    return Ok(false);
                }
                Heard::Bye => return Err(Gone::Closed),
                heard => self.take(heard, command, done),
            }
        }
    }

    /// CREATE, DELETE and RENAME.
    pub(super) async fn create(&mut self, name: &str) -> Result<(), Gone> {
        let account = self.plan().account.clone();
        let above = MAILBOXES.iter().filter(|above| is_below(name, above));
        let names = above
            .chain([&name])
            .map(|name| Effect::Create { account: account.clone(), name: (*name).into() });
        let op = self.reading().begin(names.collect());
        self.run(Command::new(format!("CREATE \"{name}\"")).changing(op)).await.map(drop)
    }

    pub(super) async fn delete(&mut self, name: &str) -> Result<(), Gone> {
        let account = self.plan().account.clone();
        for token in self.reading().tokens(&account, name) {
            self.shared.ledger.removed(&account, token);
        }
        let op = self.reading().begin(vec![Effect::Delete { account, name: name.into() }]);
        let done = self.run(Command::new(format!("DELETE \"{name}\"")).changing(op)).await?;
        if done.ok() && self.selected.as_ref().is_some_and(|picture| picture.name == name) {
            self.selected = None;
        }
        Ok(())
    }

    pub(super) async fn rename(&mut self, from: &str, to: &str) -> Result<(), Gone> {
        if from == to || from == "INBOX" || is_below(to, from) {
            return Ok(());
        }
        let account = self.plan().account.clone();
        let moved = MAILBOXES.iter().copied().filter(|name| *name == from || is_below(name, from));
        let mut effects: Vec<Effect> = MAILBOXES
            .iter()
            .filter(|above| is_below(to, above))
            .map(|above| Effect::Create { account: account.clone(), name: (*above).into() })
            .collect();
        effects.extend(moved.map(|name| Effect::Rename {
            account: account.clone(),
            from: (*name).into(),
            to: format!("{to}{}", &name[from.len()..]),
            sure: name == from,
        }));
        let op = self.reading().begin(effects);
        let done = self.run(Command::new(format!("RENAME \"{from}\" \"{to}\"")).changing(op)).await?;
        if done.ok() && self.selected.as_ref().is_some_and(|picture| picture.name == from) {
            // Its name and UIDVALIDITY are no longer what SELECT told.
            self.selected = None;
        }
        Ok(())
    }

    /// SEARCH by one flag: what is found must be what the picture has.
    pub(super) async fn search(&mut self, uid: bool, mark: Marks, has: bool) -> Result<(), Gone> {
        let word = match (mark, has) {
            (DELETED, true) => "DELETED",
            (DELETED, false) => "UNDELETED",
            (SEEN, true) => "SEEN",
            (SEEN, false) => "UNSEEN",
            (_, true) => "KEYWORD work",
            (_, false) => "UNKEYWORD work",
        };
        let mark = if matches!(mark, SEEN | DELETED) { mark } else { 64 };
        let numbers = if uid { Numbers::May } else { Numbers::Stay };
        let done = self.run(Command::new(format!("{}SEARCH {word}", prefix(uid))).numbers(numbers)).await?;
        let Some(found) = done.found.as_ref().filter(|_| done.ok()) else { return Ok(()) };
        // What was told before the answer and what after it cannot be told apart.
        let messages = self.picture()?.messages.iter().zip(1u32..);
        let known: Option<Vec<(u32, Marks)>> =
            messages.map(|(m, number)| Some((if uid { m.uid? } else { number }, m.marks?))).collect();
        let Some(known) = known.filter(|_| !done.news) else { return self.learn().await };
        let expected: Vec<u32> =
            known.iter().filter(|(_, marks)| (marks & mark != 0) == has).map(|(number, _)| *number).collect();
        if *found != expected {
            self.complain("I9", &format!("SEARCH {word} found {found:?}, and told of {expected:?}"));
        }
        Ok(())
    }

    /// STATUS of a mailbox: messages, unseen ones, bytes.
    pub(super) async fn status(&mut self, name: &str) -> Result<Option<(u64, u64, u64)>, Gone> {
        let line = format!("STATUS \"{name}\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY SIZE)");
        let done = self.run(Command::new(line)).await?;
        if done.code == "NONEXISTENT" {
            self.reading().no_mailbox(&self.plan().account, name, done.began);
        }
        let Some(Heard::Status(_, items)) = done.heard.first().filter(|_| done.ok()) else { return Ok(None) };
        let item = |word: &str| items.get(word).copied().unwrap_or(u64::MAX);
        let (validity, uid_next) = (item("UIDVALIDITY") as u32, item("UIDNEXT") as u32);
        self.reading().opened(&self.plan().account, name, validity, Some(uid_next), done.began);
        Ok(Some((item("MESSAGES"), item("UNSEEN"), item("SIZE"))))
    }
}

pub(super) fn prefix(uid: bool) -> &'static str {
    if uid { "UID " } else { "" }
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// The UIDs of a picture, if all are known.
pub(super) fn all_uids(picture: &Picture) -> Option<Vec<u32>> {
    picture.messages.iter().map(|known| known.uid).collect()
}
