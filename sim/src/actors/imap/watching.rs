//! A program that asks for news of all mailboxes (NOTIFY, RFC 5465) while others work: what it was told last of each must be
//! how things stand (I9).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MAILBOXES;
use super::arrivals::Manner;
use super::session::{Command, Done, Session};
use super::talk::Heard;
use crate::actors::lines::Gone;
use crate::oracle::reading::Marks;

/// How often the comparison is tried while others go on changing mailboxes.
const TRIES: usize = 4;
/// News come by themselves, within this many milliseconds.
const PROMPT: u64 = 2000;

/// What was told.
#[derive(Default)]
struct News {
    /// The figures of each mailbox, as they were told last.
    figures: BTreeMap<String, BTreeMap<String, u64>>,
    /// That no more will be told (RFC 5465 §5.8).
    over: bool,
}

impl News {
    fn learn(&mut self, done: &Done) {
        for heard in &done.heard {
            match heard {
                Heard::Status(name, items) => {
                    self.figures.entry(name.clone()).or_default().extend(items.clone());
                }
                Heard::Said(code) if code == "NOTIFICATIONOVERFLOW" => self.over = true,
                _ => {}
            }
        }
    }

    /// What was told of a mailbox otherwise than it is, if it is the same one still.
    fn differs(&self, name: &str, now: &BTreeMap<String, u64>) -> Option<String> {
        let told = self.figures.get(name).filter(|_| !self.over)?;
        let same = told.get("UIDVALIDITY") == now.get("UIDVALIDITY");
        let mut wrong = told.iter().filter(|(item, value)| now.get(*item).is_some_and(|now| now != *value));
        wrong.next().filter(|_| same).map(|_| format!("was told of {name} {told:?}, and there is {now:?}"))
    }
}

impl Session {
    /// Watches on a connection of its own while a message comes and the mailbox is purged.
    pub(super) async fn watch(&mut self, to: &str, marks: Marks, manner: Manner) -> Result<(), Gone> {
        let mut watcher = Session::new(Arc::clone(&self.shared), "w".into());
        watcher.connect().await?;
        let mut news = News::default();
        let ask = "NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge FlagChange))";
        let begun = watcher.run(Command::new(ask)).await?;
        news.learn(&begun);
        if begun.ok() {
            self.work(to, marks, manner).await?;
            watcher.compare_news(&mut news).await?;
        }
        if let Some(talk) = watcher.talk.take() {
            talk.close().await;
        }
        Ok(())
    }

    async fn work(&mut self, to: &str, marks: Marks, manner: Manner) -> Result<(), Gone> {
        self.append(to, &[marks], manner).await?;
        if self.select(to, false).await? {
            self.purge("EXPUNGE", None).await?;
        }
        Ok(())
    }

    async fn compare_news(&mut self, news: &mut News) -> Result<(), Gone> {
        news.learn(&self.idle_for(PROMPT).await?);
        for name in MAILBOXES {
            let mut suspected = None;
            for _ in 0..TRIES {
                let line = format!("STATUS \"{name}\" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)");
                let mut done = self.run(Command::new(line)).await?;
                let is_answer = |heard: &Heard| matches!(heard, Heard::Status(of, _) if of == name);
                let Some(at) = done.heard.iter().rposition(is_answer).filter(|_| done.ok()) else { break };
                let Heard::Status(_, now) = done.heard.remove(at) else { break };
                news.learn(&done);
                let wrong = news.differs(name, &now);
                if wrong.is_none() {
                    self.shared.ledger.saw("imap.news compared");
                    break;
                }
                if wrong == suspected {
                    self.complain("I9", &wrong.unwrap_or_default());
                    break;
                }
                // News may be on their way.
                suspected = wrong;
                news.learn(&self.idle_for(PROMPT).await?);
            }
        }
        Ok(())
    }
}
