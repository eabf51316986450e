//! Access control lists (RFC 4314): what others may do in an account's mailboxes.
//!
//! A list is kept under its mailbox's number, so it follows a rename, is out of reach with the mailbox and comes back with
//! it. Under each account to which something is said there is a mark for the mailbox, so that what is shared with an account is
//! found without looking at all others. The owner has every right, whatever the list says, and is not in it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use mail::{AccountId, MailboxId, MailboxName, Rights, limits};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Snapshot, Topic, Version};

use crate::names::{find, info, touch};
use crate::{Error, MailboxInfo, Mailboxes, keys, record};

/// Whom an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Every account (RFC 4314 §2 `anyone`).
    Anyone,
    /// This one.
    Account(AccountId),
}

impl Who {
    /// No account has the number 0.
    fn number(self) -> AccountId {
        match self {
            Self::Anyone => AccountId(0),
            Self::Account(account) => account,
        }
    }

    fn from_number(number: u32) -> Self {
        if number == 0 { Self::Anyone } else { Self::Account(AccountId(number)) }
    }
}

/// One entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// For whom.
    pub who: Who,
    /// Whether the rights are taken away, whatever other entries give (RFC 4314 §2 "negative rights").
    pub negative: bool,
    /// Which; at least one.
    pub rights: Rights,
}

/// What is done with the rights of an entry (RFC 4314 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightsChange {
    /// They replace what was there.
    Replace,
    /// They are added.
    Add,
    /// They are taken out.
    Remove,
}

/// A mailbox of another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Whose it is.
    pub owner: AccountId,
    /// The mailbox, under its name there. Subscriptions of the owner's say nothing here.
    pub mailbox: MailboxInfo,
    /// What may be done with it.
    pub rights: Rights,
}

