//! Mailboxes by name: list, create, delete, subscribe.

use std::collections::{BTreeMap, BTreeSet};

use mail::{AccountId, MailboxId, MailboxName, ModSeq, SpecialUse, UidValidity, Wall, limits};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Slot, Snapshot, Topic, Version};

use crate::remains::{Cause, Remains, take_away};
use crate::status::read_record;
use crate::{Error, MailboxInfo, Mailboxes, acl, keys, quota, record};

impl Mailboxes {
    /// All mailboxes of an account, by name.
    pub async fn list(&self, account: AccountId) -> Result<Vec<MailboxInfo>, Error> {
        let snapshot = self.store.snapshot();
        let subscribed = subscriptions(&snapshot, account).await?;
        let mut infos: Vec<MailboxInfo> = records(&snapshot, account)
            .await?
            .into_iter()
            .map(|(id, record)| info(id, record, |name| subscribed.contains(name)))
            .collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(infos)
    }

    /// The mailbox of that name.
    pub async fn named(&self, account: AccountId, name: &MailboxName) -> Result<Option<MailboxId>, Error> {
        Ok(find(&self.store.snapshot(), account, name).await?.map(|(id, _)| id))
    }

    /// The name by which a mailbox is known that a user calls so: a mailbox of just that name, else of the same name in
    /// another normal form of Unicode. Where there is none, the name that one would get: in Normalization Form C
    /// (RFC 9051 §5.1), below what is there.
    pub async fn known_name(&self, account: AccountId, name: &MailboxName) -> Result<MailboxName, Error> {
        let snapshot = self.store.snapshot();
        if name.as_str().is_ascii() || find(&snapshot, account, name).await?.is_some() {
            return Ok(name.clone());
        }
        let there = records(&snapshot, account).await?.into_values().map(|record| record.name);
        let mut by_form = BTreeMap::new();
        for name in there {
            // Where there are several, the one in Normalization Form C.
            let normal = name.nfc().unwrap_or_else(|_| name.clone());
            if normal == name || !by_form.contains_key(&normal) {
                by_form.insert(normal, name);
            }
        }
        known_name(name, &by_form)
    }

    /// The mailbox of that number.
    pub async fn info(&self, account: AccountId, mailbox: MailboxId) -> Result<Option<MailboxInfo>, Error> {
        let snapshot = self.store.snapshot();
        let Some(found) = snapshot.get(&keys::record(account, mailbox)).await? else { return Ok(None) };
        let record = record::Mailbox::decode(&found.value)?;
        let subscribed = snapshot.get(&keys::subscription(account, &record.name)).await?.is_some();
        Ok(Some(info(mailbox, record, |_| subscribed)))
    }

    /// All subscribed names, by name; also those of mailboxes that are gone (RFC 3501 §6.3.6).
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, Error> {
        Ok(subscriptions(&self.store.snapshot(), account).await?.into_iter().collect())
    }

    /// Creates a mailbox, and those above it that are missing (RFC 3501 §6.3.3). No other may have the special use. At most one call of
    /// `create`, `rename` or `rename_inbox` for an account in one batch.
    pub async fn create(
        &self,
        batch: &mut Batch,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxId, Error> {
        let snapshot = self.store.snapshot();
        let modseq = batch.count(keys::modseq(account), 1);
        batch.notify_slot(Topic::Account(account), modseq);
        create(&snapshot, batch, account, name, special_use, modseq).await
    }

    /// Deletes one mailbox with its messages. Mailboxes below it stay, under a name that no longer exists
    /// (RFC 3501 §6.3.4). The subscription stays. Takes the same time however large it is: the messages stay where they
    /// are, can be brought back while the [retention](Self::set_retention) lasts, and are removed by
    /// [`sweep`](Self::sweep) then.
    pub async fn delete(
        &self,
        batch: &mut Batch,
        account: AccountId,
        name: &MailboxName,
        now: Wall,
    ) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        delete(&snapshot, batch, account, name.clone(), now).await?;
        touch(batch, account);
        Ok(())
    }

