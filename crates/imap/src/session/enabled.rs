//! What a client has switched on: ENABLE (RFC 5161), and commands that switch CONDSTORE on (RFC 7162 §3.1).

use super::Completion;
use crate::command::{Append, Command, Esearch, FetchItem, Notify, Sort, StatusItem, Thread};
use crate::{Code, Text};

/// Extensions that change responses, so that only those hear of them who asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an extension")]
pub struct Enabled {
    /// Changes of flags are told with their MODSEQ.
    pub condstore: bool,
    /// VANISHED takes the place of EXPUNGE.
    pub qresync: bool,
    /// The client speaks IMAP4rev2 (RFC 9051 Appendix A).
    pub rev2: bool,
    /// UTF-8 in headers, quoted strings and names (RFC 9755).
    pub utf8: bool,
    /// Message numbers are neither taken nor told (RFC 9586).
    pub uid_only: bool,
}

impl Enabled {
    /// Switches an extension on; gives its name as it is registered. `None` if it is none that needs it.
    pub(super) fn enable(&mut self, name: &str) -> Option<&'static str> {
        match name {
            "CONDSTORE" => {
                self.condstore = true;
                Some("CONDSTORE")
            }
            // RFC 7162 §3.2.3: it implies CONDSTORE.
            "QRESYNC" => {
                (self.condstore, self.qresync) = (true, true);
                Some("QRESYNC")
            }
            "UTF8=ACCEPT" => {
                self.utf8 = true;
                Some("UTF8=ACCEPT")
            }
            "IMAP4REV2" => {
                self.rev2 = true;
                Some("IMAP4rev2")
            }
            "UIDONLY" => {
                self.uid_only = true;
                Some("UIDONLY")
            }
            _ => None,
        }
    }

    /// How the client reads and writes what is not ASCII.
    pub fn text(self) -> Text {
        if self.rev2 || self.utf8 { Text::Utf8 } else { Text::Ascii }
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
            | Command::Esearch(Esearch { search, .. })
            | Command::Sort(Sort { search, .. })
            | Command::Thread(Thread { search, .. }) => search.key.asks_modseq(),
            _ => false,
        };
    }

    /// What is not for this client, by what it has switched on and what not.
    pub(super) fn refusal(self, command: &Command) -> Option<Completion> {
        if self.uid_only && names_numbers(command) {
            return Some(numbers_refused());
        }
        self.refusal_of_charset(command).or_else(|| self.refusal_without_qresync(command))
    }

    /// RFC 9755 §3: strings are in UTF-8 and in nothing else.
    fn refusal_of_charset(self, command: &Command) -> Option<Completion> {
        let conflicts = match command {
            Command::Search(search) | Command::Esearch(Esearch { search, .. }) => search.charset.is_some(),
            Command::Sort(Sort { search, .. }) | Command::Thread(Thread { search, .. }) => {
                search.charset.as_ref().is_some_and(|charset| !charset.eq_ignore_ascii_case("UTF-8"))
            }
            _ => false,
        };
        let text = "With UTF8=ACCEPT, strings have no other charset";
        (self.utf8 && conflicts).then(|| Completion::bad(text))
    }

    /// RFC 7162 §3.2.5, §3.2.6: what needs ENABLE QRESYNC before.
    fn refusal_without_qresync(self, command: &Command) -> Option<Completion> {
        let needs_it = match command {
            Command::Select(select) => select.resync.is_some(),
            Command::Fetch(fetch) => fetch.vanished,
            _ => false,
        };
        (needs_it && !self.qresync).then(|| Completion::bad("ENABLE QRESYNC first"))
    }

    /// As [`Self::refusal`], for APPEND and REPLACE.
    pub(super) fn append_refusal(self, append: &Append) -> Option<Completion> {
        let names_number = append.replaces.as_ref().is_some_and(|replaced| !replaced.uid);
        (self.uid_only && names_number).then(numbers_refused)
    }
}

fn numbers_refused() -> Completion {
    let refusal = Completion::bad("Message numbers are not allowed once UIDONLY is enabled");
    Completion { code: Some(Code::UidRequired), ..refusal }
}

/// RFC 9586 §3.2, §3.5, §3.7, §3.8.
fn names_numbers(command: &Command) -> bool {
    match command {
        Command::Fetch(fetch) => !fetch.uid,
        Command::Store(store) => !store.uid,
        Command::Copy { uid, .. } => !uid,
        Command::Search(search)
        | Command::Esearch(Esearch { search, .. })
        | Command::Sort(Sort { search, .. })
        | Command::Thread(Thread { search, .. }) => !search.uid || search.key.names_numbers(),
        Command::Select(select) => select.resync.as_ref().is_some_and(|resync| resync.has_match_data),
        _ => false,
    }
}