impl Mailboxes {
    /// Says whether what is given to [`Who::Anyone`] is given; what is taken away from all is so in any case. At first it is.
    pub fn share_with_anyone(&self, yes: bool) {
        self.anyone.store(yes, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn shares_with_anyone(&self) -> bool {
        self.anyone.load(Ordering::Relaxed)
    }

    /// The list of a mailbox, without its owner.
    pub async fn acl(&self, owner: AccountId, mailbox: MailboxId) -> Result<Vec<Grant>, Error> {
        Ok(read(&self.store.snapshot(), owner, mailbox).await?.0)
    }

    /// What `account` may do with a mailbox: what the list gives to it and to all, but for what it takes away from either.
    /// Nothing with one that is not there.
    pub async fn rights(
        &self,
        account: AccountId,
        owner: AccountId,
        mailbox: MailboxId,
    ) -> Result<Rights, Error> {
        if account == owner {
            return Ok(Rights::ALL);
        }
        let snapshot = self.store.snapshot();
        if snapshot.get(&keys::record(owner, mailbox)).await?.is_none() {
            return Ok(Rights::NONE);
        }
        Ok(self.rights_of(account, &read(&snapshot, owner, mailbox).await?.0))
    }

    /// Changes the rights of one entry in the lists of some mailboxes of an account; one without any is no longer there. Gives how
    /// many lists change. [`Error::Limit`] if a list has [`limits::ACL_IDENTIFIERS`] already, or there are
    /// [`limits::SHARED_MAILBOXES`] shared with that account. Conflicts with every other change of the lists.
    pub async fn set_acl(
        &self,
        batch: &mut Batch,
        owner: AccountId,
        mailboxes: &[MailboxId],
        entry: Grant,
        change: RightsChange,
    ) -> Result<usize, Error> {
        let snapshot = self.store.snapshot();
        let (mut changed, mut new) = (0, 0);
        let mut concerned = BTreeSet::from([entry.who]);
        for mailbox in mailboxes {
            let outcome = set_one(&snapshot, batch, (owner, *mailbox), entry, change).await?;
            changed += usize::from(outcome.is_change);
            new += usize::from(outcome.is_new);
            if entry.who == Who::Anyone {
                concerned.extend(outcome.listed);
            }
        }
        if new > 0 {
            let marks = keys::shared_with(entry.who.number());
            let most = limits::SHARED_MAILBOXES;
            if snapshot.range(&marks, most).await?.len() + new > most {
                return Err(Error::Limit("shared mailboxes"));
            }
        }
        touch(batch, owner);
        // What all are given takes effect only where the operator lets it; what is taken away from all, for those who have something.
        concerned.retain(|who| *who != Who::Anyone || self.shares_with_anyone());
        for who in concerned {
            batch.notify(Topic::Sharing(who.number()));
        }
        Ok(changed)
    }

    /// The mailboxes of others in which `account` may do something, by owner.
    pub async fn shared_with(&self, account: AccountId) -> Result<Vec<Shared>, Error> {
        let snapshot = self.store.snapshot();
        let mut places = BTreeSet::new();
        let anyone = self.shares_with_anyone().then_some(Who::Anyone);
        for who in anyone.into_iter().chain([Who::Account(account)]) {
            let marks = snapshot.range(&keys::shared_with(who.number()), limits::SHARED_MAILBOXES).await?;
            places.extend(marks.iter().filter_map(|(key, _)| keys::shared_place(key)));
        }
        let mut shared = Vec::new();
        for (owner, mailbox) in places.into_iter().filter(|(owner, _)| *owner != account) {
            // Deleted ones keep their lists while they can be brought back.
            let Some(found) = snapshot.get(&keys::record(owner, mailbox)).await? else { continue };
            let rights = self.rights_of(account, &read(&snapshot, owner, mailbox).await?.0);
            if !rights.is_empty() {
                let mailbox = info(mailbox, record::Mailbox::decode(&found.value)?, |_| false);
                shared.push(Shared { owner, mailbox, rights });
            }
        }
        Ok(shared)
    }

    fn rights_of(&self, account: AccountId, grants: &[Grant]) -> Rights {
        let anyone = self.shares_with_anyone();
        let applies = |grant: &&Grant| match grant.who {
            Who::Anyone => anyone || grant.negative,
            Who::Account(who) => who == account,
        };
        let sum = |negative: bool| {
            let those = grants.iter().filter(applies).filter(|grant| grant.negative == negative);
            those.fold(Rights::NONE, |sum, grant| sum | grant.rights)
        };
        sum(false) - sum(true)
    }

    /// The mailbox nearest above a name that is there (RFC 4314 §4 CREATE).
    pub async fn nearest_above(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<MailboxId>, Error> {
        nearest_above(&self.store.snapshot(), account, name).await
    }
}

/// What became of a list.
struct Outcome {
    is_change: bool,
    /// Nothing was said to that account before.
    is_new: bool,
    /// Whom the list named before.
    listed: BTreeSet<Who>,
}

async fn set_one(
    snapshot: &Snapshot,
    batch: &mut Batch,
    (owner, mailbox): (AccountId, MailboxId),
    entry: Grant,
    change: RightsChange,
) -> Result<Outcome, Error> {
    let (mut grants, version) = read(snapshot, owner, mailbox).await?;
    let before: BTreeSet<Who> = grants.iter().map(|grant| grant.who).collect();
    let is_meant = |grant: &Grant| (grant.who, grant.negative) == (entry.who, entry.negative);
    let at = grants.iter().position(is_meant).unwrap_or(grants.len());
    let had = grants.get(at).map_or(Rights::NONE, |grant| grant.rights);
    let rights = match change {
        RightsChange::Replace => entry.rights,
        RightsChange::Add => had | entry.rights,
        RightsChange::Remove => had - entry.rights,
    };
    grants.retain(|grant| !is_meant(grant));
    if !rights.is_empty() {
        grants.insert(at, Grant { rights, ..entry });
    }
    if grants.len() > limits::ACL_IDENTIFIERS {
        return Err(Error::Limit("identifiers"));
    }
    batch.expect(keys::record(owner, mailbox), Expect::Present);
    batch.expect(keys::acl(owner, mailbox), version.map_or(Expect::Absent, Expect::Version));
    write(batch, owner, mailbox, &before, &grants);
    let is_new = !before.contains(&entry.who) && !rights.is_empty();
    Ok(Outcome { is_change: rights != had, is_new, listed: before })
}

/// RFC 4314 §4: new mailboxes have the list of the one above them.
pub(crate) async fn inherit(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    top: &MailboxName,
    numbers: std::ops::RangeInclusive<u32>,
) -> Result<(), Error> {
    let Some(above) = nearest_above(snapshot, account, top).await? else { return Ok(()) };
    let (grants, _) = read(snapshot, account, above).await?;
    if !grants.is_empty() {
        for number in numbers {
            write(batch, account, MailboxId(number), &BTreeSet::new(), &grants);
        }
    }
    Ok(())
}

async fn nearest_above(
    snapshot: &Snapshot,
    account: AccountId,
    name: &MailboxName,
) -> Result<Option<MailboxId>, Error> {
    let mut above = name.parent();
    while let Some(parent) = above {
        if let Some((id, _)) = find(snapshot, account, &parent).await? {
            return Ok(Some(id));
        }
        above = parent.parent();
    }
    Ok(None)
}

/// Removes the list of a mailbox that is gone.
pub(crate) async fn drop_all(
    snapshot: &Snapshot,
    batch: &mut Batch,
    owner: AccountId,
    mailbox: MailboxId,
) -> Result<(), Error> {
    let (grants, _) = read(snapshot, owner, mailbox).await?;
    let before = grants.iter().map(|grant| grant.who).collect();
    write(batch, owner, mailbox, &before, &[]);
    Ok(())
}

/// Takes an account that is gone out of the lists of others, at most `limit`. Of how many.
pub(crate) async fn forget(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    limit: usize,
) -> Result<usize, Error> {
    let marks = snapshot.range(&keys::shared_with(account), limit).await?;
    for (owner, mailbox) in marks.iter().filter_map(|(key, _)| keys::shared_place(key)) {
        let (mut grants, version) = read(snapshot, owner, mailbox).await?;
        grants.retain(|grant| grant.who != Who::Account(account));
        batch.expect(keys::acl(owner, mailbox), version.map_or(Expect::Absent, Expect::Version));
        write(batch, owner, mailbox, &BTreeSet::from([Who::Account(account)]), &grants);
    }
    Ok(marks.len())
}

/// What is wrong with lists and marks: with which mailbox's, and what.
pub(crate) async fn audit(
    snapshot: &Snapshot,
    mut tell: impl FnMut(AccountId, MailboxId, &str),
) -> Result<(), store::Error> {
    let nowhere = (AccountId(0), MailboxId(0));
    let mut said = BTreeSet::new();
    snapshot
        .each(keys::all_acls(), |key, found| {
            let (owner, mailbox) = keys::parts(key).unwrap_or(nowhere);
            match decode(&found.value) {
                Ok(grants) => {
                    said.extend(grants.iter().map(|grant| (grant.who.number(), owner, mailbox)));
                }
                Err(_) => tell(owner, mailbox, "the access control list cannot be read"),
            }
            Ok(())
        })
        .await?;
    let mut marked = BTreeSet::new();
    snapshot
        .each(keys::all_shared(), |key, _| {
            match (keys::account_of(key), keys::shared_place(key)) {
                (Some(who), Some((owner, mailbox))) => drop(marked.insert((who, owner, mailbox))),
                _ => tell(nowhere.0, nowhere.1, "the mark of a shared mailbox cannot be read"),
            }
            Ok(())
        })
        .await?;
    for (_, owner, mailbox) in said.symmetric_difference(&marked) {
        tell(*owner, *mailbox, "the access control list does not fit the mark of who shares the mailbox");
    }
    Ok(())
}

async fn read(
    snapshot: &Snapshot,
    owner: AccountId,
    mailbox: MailboxId,
) -> Result<(Vec<Grant>, Option<Version>), Error> {
    match snapshot.get(&keys::acl(owner, mailbox)).await? {
        Some(found) => Ok((decode(&found.value)?, Some(found.version))),
        None => Ok((Vec::new(), None)),
    }
}

/// Puts a list in its place, with the marks of whom it is for; `before`: who may have marks already.
fn write(batch: &mut Batch, owner: AccountId, mailbox: MailboxId, before: &BTreeSet<Who>, grants: &[Grant]) {
    let now: BTreeSet<Who> = grants.iter().map(|grant| grant.who).collect();
    for gone in before.difference(&now) {
        batch.delete(keys::shared(gone.number(), owner, mailbox));
    }
    for new in now.difference(before) {
        batch.put(keys::shared(new.number(), owner, mailbox), vec![1]);
    }
    if grants.is_empty() {
        return batch.delete(keys::acl(owner, mailbox));
    }
    batch.put(keys::acl(owner, mailbox), encode(grants));
}

/// For each entry: whom (4, 0 for all), whether negative (1), rights.
fn encode(grants: &[Grant]) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.list(grants, |w, grant| {
        w.u32(grant.who.number().0).bool(grant.negative).varint(grant.rights.bits().into());
    });
    w.finish()
}

fn decode(bytes: &[u8]) -> Result<Vec<Grant>, store::Error> {
    let (mut r, _) = Reader::new(bytes, 1, "an access control list")?;
    let grants = r.list(|r| {
        let who = Who::from_number(r.u32()?);
        Ok(Grant { who, negative: r.bool()?, rights: Rights::from_bits(r.number()?) })
    })?;
    r.end()?;
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_lists_are_errors(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(grants) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&grants)), Ok(grants));
            }
        }
    }
}
