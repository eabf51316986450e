//! Annotations of mailboxes, and of an account as a whole (RFC 5464): small values under names.
//!
//! They are kept under the mailbox's number, so they follow a rename and are out of reach with the mailbox. A value that is
//! taken away leaves its name for a while, so that sessions can be told of it.

use mail::{AccountId, MailboxId, ModSeq, limits};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Key, Patch, Slot, Snapshot, Template, Topic};

use crate::{Error, INBOX, Mailboxes, keys};

/// An annotation, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Its name, in lower case.
    pub name: String,
    /// `None` if it was taken away.
    pub value: Option<Vec<u8>>,
    /// Its last change.
    pub modseq: ModSeq,
}

impl Mailboxes {
    /// The annotations of a mailbox, or of the account as a whole, by name.
    pub async fn annotations(
        &self,
        account: AccountId,
        of: Option<MailboxId>,
    ) -> Result<Vec<Annotation>, Error> {
        let mut found = read(&self.store.snapshot(), account, of).await?;
        found.retain(|annotation| annotation.value.is_some());
        Ok(found)
    }

    /// Sets values, all or none; `None` takes one away. [`Error::Limit`] if the mailbox has
    /// [`limits::ANNOTATIONS`] already, or the account [`limits::ANNOTATION_BYTES`]. Conflicts with every other change of the
    /// account's annotations. Gives the MODSEQ of the change.
    pub async fn annotate(
        &self,
        batch: &mut Batch,
        account: AccountId,
        of: Option<MailboxId>,
        values: &[(String, Option<Vec<u8>>)],
    ) -> Result<Slot, Error> {
        let snapshot = self.store.snapshot();
        if let Some(mailbox) = of {
            batch.expect(keys::record(account, mailbox), Expect::Present);
        }
        let last = keys::annotated(account);
        let seen = snapshot.get(&last).await?;
        batch.expect(last.clone(), seen.map_or(Expect::Absent, |found| Expect::Version(found.version)));
        let others = read(&snapshot, account, of).await?.into_iter();
        let others: Vec<Annotation> =
            others.filter(|one| values.iter().all(|(name, _)| *name != one.name)).collect();
        let set = values.iter().filter(|(_, value)| value.is_some()).count();
        if set > 0 && set + others.iter().filter(|one| one.value.is_some()).count() > limits::ANNOTATIONS {
            return Err(Error::Limit("annotations"));
        }
        let more: usize = values.iter().map(|(name, value)| size(name, value.as_deref())).sum();
        if set > 0 && more + bytes(&snapshot, account, of, values).await? > limits::ANNOTATION_BYTES {
            return Err(Error::Limit("annotations"));
        }
        let modseq = batch.count(keys::modseq(account), 1);
        for (name, value) in values {
            batch.put(keys::annotation(account, of, name), template(value.as_deref(), modseq));
        }
        forget(batch, account, of, &others);
        batch.put(last, Template { bytes: vec![0; 8], patches: vec![Patch::u64(modseq, 0)] });
        batch.notify_slot(Topic::Account(account), modseq);
        Ok(modseq)
    }

    /// The last change of any of the account's annotations.
    pub async fn annotated(&self, account: AccountId) -> Result<ModSeq, Error> {
        let last = self.store.snapshot().counter(&keys::annotated(account)).await?;
        Ok(ModSeq(u64::try_from(last).unwrap_or(0)))
    }

    /// Annotations that changed after `modseq`, also those taken away, with their mailboxes; `None` for the account as a
    /// whole.
    pub async fn annotated_since(
        &self,
        account: AccountId,
        modseq: ModSeq,
    ) -> Result<Vec<(Option<MailboxId>, Annotation)>, Error> {
        let mut changed = Vec::new();
        for (key, found) in self.store.snapshot().range(&keys::annotations_of(account), usize::MAX).await? {
            let (of, annotation) = decode(&key, &found.value)?;
            if annotation.modseq > modseq {
                changed.push((of, annotation));
            }
        }
        Ok(changed)
    }
}

