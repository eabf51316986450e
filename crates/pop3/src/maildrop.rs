//! The maildrop as it was at login, and what the client marked as deleted (RFC 1939 §3).

use std::fmt;

/// One message of the maildrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the mailbox, which never changes.
    pub uid: u32,
    /// Its size in octets.
    pub size: u64,
}

/// The unique-id of a message: the same for ever, and never another message's (RFC 1939 §7 UIDL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniqueId {
    /// UIDVALIDITY of the mailbox.
    pub uid_validity: u32,
    /// The message's UID.
    pub uid: u32,
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.uid_validity, self.uid)
    }
}

/// See the module's description. Message numbers begin at 1.
#[derive(Debug, Default)]
pub(crate) struct Maildrop {
    uid_validity: u32,
    messages: Vec<Message>,
    deleted: Vec<bool>,
}

impl Maildrop {
    pub(crate) fn new(uid_validity: u32, messages: Vec<Message>) -> Self {
        let deleted = vec![false; messages.len()];
        Self { uid_validity, messages, deleted }
    }

    /// The message of a number, unless it is marked as deleted.
    pub(crate) fn get(&self, number: u32) -> Option<Message> {
        let at = (number as usize).checked_sub(1)?;
        (!self.deleted.get(at)?).then(|| self.messages[at])
    }

    /// Marks as deleted; whether there was such a message.
    pub(crate) fn delete(&mut self, number: u32) -> bool {
        let there = self.get(number).is_some();
        if there {
            self.deleted[number as usize - 1] = true;
        }
        there
    }

    /// Takes all marks away.
    pub(crate) fn reset(&mut self) {
        self.deleted.fill(false);
    }

    /// Messages not marked as deleted, and their octets.
    pub(crate) fn totals(&self) -> (usize, u64) {
        self.iter_from(1).fold((0, 0), |(count, size), (_, m)| (count + 1, size + m.size))
    }

    /// Messages not marked as deleted, from number `first` on.
    pub(crate) fn iter_from(&self, first: u32) -> impl Iterator<Item = (u32, Message)> {
        (first..=self.messages.len() as u32).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// UIDs marked as deleted, ascending as the messages are.
    pub(crate) fn deleted(&self) -> Vec<u32> {
        self.messages.iter().zip(&self.deleted).filter(|(_, gone)| **gone).map(|(m, _)| m.uid).collect()
    }

    pub(crate) fn unique_id(&self, message: Message) -> UniqueId {
        UniqueId { uid_validity: self.uid_validity, uid: message.uid }
    }
}
