//! The maildrop of a session: reading messages, and removing them after QUIT.

use std::io;
use std::sync::Arc;

use journey::{Event, What};
use mail::{AccountId, Uid, limits};
use mailbox::{Entry, Error, INBOX, View};
use pop3::Message;
use store::Batch;

use super::Lock;
use super::connection::Connection;
use super::shown::Shown;
use crate::damage;
use crate::head::Head;

/// Bytes of a message that are in memory at once.
const CHUNK: usize = 64 * 1024;
/// Messages that one commit removes. Beyond that a QUIT takes several commits, oldest messages first.
const AT_ONCE: usize = 10_000;
/// How often removing is tried while others change the same messages.
const ATTEMPTS: u32 = 20;

/// INBOX as it was at login, and the lock that keeps other POP3 sessions out. Other protocols may change INBOX
/// meanwhile: what they expunge cannot be read any more, what arrives is for the next session.
pub(super) struct Open {
    _lock: Lock,
    view: Arc<View>,
}

impl Open {
    pub(super) fn new(lock: Lock, view: Arc<View>) -> Self {
        Self { _lock: lock, view }
    }

    pub(super) fn uid_validity(&self) -> u32 {
        self.view.uid_validity().0.get()
    }

    /// Sizes are the octets that RETR sends, without stuffed dots and without the line end that the response needs where
    /// a message (only one that IMAP's APPEND left in INBOX) has none.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.view.iter().map(|(_, entry)| Message { uid: entry.uid.get(), size: entry.size() }).collect()
    }

    fn entry(&self, uid: u32) -> Option<Entry> {
        self.view.by_uid(Uid::new(uid)?).map(|(_, entry)| *entry)
    }
}

/// Whether the header section has to be read on, for what it is to be shown as is not known yet.
fn wants_more(head: &Head) -> bool {
    !head.ended && head.length < limits::HEADER_SECTION_HELD
}

