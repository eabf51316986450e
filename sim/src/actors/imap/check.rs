//! Comparing what a session was told with a fresh look (I9), and looking at everything once at the end.

use std::sync::Arc;

use world::World;

use super::session::{Command, Known, Numbers, OTHERS, Session};
use super::talk::Heard;
use super::{Plan, Shared};
use crate::actors::lines::Gone;
use crate::oracle::ledger::Ledger;
use crate::oracle::reading::{Marks, Reading, SEEN, mark_names};

/// How often the comparison is tried while others go on changing the mailbox.
const TRIES: usize = 6;

/// What a session knows of a mailbox: UIDs and flags, in order.
type Messages = Vec<(u32, Marks)>;

impl Session {
    /// A sync point: the picture after NOOP must be what a fresh session finds, if nothing changed meanwhile, which
    /// another NOOP tells.
    pub(super) async fn check(&mut self) -> Result<(), Gone> {
        let mut fresh = Session::new(Arc::clone(&self.shared), "z".into());
        let mut suspected = None;
        for _ in 0..TRIES {
            self.run(Command::new("NOOP")).await?;
            self.learn().await?;
            self.run(Command::new("NOOP")).await?;
            let Some(before) = known(&self.picture()?.messages) else { continue };
            self.tell_picture()?;
            fresh.connect().await?;
            let (name, validity) = (self.picture()?.name.clone(), self.picture()?.validity);
            let Ok(opened) = fresh.select(&name, true).await else { continue };
            let Ok(figures) = fresh.status(&name).await else { continue };
            let news = self.run(Command::new("NOOP")).await?.news;
            let (Some(theirs), false) = (&fresh.selected, news) else {
                if !opened {
                    return Ok(());
                }
                continue;
            };
            if theirs.validity != validity {
                // Deleted or renamed under us: nothing to compare with.
                return Ok(());
            }
            let Some(found) = known(&theirs.messages) else { continue };
            // A message that came and went between two NOOPs is never told of, but a fresh look in between finds it: what
            // is missing must be missing again (seeds 1056345 and 1157682).
            let pair = (before, found);
            if pair.0 != pair.1 && suspected.as_ref() != Some(&pair) {
                suspected = Some(pair);
                continue;
            }
            let (before, found) = pair;
            self.compare(&before, &found);
            if let Some((messages, unseen, _)) = figures {
                self.compare_figures(&found, (messages, unseen));
            }
            if let Some(talk) = fresh.talk.take() {
                talk.close().await;
            }
            return Ok(());
        }
        Ok(())
    }

    /// The whole picture is what was told: it must fit what everybody else was told.
    fn tell_picture(&self) -> Result<(), Gone> {
        let picture = self.picture()?;
        let Some(uids) = super::commands::all_uids(picture) else { return Ok(()) };
        let end = uids.last().map_or(1, |last| last + 1);
        self.reading().listed(picture.id, &uids, end, picture.as_of);
        Ok(())
    }

    fn compare(&self, ours: &Messages, fresh: &Messages) {
        if ours == fresh {
            self.shared.ledger.saw("imap.compared");
            return;
        }
        let show = |messages: &Messages| {
            let one = |(uid, marks): &(u32, Marks)| format!("{uid}({})", mark_names(*marks));
            messages.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        self.complain("I9", &format!("knows {}, but there is {}", show(ours), show(fresh)));
    }

    fn compare_figures(&self, found: &Messages, told: (u64, u64)) {
        let unseen = found.iter().filter(|(_, marks)| marks & SEEN == 0).count() as u64;
        let expected = (found.len() as u64, unseen);
        if told != expected {
            self.complain(
                "I12",
                &format!("STATUS tells {told:?} messages and unseen, there are {expected:?}"),
            );
        }
    }
}

fn known(messages: &[Known]) -> Option<Messages> {
    messages.iter().map(|m| Some((m.uid?, m.marks?))).collect()
}

/// Looks at every mailbox of an account and all bytes of every message. Whether it came to the end.
pub async fn survey(world: World, plan: Plan, ledger: Arc<Ledger>, reading: Arc<Reading>) -> bool {
    let shared = Arc::new(Shared::new(world, plan, ledger, reading));
    let mut session = Session::new(shared, "s".into());
    for _ in 0..TRIES {
        let looked = match session.connect().await {
            Ok(()) => session.look_at_all().await,
            Err(gone) => Err(gone),
        };
        if looked.is_ok() {
            if let Some(talk) = session.talk.take() {
                talk.close().await;
            }
            return true;
        }
        session.drop_connection();
    }
    false
}

impl Session {
    async fn look_at_all(&mut self) -> Result<(), Gone> {
        let done = self.run(Command::new("LIST \"\" *")).await?;
        let name = |heard: &Heard| match heard {
            // What others share is theirs.
            Heard::List(name) if !name.starts_with(OTHERS) => Some(name.clone()),
            _ => None,
        };
        let names: Vec<String> = done.heard.iter().filter_map(name).collect();
        for missing in super::MAILBOXES.iter().filter(|known| !names.iter().any(|name| name == *known)) {
            self.reading().no_mailbox(&self.plan().account, missing, done.began);
        }
        for name in names {
            let figures = self.status(&name).await?;
            if !self.select(&name, true).await? {
                continue;
            }
            if known(&self.picture()?.messages).is_none() {
                // Of what is damaged there is the UID, at least (seed 101).
                self.run(Command::new("FETCH 1:* (UID FLAGS)").numbers(Numbers::Stay)).await?;
            }
            if let (Some(found), Some((messages, unseen, _))) = (known(&self.picture()?.messages), figures) {
                self.compare_figures(&found, (messages, unseen));
            }
            let all: Vec<usize> = (0..self.picture()?.messages.len()).collect();
            self.read(&all, true, true).await?;
        }
        Ok(())
    }
}