/// RFC 5464 §4.1: a renamed INBOX keeps its annotations, and the new mailbox has the same.
pub(crate) async fn copy_of_inbox(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    to: MailboxId,
    modseq: Slot,
) -> Result<(), Error> {
    for annotation in read(snapshot, account, Some(INBOX)).await? {
        if annotation.value.is_some() {
            let key = keys::annotation(account, Some(to), &annotation.name);
            batch.put(key, template(annotation.value.as_deref(), modseq));
        }
    }
    Ok(())
}

/// Removes all annotations of a mailbox, or of the account as a whole.
pub(crate) async fn drop_all(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    of: Option<MailboxId>,
) -> Result<(), Error> {
    for (key, _) in snapshot.range(&keys::annotations(account, of), usize::MAX).await? {
        batch.delete(key);
    }
    Ok(())
}

/// Whether a record of an annotation can be read.
pub(crate) fn is_readable(key: &Key, value: &[u8]) -> bool {
    decode(key, value).is_ok()
}

/// All of one mailbox, also what is left of those taken away.
async fn read(
    snapshot: &Snapshot,
    account: AccountId,
    of: Option<MailboxId>,
) -> Result<Vec<Annotation>, Error> {
    let found = snapshot.range(&keys::annotations(account, of), usize::MAX).await?;
    let read = found.iter().map(|(key, found)| Ok(decode(key, &found.value)?.1));
    read.collect()
}

/// Of names taken away, as many as there may be annotations are remembered.
fn forget(batch: &mut Batch, account: AccountId, of: Option<MailboxId>, others: &[Annotation]) {
    let mut gone: Vec<&Annotation> = others.iter().filter(|one| one.value.is_none()).collect();
    gone.sort_by_key(|one| one.modseq);
    let too_many = gone.len().saturating_sub(limits::ANNOTATIONS);
    for one in &gone[..too_many] {
        batch.delete(keys::annotation(account, of, &one.name));
    }
}

/// Bytes of all of the account's annotations but those that `values` replace.
async fn bytes(
    snapshot: &Snapshot,
    account: AccountId,
    of: Option<MailboxId>,
    values: &[(String, Option<Vec<u8>>)],
) -> Result<usize, Error> {
    let mut bytes = 0;
    for (key, found) in snapshot.range(&keys::annotations_of(account), usize::MAX).await? {
        let (whose, one) = decode(&key, &found.value)?;
        if whose != of || values.iter().all(|(name, _)| *name != one.name) {
            bytes += size(&one.name, one.value.as_deref());
        }
    }
    Ok(bytes)
}

fn size(name: &str, value: Option<&[u8]>) -> usize {
    name.len() + value.map_or(0, <[u8]>::len)
}

/// MODSEQ (8), whether there is a value (1), and the value.
fn template(value: Option<&[u8]>, modseq: Slot) -> Template {
    let mut w = Writer::new(1);
    w.raw(&[0; 8]).u8(u8::from(value.is_some())).raw(value.unwrap_or_default());
    Template { bytes: w.finish(), patches: vec![Patch::u64(modseq, 1)] }
}

fn decode(key: &Key, bytes: &[u8]) -> Result<(Option<MailboxId>, Annotation), store::Error> {
    let (mut r, _) = Reader::new(bytes, 1, "an annotation")?;
    let (of, name) = keys::annotated_by(key).ok_or_else(|| r.damaged())?;
    let modseq = ModSeq(u64::from_be_bytes(r.raw(8)?.try_into().map_err(|_| r.damaged())?));
    let value = match r.u8()? {
        0 => None,
        1 => Some(r.rest().to_vec()),
        _ => return Err(r.damaged()),
    };
    Ok((of, Annotation { name, value, modseq }))
}