    /// Deletes a mailbox and all below it.
    pub async fn delete_tree(
        &self,
        batch: &mut Batch,
        account: AccountId,
        name: &MailboxName,
        now: Wall,
    ) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let mut tree = records(&snapshot, account).await?;
        tree.retain(|_, record| record.name == *name || record.name.is_below(name));
        if tree.is_empty() {
            return Err(Error::NoSuchMailbox(name.to_string()));
        }
        for record in tree.into_values() {
            delete(&snapshot, batch, account, record.name, now).await?;
        }
        touch(batch, account);
        Ok(())
    }

    /// Subscribes a name, whether or not a mailbox has it.
    pub fn subscribe(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) {
        batch.put(keys::subscription(account, name), vec![1]);
        batch.notify(Topic::Account(account));
    }

    /// Takes a subscription away.
    pub fn unsubscribe(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) {
        batch.delete(keys::subscription(account, name));
        batch.notify(Topic::Account(account));
    }
}

/// See [`Mailboxes::known_name`]. `by_form` has the names that there are by their normal forms.
fn known_name(
    name: &MailboxName,
    by_form: &BTreeMap<MailboxName, MailboxName>,
) -> Result<MailboxName, Error> {
    let normal = name.nfc()?;
    if let Some(known) = by_form.get(&normal) {
        return Ok(known.clone());
    }
    match normal.parent() {
        None => Ok(normal),
        Some(above) => {
            let above = known_name(&above, by_form)?;
            Ok(MailboxName::new(&format!("{above}{}{}", MailboxName::SEPARATOR, normal.leaf()))?)
        }
    }
}

pub(crate) fn info(
    id: MailboxId,
    record: record::Mailbox,
    subscribed: impl Fn(&MailboxName) -> bool,
) -> MailboxInfo {
    MailboxInfo {
        id,
        subscribed: subscribed(&record.name),
        special_use: record.special_use,
        uid_validity: record.uid_validity,
        object: record.object,
        name: record.name,
    }
}

/// All mailboxes of an account by number.
pub(crate) async fn records(
    snapshot: &Snapshot,
    account: AccountId,
) -> Result<BTreeMap<MailboxId, record::Mailbox>, Error> {
    let mut records = BTreeMap::new();
    for (key, found) in
        snapshot.range(&keys::records(account), limits::MAILBOXES + limits::MAILBOX_DEPTH).await?
    {
        let (_, id) = keys::parts(&key)
            .ok_or_else(|| store::Error::Damaged("a mailbox's key cannot be read".into()))?;
        records.insert(id, record::Mailbox::decode(&found.value)?);
    }
    Ok(records)
}

pub(crate) async fn subscriptions(
    snapshot: &Snapshot,
    account: AccountId,
) -> Result<BTreeSet<MailboxName>, Error> {
    let found = snapshot.range(&keys::subscriptions(account), 2 * limits::MAILBOXES).await?;
    Ok(found.iter().filter_map(|(key, _)| keys::subscribed_name(key)).collect())
}

/// The number of a name's mailbox and the version of that fact.
pub(crate) async fn find(
    snapshot: &Snapshot,
    account: AccountId,
    name: &MailboxName,
) -> Result<Option<(MailboxId, Version)>, Error> {
    let Some(found) = snapshot.get(&keys::name(account, name)).await? else { return Ok(None) };
    let (mut r, _) = Reader::new(&found.value, 1, "a mailbox's name")?;
    Ok(Some((MailboxId(r.u32()?), found.version)))
}

pub(crate) async fn existing(
    snapshot: &Snapshot,
    account: AccountId,
    name: &MailboxName,
) -> Result<(MailboxId, Version), Error> {
    find(snapshot, account, name).await?.ok_or_else(|| Error::NoSuchMailbox(name.to_string()))
}

/// Marks the account as changed.
pub(crate) fn touch(batch: &mut Batch, account: AccountId) {
    let modseq = batch.count(keys::modseq(account), 1);
    batch.notify_slot(Topic::Account(account), modseq);
}

/// Creates a mailbox and those above it that are missing.
pub(crate) async fn create(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
    modseq: Slot,
) -> Result<MailboxId, Error> {
    check_own(name)?;
    if find(snapshot, account, name).await?.is_some() {
        return Err(Error::AlreadyExists(name.clone()));
    }
    if let Some(special_use) = special_use {
        check_unused(snapshot, account, special_use).await?;
    }
    let mut missing = missing_above(snapshot, account, name).await?;
    missing.push(name.clone());
    let first = take_numbers(snapshot, batch, account, missing.len() as u32).await?;
    let last = first + missing.len() as u32 - 1;
    for (number, name) in (first..).zip(&missing) {
        let special_use = special_use.filter(|_| number == last);
        put_mailbox(batch, account, number, name, special_use, modseq);
    }
    acl::inherit(snapshot, batch, account, &missing[0], first..=last).await?;
    Ok(MailboxId(last))
}

