//! What was counted of whole days, as it goes into reports.

use std::collections::BTreeMap;

use mailauth::report::aggregate::{Published, Row};
use mailauth::report::tls::{Applied, Sessions};
use store::{Batch, Error, Key, Versioned};

use crate::keys::{self, Part};
use crate::{Day, Kind, Reports, Sample};

/// What one report is about, or several where the policy changed during the day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The day.
    pub day: Day,
    /// What was counted.
    pub kind: Kind,
    /// The domain whose policy it is.
    pub domain: String,
}

/// What was counted for a group.
#[derive(Debug, Default)]
pub struct Collected {
    /// Messages by policy.
    pub dmarc: BTreeMap<Published, BTreeMap<Row, u64>>,
    /// Sessions by policy.
    pub tls: BTreeMap<Applied, Sessions>,
    keys: Vec<Key>,
}

impl Collected {
    fn add(&mut self, sample: Sample, count: u64) {
        match sample {
            Sample::Dmarc(sample) => {
                let (policy, row) = *sample;
                let rows = self.dmarc.entry(policy).or_default();
                let sum = rows.entry(row).or_default();
                *sum = sum.saturating_add(count);
            }
            Sample::Tls(sample) => {
                let (applied, failure) = *sample;
                self.tls.entry(applied).or_default().count(failure, count);
            }
        }
    }

    /// Messages or sessions.
    pub fn total(&self) -> u64 {
        let messages = self.dmarc.values().flat_map(BTreeMap::values);
        let sessions = self.tls.values().map(|sessions| sessions.successful.saturating_add(sessions.failed));
        messages.copied().chain(sessions).fold(0, u64::saturating_add)
    }
}

impl Reports {
    /// Groups of days up to `last`, behind `after`, at most `limit`, oldest first.
    pub async fn groups(&self, last: Day, after: Option<&Group>, limit: usize) -> Result<Vec<Group>, Error> {
        let snapshot = self.store.snapshot();
        let mut range = keys::all_collected();
        let skip = |group: &Group| {
            store::KeyRange::between(&Key::from_bytes(keys::collected_of(group).end().to_vec()), &end())
        };
        if let Some(after) = after {
            range = skip(after);
        }
        let mut groups = Vec::new();
        while groups.len() < limit {
            let Some((key, _)) = snapshot.range(&range, 1).await?.into_iter().next() else { break };
            let Some(group) = keys::group(&key) else {
                return Err(Error::Damaged("the key of what is counted for a report".into()));
            };
            if group.day > last {
                break;
            }
            range = skip(&group);
            groups.push(group);
        }
        Ok(groups)
    }

    /// What was counted for a group. A sample that cannot be read is left out (P4).
    pub async fn collected(&self, group: &Group) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let mut sample = None;
        let visit = |key: &Key, found: &Versioned| {
            collected.keys.push(key.clone());
            match keys::part(key) {
                Some(Part::Sample) => sample = Sample::decode(group.kind, &found.value).ok(),
                Some(Part::Count) => {
                    if let Some(sample) = sample.take() {
                        collected.add(sample, counted(found)?);
                    }
                }
                None => {}
            }
            Ok(())
        };
        self.store.snapshot().each(keys::collected_of(group), visit).await?;
        Ok(collected)
    }

    /// Adds to a batch that what was counted is not needed any more.
    pub fn forget(&self, batch: &mut Batch, collected: &Collected) {
        for key in &collected.keys {
            batch.delete(key.clone());
        }
    }

    /// Lets nothing be written down while `work` takes counts out: what it has read is all there is.
    pub async fn alone<T>(&self, work: impl Future<Output = T>) -> T {
        let mut rows = self.writing.lock().await;
        rows.clear();
        work.await
    }
}

fn end() -> Key {
    Key::from_bytes(keys::all_collected().end().to_vec())
}

/// A counter's value: eight bytes, as the store keeps them.
fn counted(found: &Versioned) -> Result<u64, Error> {
    let bytes = <[u8; 8]>::try_from(&*found.value).map_err(|_| Error::Damaged("a report's count".into()))?;
    Ok(u64::try_from(i64::from_be_bytes(bytes)).unwrap_or(0))
}
