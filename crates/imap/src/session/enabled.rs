//! What a client has switched on: ENABLE (RFC 5161), and commands that switch CONDSTORE on (RFC 7162 §3.1).

use super::Completion;
use crate::command::{Command, FetchItem, Notify, Sort, StatusItem, Thread};

/// Extensions that change responses, so that only those hear of them who asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enabled {
    /// Changes of flags are told with their MODSEQ.
    pub condstore: bool,
    /// VANISHED takes the place of EXPUNGE.
    pub qresync: bool,
}

impl Enabled {
    /// Switches an extension on. `false` if it is none that needs it.
    pub(super) fn enable(&mut self, name: &str) -> bool {
        match name {
            "CONDSTORE" => self.condstore = true,
            // RFC 7162 §3.2.3: it implies CONDSTORE.
            "QRESYNC" => (self.condstore, self.qresync) = (true, true),
            _ => return false,
        }
        true
    }

    /// A command is about to be carried out.
    pub(super) fn note(&mut self, command: &Command) {
        self.condstore |= match command {
            Command::Select(select) => select.condstore,
            Command::Status { items, .. } => items.contains(&StatusItem::HighestModSeq),
            Command::Fetch(fetch) => fetch.items.contains(&FetchItem::ModSeq),
            Command::Notify(Notify::Set { groups, .. }) => {
                groups.iter().any(|group| group.events.fetch.contains(&FetchItem::ModSeq))
            }
            Command::Store(store) => store.unchanged_since.is_some(),
            Command::Search(search)
            | Command::Sort(Sort { search, .. })
            | Command::Thread(Thread { search, .. }) => search.key.asks_modseq(),
            _ => false,
        };
    }

    /// RFC 7162 §3.2.5, §3.2.6: what needs ENABLE QRESYNC before.
    pub(super) fn refusal(self, command: &Command) -> Option<Completion> {
        let needs_it = match command {
            Command::Select(select) => select.resync.is_some(),
            Command::Fetch(fetch) => fetch.vanished,
            _ => false,
        };
        (needs_it && !self.qresync).then(|| Completion::bad("ENABLE QRESYNC first"))
    }
}