/// RFC 2342 §4: where others' mailboxes are seen are none of one's own.
pub(crate) fn check_own(name: &MailboxName) -> Result<(), Error> {
    if name.is_of_others() {
        return Err(Error::NotPossible("names there are for mailboxes that others share"));
    }
    Ok(())
}

/// RFC 6154 §3: a special use belongs to one mailbox, so that all clients, and delivery, mean the same one. Two that are created
/// at once conflict by their numbers.
async fn check_unused(snapshot: &Snapshot, account: AccountId, special_use: SpecialUse) -> Result<(), Error> {
    let records = records(snapshot, account).await?;
    match records.into_values().find(|record| record.special_use == Some(special_use)) {
        Some(record) => Err(Error::SpecialUseTaken(special_use, record.name)),
        None => Ok(()),
    }
}

/// Names above `name` that no mailbox has, from the top down.
pub(crate) async fn missing_above(
    snapshot: &Snapshot,
    account: AccountId,
    name: &MailboxName,
) -> Result<Vec<MailboxName>, Error> {
    let mut missing = Vec::new();
    let mut above = name.parent();
    while let Some(parent) = above {
        if find(snapshot, account, &parent).await?.is_some() {
            break;
        }
        above = parent.parent();
        missing.push(parent);
    }
    missing.reverse();
    Ok(missing)
}

/// Takes `count` numbers, which serve as mailbox numbers and as UIDVALIDITY; gives the first. Two batches that do so for one
/// account conflict.
pub(crate) async fn take_numbers(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    count: u32,
) -> Result<u32, Error> {
    if snapshot.range(&keys::records(account), limits::MAILBOXES).await?.len() >= limits::MAILBOXES {
        return Err(Error::Limit("mailboxes"));
    }
    let key = keys::number(account);
    let Some(found) = snapshot.get(&key).await? else {
        return Err(Error::NoSuchMailbox(format!("of account {account}")));
    };
    if snapshot.get(&keys::retired(account)).await?.is_some() {
        // A session that the account's removal left behind.
        return Err(Error::NoSuchMailbox(format!("of account {account}")));
    }
    let last = u32::try_from(snapshot.counter(&key).await?)
        .map_err(|_| store::Error::Damaged("a counter of mailboxes is out of range".into()))?;
    batch.expect(key.clone(), Expect::Version(found.version));
    batch.count(key, count.into());
    Ok(last + 1)
}

/// Adds a mailbox under a fresh number.
pub(crate) fn put_mailbox(
    batch: &mut Batch,
    account: AccountId,
    number: u32,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
    modseq: Slot,
) {
    let record = record::Mailbox {
        uid_validity: uid_validity(number),
        created: ModSeq(0),
        special_use,
        object: number,
        name: name.clone(),
    };
    batch.put(keys::record(account, MailboxId(number)), record.template(modseq));
    put_name(batch, account, name, MailboxId(number));
}

/// Gives a mailbox a name that nobody has.
pub(crate) fn put_name(batch: &mut Batch, account: AccountId, name: &MailboxName, id: MailboxId) {
    let key = keys::name(account, name);
    batch.expect(key.clone(), Expect::Absent);
    batch.put(key, Writer::new(1).u32(id.0).finish());
}

pub(crate) fn uid_validity(number: u32) -> UidValidity {
    UidValidity(number.try_into().expect("numbers begin behind a base above zero"))
}

async fn delete(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    name: MailboxName,
    now: Wall,
) -> Result<(), Error> {
    if name.is_inbox() {
        return Err(Error::NotPossible("INBOX cannot be deleted"));
    }
    let (id, version) = existing(snapshot, account, &name).await?;
    let record = read_record(snapshot, account, id).await?;
    let remains = Remains { at: now, cause: Cause::Deleted, record: record::Mailbox { name, ..record } };
    take_away(batch, account, id, version, &remains);
    quota::count_out(snapshot, batch, account, id).await
}
