//! MailboxName and SubscriptionChange (RFC 5465 §5.4, §5.5), and what may not be used (§3.1, §5.9).

use std::collections::BTreeMap;

use imap::command::{Events, List};
use mail::{MailboxName, limits};

use super::Notified;
use super::known::{Known, KnownMailbox};
use crate::imapd::connection::Connection;
use crate::imapd::list::Node;
use crate::imapd::stop::Stop;

/// Names that are to be told; of renamed ones what they were.
type Affected = BTreeMap<MailboxName, Option<MailboxName>>;

impl Connection<'_> {
    /// LIST for each name that changed. How many there were; more than [`limits::NOTIFY_EVENTS`] are not told.
    pub(super) async fn tell_names(&mut self, notified: &Notified, before: &Known) -> Result<usize, Stop> {
        let mut affected = renamed(notified, before);
        let names = created_or_deleted(&notified.known, before).into_iter();
        for (name, _) in names.filter(|(name, own)| notified.of_name(name, *own, before).mailbox_name) {
            affected.entry(name).or_default();
        }
        let changed = notified.known.subscriptions.symmetric_difference(&before.subscriptions);
        for name in changed {
            if notified.of_name(name, !name.is_of_others(), before).subscription_change {
                affected.entry(name.clone()).or_default();
            }
        }
        for (at, mailbox) in &notified.known.mailboxes {
            let was_readable = before.mailboxes.get(at).is_none_or(KnownMailbox::is_readable);
            if mailbox.is_readable() != was_readable && asks_to_read(&notified.of_mailbox(mailbox)) {
                affected.entry(mailbox.name.clone()).or_default();
            }
        }
        if affected.len() <= limits::NOTIFY_EVENTS {
            self.tell_affected(notified, &affected).await?;
        }
        Ok(affected.len())
    }

    /// §3.1: what is seen and cannot be told of.
    pub(super) async fn tell_not_accessible(&mut self, notified: &Notified) -> Result<(), Stop> {
        let mailboxes = notified.known.mailboxes.values();
        let not_accessible =
            mailboxes.filter(|mailbox| !mailbox.is_readable() && asks_to_read(&notified.of_mailbox(mailbox)));
        let affected = not_accessible.map(|mailbox| (mailbox.name.clone(), None)).collect();
        self.tell_affected(notified, &affected).await
    }

    async fn tell_affected(&mut self, notified: &Notified, affected: &Affected) -> Result<(), Stop> {
        if affected.is_empty() {
            return Ok(());
        }
        // §5.5: all attributes are accurate.
        let mut tree = self.tree(true).await?;
        for mailbox in notified.known.mailboxes.values().filter(|mailbox| !mailbox.is_readable()) {
            tree.entry(mailbox.name.to_string()).and_modify(|node| node.no_access = true);
        }
        let gone = Node::default();
        let list = List { extended: true, return_subscribed: true, ..List::default() };
        for (name, old) in affected {
            let node = tree.get(name.as_str()).unwrap_or(&gone);
            self.tell(&list, name.as_str(), node, old.as_ref().map(MailboxName::as_str));
        }
        Ok(())
    }
}

/// Whether any of these takes the right `r` (RFC 5465 §5). Names are told by the right `l`, as LIST does.
fn asks_to_read(events: &Events) -> bool {
    events.message_new || events.message_expunge || events.flag_change || events.mailbox_metadata
}

impl Notified {
    /// What is told of a name, whether or not a mailbox has it. One that was subscribed before or is now counts as such.
    fn of_name(&self, name: &MailboxName, own: bool, before: &Known) -> Events {
        let subscribed = self.known.subscriptions.contains(name) || before.subscriptions.contains(name);
        self.of_other(name, own, subscribed)
    }
}

/// §5.4: the new name of each mailbox with its old one; not of those whose parent went the same way.
fn renamed(notified: &Notified, before: &Known) -> Affected {
    let pairs: BTreeMap<&MailboxName, (&MailboxName, bool)> = notified
        .known
        .mailboxes
        .iter()
        .filter_map(|(at, now)| before.mailboxes.get(at).map(|old| (&now.name, (&old.name, now.own))))
        .filter(|(now, (old, _))| now != old)
        .collect();
    let went_with_parent = |now: &MailboxName, old: &MailboxName| {
        pairs.iter().any(|(above, (was, _))| {
            now.is_below(above) && old.moved(was, above).is_ok_and(|moved| moved == *now) && old.is_below(was)
        })
    };
    let told = pairs.iter().filter(|(now, (old, own))| {
        let wanted = |name| notified.of_name(name, *own, before).mailbox_name;
        (wanted(now) || wanted(old)) && !went_with_parent(now, old)
    });
    told.map(|(now, (old, _))| ((*now).clone(), Some((*old).clone()))).collect()
}

/// §5.4: and the direct parents, which may have children now that they had not, or have none any more. With whether they are
/// one's own.
fn created_or_deleted(now: &Known, before: &Known) -> Vec<(MailboxName, bool)> {
    let created = now.mailboxes.iter().filter(|(id, _)| !before.mailboxes.contains_key(id));
    let deleted = before.mailboxes.iter().filter(|(id, _)| !now.mailboxes.contains_key(id));
    let mut names = Vec::new();
    for (_, mailbox) in created.chain(deleted) {
        names.push((mailbox.name.clone(), mailbox.own));
        names.extend(mailbox.name.parent().map(|parent| (parent, mailbox.own)));
    }
    names
}
