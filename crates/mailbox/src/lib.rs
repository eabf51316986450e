//! Accounts' mailboxes: messages, flags, changes.
//!
//! Everything here adds to a [`store::Batch`]; the flow crates commit. Reading goes through [`View`]s: shared,
//! immutable snapshots of one mailbox, brought up to date through the index of changes.
//!
//! A message in a mailbox is two keys: its *entry*, kept under the MODSEQ of its last change, and its *text*
//! (trace headers of this recipient and the parsed summary), kept under its UID. A change of flags moves the entry to
//! a new MODSEQ; an expunge leaves a tombstone. So the entries are the index of changes, and a batch that finds an
//! entry gone from where a view saw it conflicts.
//!
//! Tombstones stay for [`Mailboxes::TOMBSTONES`]: a client that was away for less is told exactly which UIDs are gone
//! (RFC 7162 §3.2.5). No view reads them but those behind it.
//!
//! What is expunged, deleted or removed can be brought back for a while ([`Retention`]): an expunged message leaves its
//! entry as a *grave*, beside its text; a deleted mailbox and a removed account leave everything where it was, under
//! numbers that nobody has any more. [`Mailboxes::sweep`] removes what is old enough.
//!
//! Large views are kept in files beside the store as well, made from it, for the next start.
//!
//! This crate knows no protocol and never commits.

mod acl;
mod annotations;
mod append;
mod audit;
mod cache;
mod change;
mod chunk;
mod copy;
mod email;
mod entry;
mod epoch;
mod error;
mod flag_table;
mod grave;
mod grown;
mod kept;
mod keys;
mod load;
mod names;
mod packed;
mod provision;
mod quota;
mod recent;
mod record;
mod remains;
mod rename;
mod retention;
mod retire;
mod status;
mod sweep;
mod undelete;
mod view;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use mail::{MailboxId, MailboxName, SpecialUse, UidValidity};
use store::Store;
use world::World;
use world::disk::cabinet::Cabinet;

pub use acl::{Grant, RightsChange, Shared, Who};
pub use annotations::Annotation;
pub use append::{Appended, NewEmail};
pub use audit::{Held, Trouble};
pub use change::{FlagChange, Stored};
pub use copy::{Copied, Target};
pub use entry::{Entry, FlagSet, SaveDate};
pub use error::Error;
pub use quota::{Each, Own, Quota, Resource};
pub use rename::Renamed;
pub use retention::Retention;
pub use status::Status;
pub use sweep::Swept;
pub use undelete::{Lost, Place};
pub use view::{Changes, View};

/// INBOX of every account: never deleted, never renamed, so its id is fixed and delivery need not look it up.
pub const INBOX: MailboxId = MailboxId(keys::FIRST_MAILBOX);

/// One mailbox, as LIST needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxInfo {
    /// Its number, which a rename keeps.
    pub id: MailboxId,
    /// Its full name.
    pub name: MailboxName,
    /// What it is for, if anything.
    pub special_use: Option<SpecialUse>,
    /// Whether its name is subscribed.
    pub subscribed: bool,
    /// Greater than any that this name had before (F28).
    pub uid_validity: UidValidity,
    /// Names it within its account as long as its UIDs hold; a rename keeps it (RFC 8474 §4).
    pub object: u32,
}

/// All accounts' mailboxes. Shared as `Arc<Mailboxes>`.
pub struct Mailboxes {
    store: Arc<dyn Store>,
    cache: cache::Cache,
    kept: Option<Arc<kept::Kept>>,
    recent: recent::Recent,
    retention: Mutex<Retention>,
    default_quota: Mutex<Quota>,
    anyone: AtomicBool,
}

impl Mailboxes {
    /// On a store, with [`Mailboxes::VIEW_MEMORY`] for views.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with_memory(store, Self::VIEW_MEMORY)
    }

    /// On a store, keeping views of about `bytes` in memory. Views that sessions hold are not counted.
    pub fn with_memory(store: Arc<dyn Store>, bytes: usize) -> Self {
        Self {
            store,
            cache: cache::Cache::new(bytes),
            kept: None,
            recent: recent::Recent::default(),
            retention: Mutex::default(),
            default_quota: Mutex::default(),
            anyone: AtomicBool::new(true),
        }
    }

    /// Keeps views of `least` messages and more in files in `dir` too, so that a start need not read them from the store
    /// again. They hold nothing that is not in the store and may be deleted.
    #[must_use]
    pub fn keeping_views(self, world: &World, dir: &Path, least: usize) -> Self {
        Self { kept: Some(kept::Kept::new(world, dir, least)), ..self }
    }

    /// The files of views, if there are any: for removing those of mailboxes that are gone.
    pub fn kept_views(&self) -> Option<&Cabinet> {
        self.kept.as_ref().map(|kept| kept.cabinet())
    }

    /// Messages of the smallest view that is worth a file: fewer are read from the store as fast.
    pub const KEPT_VIEW: usize = 2048;

    /// Bytes of views kept in memory, by default.
    pub const VIEW_MEMORY: usize = 128 << 20;
}