impl Connection<'_> {
    /// Passes a message on, chunk by chunk.
    pub(super) async fn retrieve(&mut self, uid: u32) -> io::Result<()> {
        let found = self.open.as_ref().and_then(|open| Some((open.view.account(), open.entry(uid)?)));
        let Some((account, entry)) = found else {
            self.session.body_failed("[SYS/TEMP] There is no such message");
            return Ok(());
        };
        // Nothing is announced before the first bytes are there, those of the body too: then one that is damaged is
        // refused, and the session goes on (P4).
        let (mut offset, mut first, mut head) = (0, Vec::new(), Head::default());
        let needs_head = !self.session.is_utf8();
        while offset < entry.size() && (offset < CHUNK as u64 || needs_head && wants_more(&head)) {
            match self.chunk(account, &entry, offset).await {
                Ok(bytes) => {
                    offset += bytes.len() as u64;
                    head.feed(&bytes);
                    first.push(bytes);
                }
                Err(error) => {
                    self.unreadable(uid, &error);
                    return Ok(());
                }
            }
        }
        if offset < entry.size()
            && let Err(error) = damage::check(&self.parts().store, entry.blob).await
        {
            self.unreadable(uid, &error.into());
            return Ok(());
        }
        let mut shown = Shown::default();
        if needs_head {
            match self.show(account, &entry, &first, &head).await {
                Ok(Some(other)) => shown = other,
                Ok(None) => {
                    self.session.body_failed("[UTF8] Only for clients that say UTF8 before they log in");
                    return Ok(());
                }
                Err(error) => {
                    self.unreadable(uid, &error);
                    return Ok(());
                }
            }
            self.session.body_size(shown.size(entry.size()));
        }
        let (mut wanted, mut sent) = (true, 0);
        for bytes in first {
            wanted = self.session.body(&shown.pass(sent, &bytes));
            sent += bytes.len() as u64;
            self.flush_much().await?;
        }
        while wanted && offset < entry.size() {
            match self.chunk(account, &entry, offset).await {
                Ok(bytes) => {
                    wanted = self.session.body(&shown.pass(offset, &bytes));
                    offset += bytes.len() as u64;
                    self.flush_much().await?;
                }
                Err(error) => {
                    if matches!(error, Error::Store(store::Error::Damaged(_))) {
                        damage::note(&self.parts().store, &self.parts().world, entry.blob).await;
                    }
                    self.unreadable(uid, &error);
                    return Ok(());
                }
            }
        }
        self.session.body_end(self.now());
        Ok(())
    }

    /// RFC 6856 §2.1, RFC 6858: how a message is shown to a client that knows ASCII alone; `None` if that would be too much
    /// to hold. `beginning` goes as far as the header section, or as far as that is read.
    async fn show(
        &self,
        account: AccountId,
        entry: &Entry,
        beginning: &[bytes::Bytes],
        head: &Head,
    ) -> Result<Option<Shown>, Error> {
        let mut shown = Shown::default();
        let is_whole = beginning.iter().map(|bytes| bytes.len() as u64).sum::<u64>() == entry.size();
        if is_whole && beginning.iter().all(|bytes| bytes.is_ascii()) {
            return Ok(Some(shown));
        }
        if head.has_8bit && !head.ended && !is_whole {
            return Ok(None);
        }
        let beginning = beginning.concat();
        let length = head.length.min(beginning.len());
        let fits = shown.take(0..length as u64, &beginning[..length])
            && self.show_parts(account, entry, &mut shown).await?;
        Ok(fits.then_some(shown))
    }

    /// The next bytes of a message.
    pub(super) async fn chunk(
        &self,
        account: AccountId,
        entry: &Entry,
        offset: u64,
    ) -> Result<bytes::Bytes, Error> {
        let bytes = self.parts().mailboxes.read(account, INBOX, entry, offset, CHUNK).await?;
        if bytes.is_empty() { Err(Error::NoSuchMessage) } else { Ok(bytes) }
    }

    fn unreadable(&mut self, uid: u32, error: &Error) {
        if matches!(error, Error::NoSuchMessage | Error::Store(store::Error::Missing(_))) {
            self.session.body_failed("Another program has removed this message");
        } else {
            tracing::error!(uid, %error, "could not read a message");
            self.session.body_failed("[SYS/TEMP] The message cannot be read at the moment");
        }
    }

    /// RFC 1939 §6: takes the messages out of INBOX. Those that are gone already are fine. Whether all are gone.
    pub(super) async fn remove(&mut self, uids: &[u32]) -> bool {
        let Some(account) = self.open.as_ref().map(|open| open.view.account()) else { return false };
        for some in uids.chunks(AT_ONCE) {
            let mut attempt = 1;
            while let Err(error) = self.remove_at_once(some).await {
                if error != Error::Store(store::Error::Conflict) || attempt == ATTEMPTS {
                    tracing::error!(%account, %error, "could not remove messages");
                    return false;
                }
                attempt += 1;
            }
        }
        true
    }

    async fn remove_at_once(&self, uids: &[u32]) -> Result<(), Error> {
        let (parts, Some(open)) = (self.parts(), &self.open) else { return Ok(()) };
        let account = open.view.account();
        let view = parts.mailboxes.view(account, INBOX).await?;
        let entry = |uid: &u32| view.by_uid(Uid::new(*uid)?).map(|(_, entry)| *entry);
        let entries: Vec<Entry> = uids.iter().filter_map(entry).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        let now = parts.world.clock.wall();
        parts.mailboxes.expunge(&mut batch, &view, &entries, now);
        let what = What::Expunged { account, mailbox: "INBOX".into(), by: "pop3".into() };
        let event = Event { at: now, what };
        for entry in &entries {
            parts.journeys.record(&mut batch, entry.id, std::slice::from_ref(&event));
        }
        parts.store.commit(batch).await?;
        Ok(())
    }
}
