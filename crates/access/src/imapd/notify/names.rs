//! MailboxName and SubscriptionChange (RFC 5465 §5.4, §5.5).

use std::collections::BTreeMap;

use imap::command::List;
use mail::{MailboxName, limits};

use super::Notified;
use super::known::Known;
use crate::imapd::connection::Connection;
use crate::imapd::list::Node;
use crate::imapd::stop::Stop;

/// Names that are to be told; of renamed ones what they were.
type Affected = BTreeMap<MailboxName, Option<MailboxName>>;

impl Connection<'_> {
    /// LIST for each name that changed. How many there were; more than [`limits::NOTIFY_EVENTS`] are not told.
    pub(super) async fn tell_names(&mut self, notified: &Notified, before: &Known) -> Result<usize, Stop> {
        let mut affected = renamed(notified, before);
        let names = created_or_deleted(&notified.known, before);
        for name in names.into_iter().filter(|name| notified.of_name(name, before).mailbox_name) {
            affected.entry(name).or_default();
        }
        let changed = notified.known.subscriptions.symmetric_difference(&before.subscriptions);
        for name in changed.filter(|name| notified.of_name(name, before).subscription_change) {
            affected.entry(name.clone()).or_default();
        }
        if affected.is_empty() || affected.len() > limits::NOTIFY_EVENTS {
            return Ok(affected.len());
        }
        // §5.5: all attributes are accurate.
        let tree = self.tree(true).await?;
        let gone = Node::default();
        let list = List { extended: true, return_subscribed: true, ..List::default() };
        for (name, old) in &affected {
            let node = tree.get(name.as_str()).unwrap_or(&gone);
            self.tell(&list, name.as_str(), node, old.as_ref().map(MailboxName::as_str));
        }
        Ok(affected.len())
    }
}

impl Notified {
    /// What is told of a name, whether or not a mailbox has it. One that was subscribed before or is now counts as such.
    fn of_name(&self, name: &MailboxName, before: &Known) -> imap::command::Events {
        let subscribed = self.known.subscriptions.contains(name) || before.subscriptions.contains(name);
        self.of_other(name, subscribed)
    }
}

/// §5.4: the new name of each mailbox with its old one; not of those whose parent went the same way.
fn renamed(notified: &Notified, before: &Known) -> Affected {
    let pairs: BTreeMap<&MailboxName, &MailboxName> = notified
        .known
        .mailboxes
        .iter()
        .filter_map(|(id, now)| before.mailboxes.get(id).map(|old| (&now.name, &old.name)))
        .filter(|(now, old)| now != old)
        .collect();
    let went_with_parent = |now: &MailboxName, old: &MailboxName| {
        pairs.iter().any(|(above, was)| {
            now.is_below(above) && old.moved(was, above).is_ok_and(|moved| moved == *now) && old.is_below(was)
        })
    };
    let told = pairs.iter().filter(|(now, old)| {
        let wanted = notified.of_name(now, before).mailbox_name || notified.of_name(old, before).mailbox_name;
        wanted && !went_with_parent(now, old)
    });
    told.map(|(now, old)| ((*now).clone(), Some((*old).clone()))).collect()
}

/// §5.4: and the direct parents, which may have children now that they had not, or have none any more.
fn created_or_deleted(now: &Known, before: &Known) -> Vec<MailboxName> {
    let created = now.mailboxes.iter().filter(|(id, _)| !before.mailboxes.contains_key(id));
    let deleted = before.mailboxes.iter().filter(|(id, _)| !now.mailboxes.contains_key(id));
    let mut names = Vec::new();
    for (_, mailbox) in created.chain(deleted) {
        names.push(mailbox.name.clone());
        names.extend(mailbox.name.parent());
    }
    names
}
