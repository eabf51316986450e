//! Mailboxes of others (RFC 5465 §6): which of them are meant, and who is watched for them.
//!
//! Only filters that can mean mailboxes of others have any of them looked at. Then all their owners are watched, as is who may do
//! what (RFC 5465 §5.9), so that news comes as it happens. What is not seen (right `l`) is not told at all, and of what is not read
//! (right `r`) only that it is there.

use std::collections::{BTreeMap, BTreeSet};

use imap::command::{EventGroup, MailboxFilter};
use mail::{AccountId, MailboxName, Right, limits};
use store::{Topic, Watch};

use super::known::Known;
use crate::imapd::connection::Connection;
use crate::imapd::namespaces::Listed;
use crate::imapd::stop::Stop;

/// Whose changes wake a session, beside those of its own account.
#[derive(Default)]
pub(super) struct Watched {
    /// What the account may do, and what any may.
    sharing: Option<[Watch; 2]>,
    owners: BTreeMap<AccountId, Watch>,
}

impl Watched {
    pub(super) fn watches(&mut self) -> impl Iterator<Item = &mut Watch> {
        self.sharing.iter_mut().flatten().chain(self.owners.values_mut())
    }
}

impl Connection<'_> {
    /// The mailboxes of others that are seen, and meant now or `before`, their owners watched from before they were looked at.
    /// `None` if those are too many.
    pub(super) async fn meant_of_others(
        &self,
        groups: &[EventGroup],
        before: &Known,
        subscriptions: &BTreeSet<MailboxName>,
        watched: &mut Watched,
    ) -> Result<Option<Vec<Listed>>, Stop> {
        if !groups.iter().any(|group| group.filter.may_match_others()) {
            *watched = Watched::default();
            return Ok(Some(Vec::new()));
        }
        let store = &self.parts().store;
        let all = AccountId(0);
        let sharing = || [self.account(), all].map(|account| store.watch(Topic::Sharing(account)));
        watched.sharing.get_or_insert_with(sharing);
        loop {
            let mut seen = self.of_others(subscriptions).await?;
            if seen.len() > limits::NOTIFY_SHARED {
                return Ok(None);
            }
            seen.retain(|listed| listed.rights.has(Right::Lookup));
            let owners = owners(groups, &seen, subscriptions);
            if owners.len() > limits::NOTIFY_OWNERS {
                return Ok(None);
            }
            let watched_already = owners.iter().all(|owner| watched.owners.contains_key(owner));
            watched.owners.retain(|owner, _| owners.contains(owner));
            for owner in owners {
                watched.owners.entry(owner).or_insert_with(|| store.watch(Topic::Account(owner)));
            }
            // Something may have happened before they were watched.
            if watched_already {
                seen.retain(|listed| {
                    let was = before.mailboxes.get(&(listed.owner, listed.info.id));
                    is_meant(groups, &listed.info.name, listed.info.subscribed)
                        || was.is_some_and(|was| is_meant(groups, &was.name, was.subscribed))
                });
                return Ok(Some(seen));
            }
        }
    }
}

fn is_meant(groups: &[EventGroup], name: &MailboxName, subscribed: bool) -> bool {
    groups.iter().any(|group| group.filter.matches(name, false, subscribed))
}

/// Who has mailboxes that may be meant, now or under a name that they may get.
fn owners(
    groups: &[EventGroup],
    seen: &[Listed],
    subscriptions: &BTreeSet<MailboxName>,
) -> BTreeSet<AccountId> {
    let mut owners = BTreeSet::new();
    let mut last = None;
    for listed in seen.iter().filter(|listed| last.replace(listed.owner) != Some(listed.owner)) {
        let Some(root) = root_of(&listed.info.name) else { continue };
        let is_near = |name: &MailboxName| *name == root || name.is_below(&root) || root.is_below(name);
        let concerns = |filter: &MailboxFilter| match filter {
            MailboxFilter::Subscribed => subscriptions.iter().any(|name| name.is_below(&root)),
            filter => filter.names().iter().flatten().any(is_near),
        };
        if groups.iter().any(|group| concerns(&group.filter)) {
            owners.insert(listed.owner);
        }
    }
    owners
}

/// The first two levels of a name: below that are all mailboxes of its owner.
fn root_of(name: &MailboxName) -> Option<MailboxName> {
    let mut root = name.clone();
    while let Some(above) = root.parent() {
        if above.parent().is_none() {
            return Some(root);
        }
        root = above;
    }
    None
}
