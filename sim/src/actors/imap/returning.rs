//! A program that comes back: it remembers a mailbox from its last visit and asks only for what changed since (QRESYNC,
//! RFC 7162 §3.2.5). What it knows then must be what a program finds that asks for everything (I9), whatever happened
//! to the office in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::session::{Command, Done, Session};
use super::talk::Heard;
use crate::actors::lines::Gone;
use crate::oracle::reading::{Marks, mark_names};

/// What a program remembers of a mailbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    validity: u32,
    /// Everything up to this MODSEQ is in it.
    modseq: u64,
    messages: BTreeMap<u32, Marks>,
}

/// The memories of one account's programs, by mailbox. Who visits a mailbox takes its memory along.
#[derive(Default)]
pub(crate) struct Memories(Mutex<HashMap<String, Memory>>);

impl Memories {
    fn take(&self, name: &str) -> Option<Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    fn put(&self, name: &str, memory: Memory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), memory);
    }
}

impl Memory {
    /// What a SELECT tells of the time in between.
    fn learn(&mut self, done: &Done) {
        for heard in &done.heard {
            match heard {
                Heard::Vanished(ranges) => {
                    let gone = |uid: u32| ranges.iter().any(|(first, last)| (*first..=*last).contains(&uid));
                    self.messages.retain(|uid, _| !gone(*uid));
                }
                Heard::Fetch(_, told) => {
                    if let (Some(uid), Some(marks)) = (told.uid, told.marks) {
                        self.messages.insert(uid, marks);
                    }
                }
                _ => {}
            }
        }
    }
}

fn number(done: &Done, word: &str) -> Option<u64> {
    done.said.iter().find_map(|code| code.strip_prefix(word)?.trim().parse().ok())
}

impl Session {
    /// Visits a mailbox on a connection of its own.
    pub(super) async fn come_back(&mut self, name: &str) -> Result<(), Gone> {
        let mut visitor = Session::new(Arc::clone(&self.shared), "q".into());
        visitor.connect().await?;
        let memory = self.shared.memories.take(name);
        match visitor.visit(name, memory.clone()).await {
            Ok(Some(fresh)) => self.shared.memories.put(name, fresh),
            Ok(None) | Err(_) => {
                if let Some(memory) = memory {
                    self.shared.memories.put(name, memory);
                }
            }
        }
        if let Some(talk) = visitor.talk.take() {
            talk.close().await;
        }
        Ok(())
    }

    /// What is to be remembered for the next time; nothing if the mailbox is not there.
    async fn visit(&mut self, name: &str, memory: Option<Memory>) -> Result<Option<Memory>, Gone> {
        self.run(Command::new("ENABLE QRESYNC")).await?;
        let since =
            memory.as_ref().map(|memory| format!(" (QRESYNC ({} {}))", memory.validity, memory.modseq));
        let done = self.run(Command::new(format!("EXAMINE \"{name}\"{}", since.unwrap_or_default()))).await?;
        let (Some(validity), Some(modseq)) = (done.said("UIDVALIDITY"), number(&done, "HIGHESTMODSEQ"))
        else {
            return Ok(None);
        };
        let known = memory.filter(|memory| memory.validity == validity).map(|mut memory| {
            memory.learn(&done);
            memory
        });
        let all = self.run(Command::new("UID FETCH 1:* (FLAGS MODSEQ)")).await?;
        if !all.ok() {
            return Ok(None);
        }
        let messages = self.all_messages(&all, known.as_ref(), modseq);
        Ok(Some(Memory { validity, modseq, messages }))
    }

    /// What there is, compared with what is known; what changed after `modseq`, nobody has told of yet.
    fn all_messages(&self, all: &Done, known: Option<&Memory>, modseq: u64) -> BTreeMap<u32, Marks> {
        let mut there = BTreeMap::new();
        let mut vanished = Vec::new();
        for heard in &all.heard {
            match heard {
                Heard::Vanished(ranges) => vanished.extend(ranges.iter().copied()),
                Heard::Fetch(_, told) => {
                    if let (Some(uid), Some(marks)) = (told.uid, told.marks) {
                        there.insert(uid, (marks, told.modseq.unwrap_or(0)));
                    }
                }
                _ => {}
            }
        }
        if let Some(known) = known {
            let show = |marks: Option<Marks>| marks.map_or("gone".to_owned(), mark_names);
            for (uid, (marks, changed)) in &there {
                let knows = known.messages.get(uid).copied();
                if knows != Some(*marks) && *changed <= modseq {
                    let what = format!(
                        "comes back and takes UID {uid} for {}, and it is {}",
                        show(knows),
                        mark_names(*marks)
                    );
                    self.complain("I9", &format!("{what}; changed at {changed}, told up to {modseq}"));
                }
            }
            let left = |uid: u32| vanished.iter().any(|(first, last)| (*first..=*last).contains(&uid));
            for uid in known.messages.keys().filter(|uid| !there.contains_key(uid) && !left(**uid)) {
                self.complain("I9", &format!("comes back and was not told that UID {uid} is gone"));
            }
            self.shared.ledger.saw("imap.came back");
        }
        there.into_iter().filter(|(uid, _)| *uid > 0).map(|(uid, (marks, _))| (uid, marks)).collect()
    }
}
