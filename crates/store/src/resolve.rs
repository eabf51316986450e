//! What a batch means: preconditions, counters, slots and references become plain changes of keys.
//!
//! The one place for these rules, whatever keeps the state.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use mail::limits;

use crate::batch::{Counter, counter_value};
use crate::body::{Entry, Extent, blob_key};
use crate::index::Change;
use crate::{Batch, BlobId, Error, Expect, Key, Notice, Op, Receipt, Staged, Template, Version, Versioned};

/// A value of a key may have this many bytes.
const VALUE_LENGTH: usize = 16 << 20;

/// The state that the batch comes upon, commits that are not yet visible included.
pub(crate) trait Latest {
    fn latest(&self, key: &[u8]) -> Result<Option<Versioned>, Error>;
}

/// Takes over the bodies that stay.
pub(crate) trait Keep {
    /// Finds a place for the body.
    fn keep(&mut self, body: Staged) -> Vec<Extent>;
}

/// A batch, worked out.
pub(crate) struct Resolved {
    /// In the order of their keys, each key once.
    pub(crate) changes: Vec<Change>,
    pub(crate) receipt: Receipt,
    pub(crate) notices: Vec<Notice>,
}

/// Works out what `batch` does as commit `version`. Bodies are kept only once nothing can fail any more.
pub(crate) fn resolve(
    batch: Batch,
    version: Version,
    latest: &dyn Latest,
    bodies: &mut dyn Keep,
) -> Result<Resolved, Error> {
    for (key, expect) in &batch.expect {
        check(latest, key, *expect)?;
    }
    let mut changes = Vec::with_capacity(batch.counters.len() + batch.ops.len() + batch.references.len());
    let numbers = count(batch.counters, latest, version, &mut changes)?;
    for op in batch.ops {
        changes.push(change(op, &numbers, version)?);
    }
    let mut references = BTreeMap::new();
    for (blob, by) in batch.references {
        *references.entry(blob).or_insert(0) += by;
    }
    let own: Vec<BlobId> = batch.blobs.iter().map(Staged::id).collect();
    for (blob, by) in references.iter().filter(|(blob, by)| **by != 0 && !own.contains(blob)) {
        changes.extend(refer(*blob, *by, latest, version)?);
    }
    for body in batch.blobs {
        changes.extend(take_over(body, &references, version, bodies));
    }
    let notices = batch.notices.into_iter().map(|notice| fill_in(notice, &numbers)).collect();
    Ok(Resolved { changes: last_of_each(changes), receipt: Receipt::new(version, numbers), notices })
}

fn check(latest: &dyn Latest, key: &Key, expect: Expect) -> Result<(), Error> {
    let found = latest.latest(key.as_bytes())?;
    let holds = match expect {
        Expect::Absent => found.is_none(),
        Expect::Present => found.is_some(),
        Expect::Version(version) => found.is_some_and(|found| found.version == version),
        Expect::AtMost(most) => found.map_or(Ok(0), |found| counter_value(&found.value))? <= most,
    };
    if holds { Ok(()) } else { Err(Error::Conflict) }
}

/// Steps the counters in order; one change for each key, one number for each step.
fn count(
    counters: Vec<Counter>,
    latest: &dyn Latest,
    version: Version,
    changes: &mut Vec<Change>,
) -> Result<Vec<i64>, Error> {
    let mut numbers = Vec::with_capacity(counters.len());
    let mut seen: HashMap<Bytes, usize> = HashMap::with_capacity(counters.len());
    for counter in counters {
        check_length(counter.key.as_bytes(), &[])?;
        let key = Bytes::from(counter.key.0);
        let known = seen.get(&key).copied();
        let at = known.unwrap_or(changes.len());
        if known.is_none() {
            let value = latest.latest(&key)?.map(|found| found.value);
            changes.push(Change { key: key.clone(), value, version });
            seen.insert(key, at);
        }
        let value = &mut changes[at].value;
        let number = value.as_ref().map_or(Ok(0), counter_value)?.saturating_add(counter.by);
        *value = Some(Bytes::copy_from_slice(&number.to_be_bytes()));
        numbers.push(number);
    }
    Ok(numbers)
}

fn change(op: Op, numbers: &[i64], version: Version) -> Result<Change, Error> {
    let (key, value) = match op {
        Op::Put(key, value) => (fill(key, numbers)?, Some(fill(value, numbers)?)),
        Op::Delete(key) => (fill(key, numbers)?, None),
    };
    check_length(&key, value.as_deref().unwrap_or_default())?;
    Ok(Change { key, value, version })
}

fn check_length(key: &[u8], value: &[u8]) -> Result<(), Error> {
    if key.is_empty() || key.len() > limits::STORE_KEY_LENGTH {
        return Err(Error::TooLarge(format!("a key of {} bytes", key.len())));
    }
    if value.len() > VALUE_LENGTH {
        return Err(Error::TooLarge(format!("a value of {} bytes", value.len())));
    }
    Ok(())
}

/// Writes the slots' numbers into their places.
fn fill(template: Template, numbers: &[i64]) -> Result<Bytes, Error> {
    let mut bytes = template.bytes;
    for patch in template.patches {
        let wrong = || Error::TooLarge("a number for its place in a key or value".into());
        let number = numbers.get(patch.slot.0).ok_or_else(wrong)?.to_be_bytes();
        let end = patch.offset.checked_add(patch.width).ok_or_else(wrong)?;
        let place = bytes.get_mut(patch.offset..end).ok_or_else(wrong)?;
        let (high, low) = number.split_at(8 - patch.width.min(8));
        if high.iter().any(|byte| *byte != 0) || low.len() != place.len() {
            return Err(wrong());
        }
        place.copy_from_slice(low);
    }
    Ok(bytes.into())
}

/// The change that adds `by` references to a body of an earlier commit.
fn refer(blob: BlobId, by: i64, latest: &dyn Latest, version: Version) -> Result<Option<Change>, Error> {
    let key = blob_key(blob);
    let Some(found) = latest.latest(&key)? else {
        // What is gone already needs no letting go: the entry of a damaged message must be deletable.
        return if by > 0 { Err(Error::Conflict) } else { Ok(None) };
    };
    let mut entry = Entry::decode(&found.value)?;
    let references = i64::from(entry.references).saturating_add(by).clamp(0, i64::from(u32::MAX));
    entry.references = references as u32;
    let value = (references > 0).then(|| entry.encode());
    Ok(Some(Change { key, value, version }))
}

/// Keeps a body of this batch, if anything refers to it.
fn take_over(
    body: Staged,
    references: &BTreeMap<BlobId, i64>,
    version: Version,
    bodies: &mut dyn Keep,
) -> Option<Change> {
    let id = body.id();
    let count = references.get(&id).copied().unwrap_or(0);
    if count <= 0 {
        return None;
    }
    let references = u32::try_from(count).unwrap_or(u32::MAX);
    let entry = Entry { references, extents: bodies.keep(body) };
    Some(Change { key: blob_key(id), value: Some(entry.encode()), version })
}

fn fill_in(mut notice: Notice, numbers: &[i64]) -> Notice {
    if let Some(number) = notice.slot.and_then(|slot| numbers.get(slot.0)) {
        notice.value = *number;
    }
    notice
}

/// Sorts by key and keeps the last change of each.
fn last_of_each(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    changes.reverse();
    changes.dedup_by(|later, kept| later.key == kept.key);
    changes.reverse();
    changes
}
