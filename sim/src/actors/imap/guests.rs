//! Mailboxes that others may use (RFC 4314, RFC 2342): somebody reads and marks what is another's, and sees and is told
//! the same as the owner (I9, P1), until the right is taken away (I6).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::commands::How;
use super::session::{Command, Session};
use crate::actors::lines::Gone;
use crate::oracle::reading::Marks;

/// What a guest may do: everything with messages.
const RIGHTS: &str = "lrswite";

/// What is known of the rights that were given on one account's mailboxes.
#[derive(Default)]
pub(crate) struct Grants {
    /// Somebody is giving or taking some.
    busy: AtomicBool,
    /// An answer was lost: rights may come yet.
    unsure: AtomicBool,
}

/// What a guest does with the messages from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Visit {
    /// The first message, and how many.
    pub some: (u16, u8),
    /// STORE of these flags.
    pub how: How,
    /// The flags.
    pub marks: Marks,
    /// Whether the right is taken away while the guest is there.
    pub revoked: bool,
}

impl Session {
    /// Gives a guest rights on a mailbox, lets the guest in, and takes the rights away.
    pub(super) async fn share(&mut self, name: &str, visit: Visit) -> Result<(), Gone> {
        let Some(guest) = self.plan().guest.clone() else { return Ok(()) };
        let shared = Arc::clone(&self.shared);
        if shared.grants.busy.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let done = self.share_with(name, &guest, visit).await;
        if done.is_err() {
            shared.grants.unsure.store(true, Ordering::Relaxed);
        }
        shared.grants.busy.store(false, Ordering::Relaxed);
        done
    }

    async fn share_with(&mut self, name: &str, guest: &str, visit: Visit) -> Result<(), Gone> {
        let given = self.run(Command::new(format!("SETACL \"{name}\" {guest} {RIGHTS}"))).await?;
        if !given.ok() {
            return Ok(());
        }
        let mut visitor = Session::new(Arc::clone(&self.shared), "g".into());
        visitor.guest = Some(guest.to_owned());
        // A guest whose connection breaks stays away.
        if visitor.be_guest(name, visit).await.is_ok() {
            self.shared.ledger.saw("imap.guest");
        }
        let taken = self.run(Command::new(format!("DELETEACL \"{name}\" {guest}"))).await?;
        if taken.ok() && visit.revoked {
            visitor.be_refused(name).await.ok();
        }
        if let Some(talk) = visitor.talk.take() {
            talk.close().await;
        }
        Ok(())
    }

    async fn be_guest(&mut self, name: &str, visit: Visit) -> Result<(), Gone> {
        self.connect().await?;
        if !self.select(name, false).await? {
            return Ok(());
        }
        let places = self.places(visit.some);
        let store = (visit.how, visit.marks, false);
        if let Some((command, uids)) = self.storing(&places, true, store)? {
            let done = self.run(command).await?;
            self.stored(&uids, store, &done);
            self.learn().await?;
        }
        self.read(&places, true, true).await?;
        self.check().await
    }

    /// What was open is no longer, and does not open again.
    async fn be_refused(&mut self, name: &str) -> Result<(), Gone> {
        if self.selected.is_some() && self.run(Command::new("NOOP")).await.is_ok_and(|done| done.ok()) {
            self.complain_of_rights("still has it open");
        }
        self.connect().await?;
        if self.select(name, true).await? {
            self.complain_of_rights("opens it");
        }
        Ok(())
    }

    fn complain_of_rights(&self, what: &str) {
        // An older state has older rights.
        if !self.shared.grants.unsure.load(Ordering::Relaxed) && !self.shared.ledger.was_restored() {
            let guest = self.guest.as_deref().unwrap_or_default();
            self.complain("I6", &format!("{guest} {what}, and has no right to any more"));
        }
    }
}
