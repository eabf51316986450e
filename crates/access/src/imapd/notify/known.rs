//! What a session has told of mailboxes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use imap::command::{EventGroup, Events, StatusItem};
use mail::{AccountId, MailboxName, ModSeq, Right, Rights, limits};
use mailbox::Status;

use super::others::Watched;
use crate::imapd::connection::Connection;
use crate::imapd::namespaces::Listed;
use crate::imapd::place::At;
use crate::imapd::stop::Stop;

/// All mailboxes at one moment: those of the account, and those of others that are meant.
#[derive(Default)]
pub(super) struct Known {
    pub(super) mailboxes: BTreeMap<At, KnownMailbox>,
    /// Also of names that no mailbox has.
    pub(super) subscriptions: BTreeSet<MailboxName>,
    /// The last change of each account's annotations.
    pub(super) annotated: BTreeMap<AccountId, ModSeq>,
}

/// One mailbox at one moment.
#[derive(Clone)]
pub(super) struct KnownMailbox {
    pub(super) name: MailboxName,
    /// Whether it is the account's.
    pub(super) own: bool,
    pub(super) subscribed: bool,
    /// Nothing where it may not be read: then only its name is told (RFC 5465 §3.1).
    status: Option<Status>,
}

impl KnownMailbox {
    pub(super) fn is_readable(&self) -> bool {
        self.status.is_some()
    }

    /// Which figures tell what happened since `before` (RFC 5465 §5.1 to §5.3); none where nothing is wanted of it.
    pub(super) fn news(&self, before: Option<&Self>, wanted: &Events, condstore: bool) -> Vec<StatusItem> {
        let Some(now) = &self.status else { return Vec::new() };
        let (messages, flags, unseen, validity) = match before.and_then(|before| before.status) {
            None => (now.messages > 0, false, false, false),
            Some(status) => (
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
        let came = self.status.is_some_and(|known| {
            known.uid_next.get().saturating_add(count) == now.uid_next.get()
                && known.messages.saturating_add(count) == now.messages
                && now.highest_modseq == modseq
        });
        if came {
            self.status = Some(*now);
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
            if let (Some(known), Some(now)) = (&mut known.status, mailbox.status) {
                known.uid_validity = now.uid_validity;
            }
        }
    }
}

impl Connection<'_> {
    /// How all mailboxes stand that are to be told of since `before`; `None` if there are too many to look at each time.
    pub(super) async fn look(
        &self,
        groups: &[EventGroup],
        before: &Known,
        watched: &mut Watched,
    ) -> Result<Option<Known>, Stop> {
        let account = self.account();
        let subscriptions = self.subscriptions().await?;
        let Some(others) = self.meant_of_others(groups, before, &subscriptions, watched).await? else {
            return Ok(None);
        };
        let own = self.mailboxes().list(account).await?.into_iter();
        let own = own.map(|info| Listed { owner: account, rights: Rights::ALL, info });
        let all: Vec<Listed> = own.chain(others).collect();
        if all.len() > limits::NOTIFY_MAILBOXES {
            return Ok(None);
        }
        let (mut mailboxes, mut annotated) = (BTreeMap::new(), BTreeMap::new());
        annotated.insert(account, self.mailboxes().annotated(account).await?);
        for Listed { owner, rights, info } in all {
            if let Entry::Vacant(entry) = annotated.entry(owner) {
                entry.insert(self.mailboxes().annotated(owner).await?);
            }
            let status = if rights.has(Right::Read) {
                match self.mailboxes().status(owner, info.id).await {
                    Ok(status) => Some(status),
                    // Deleted at this moment.
                    Err(mailbox::Error::NoSuchMailbox(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            } else {
                None
            };
            let (name, subscribed) = (info.name, info.subscribed);
            let known = KnownMailbox { name, own: owner == account, subscribed, status };
            mailboxes.insert((owner, info.id), known);
        }
        Ok(Some(Known { mailboxes, subscriptions, annotated }))
    }
}
