//! What a session has told of an account's mailboxes.

use std::collections::{BTreeMap, BTreeSet};

use imap::command::{Events, StatusItem};
use mail::{MailboxId, MailboxName, ModSeq, limits};
use mailbox::Status;

use crate::imapd::connection::Connection;
use crate::imapd::stop::Stop;

/// All mailboxes at one moment.
pub(super) struct Known {
    pub(super) mailboxes: BTreeMap<MailboxId, KnownMailbox>,
    /// Also of names that no mailbox has.
    pub(super) subscriptions: BTreeSet<MailboxName>,
    pub(super) annotated: ModSeq,
}

impl Default for Known {
    fn default() -> Self {
        Self { mailboxes: BTreeMap::new(), subscriptions: BTreeSet::new(), annotated: ModSeq(0) }
    }
}

/// One mailbox at one moment.
#[derive(Clone)]
pub(super) struct KnownMailbox {
    pub(super) name: MailboxName,
    pub(super) subscribed: bool,
    status: Status,
}

impl KnownMailbox {
    /// Which figures tell what happened since `before` (RFC 5465 §5.1 to §5.3); none where nothing is wanted of it.
    pub(super) fn news(&self, before: Option<&Self>, wanted: &Events, condstore: bool) -> Vec<StatusItem> {
        let now = &self.status;
        let (messages, flags, unseen, validity) = match before {
            None => (now.messages > 0, false, false, false),
            Some(Self { status, .. }) => (
                (status.messages, status.uid_next) != (now.messages, now.uid_next),
                status.highest_modseq != now.highest_modseq,
                status.unseen != now.unseen,
                status.uid_validity != now.uid_validity,
            ),
        };
        let mut items = Vec::new();
        if messages && wanted.message_new {
            items.extend([StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity]);
        } else if wanted.flag_change && (validity || unseen || flags && condstore) {
            items.push(StatusItem::UidValidity);
        }
        if !items.is_empty() && condstore {
            items.push(StatusItem::HighestModSeq);
        }
        items.extend((!items.is_empty() && wanted.flag_change && unseen).then_some(StatusItem::Unseen));
        items
    }

    /// Takes over how things stand, if only so many messages came since, by that one change.
    pub(super) fn take_over_own(&mut self, now: &Status, count: u32, modseq: ModSeq) {
        let came = self.status.uid_next.get().saturating_add(count) == now.uid_next.get()
            && self.status.messages.saturating_add(count) == now.messages
            && now.highest_modseq == modseq;
        if came {
            self.status = *now;
        }
    }
}

impl Known {
    /// Takes over which mailboxes there are and what is subscribed, of some names and all around them.
    pub(super) fn take_over_names(&mut self, now: &Self, names: &[&MailboxName]) {
        let is_meant = |other: &MailboxName| {
            names.iter().any(|name| other == *name || other.is_below(name) || name.is_below(other))
        };
        for name in names {
            if now.subscriptions.contains(*name) {
                self.subscriptions.insert((*name).clone());
            } else {
                self.subscriptions.remove(*name);
            }
        }
        self.mailboxes.retain(|id, mailbox| !is_meant(&mailbox.name) || now.mailboxes.contains_key(id));
        for (id, mailbox) in now.mailboxes.iter().filter(|(_, mailbox)| is_meant(&mailbox.name)) {
            let known = self.mailboxes.entry(*id).or_insert_with(|| mailbox.clone());
            (known.name, known.subscribed) = (mailbox.name.clone(), mailbox.subscribed);
            known.status.uid_validity = mailbox.status.uid_validity;
        }
    }
}

impl Connection<'_> {
    /// How all mailboxes stand; `None` if there are too many to look at each time.
    pub(super) async fn look(&self) -> Result<Option<Known>, Stop> {
        let account = self.account();
        let annotated = self.mailboxes().annotated(account).await?;
        let subscriptions = self.mailboxes().subscriptions(account).await?.into_iter().collect();
        let infos = self.mailboxes().list(account).await?;
        if infos.len() > limits::NOTIFY_MAILBOXES {
            return Ok(None);
        }
        let mut mailboxes = BTreeMap::new();
        for info in infos {
            match self.mailboxes().status(account, info.id).await {
                Ok(status) => {
                    let known = KnownMailbox { name: info.name, subscribed: info.subscribed, status };
                    mailboxes.insert(info.id, known);
                }
                // Deleted at this moment.
                Err(mailbox::Error::NoSuchMailbox(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Known { mailboxes, subscriptions, annotated }))
    }
}
