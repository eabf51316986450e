//! Counting in memory, and writing it down.

use std::collections::BTreeMap;

use mail::{Wall, limits};
use store::{Batch, Receipt};

use crate::keys::{self, Part};
use crate::{Day, Error, Group, Reports, Sample, sample};

/// Samples that one commit writes.
const AT_ONCE: usize = 500;

/// What was seen since it was last written down.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<(Day, Sample), u64>);

/// How many samples each group has in the store, as far as that was asked for.
pub(crate) type Rows = BTreeMap<Group, usize>;

impl Tally {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Counts, unless it is new and there is no more room.
    fn add(&mut self, day: Day, sample: Sample, by: u64) {
        let full = self.len() >= limits::REPORT_WAITING;
        let key = (day, sample);
        match self.0.get_mut(&key) {
            Some(count) => *count = count.saturating_add(by),
            None if full => {}
            None => drop(self.0.insert(key, by)),
        }
    }
}

impl Reports {
    /// Counts a message or a session. Whether this is the first since the last [`Reports::flush`], so that another should
    /// be planned. Kinds beyond [`limits::REPORT_WAITING`] are not counted; whoever waits to be [wanted](Reports::wanted) is
    /// woken before.
    pub fn count(&self, at: Wall, sample: Sample) -> bool {
        let mut tally = self.tally.lock().expect("no holder panics");
        let before = tally.len();
        tally.add(Day::of(at), sample, 1);
        let after = tally.len();
        if before != after && after == limits::REPORT_WAITING / 2 {
            self.wake();
        }
        before == 0
    }

    /// Writes down what was counted, by the store's `commit`. What cannot be written goes on waiting.
    pub async fn flush<F>(&self, commit: impl Fn(Batch) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<Receipt, Error>>,
    {
        let mut rows = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.tally.lock().expect("no holder panics"));
        let mut left = taken.0.into_iter().peekable();
        while left.peek().is_some() {
            let some: Vec<((Day, Sample), u64)> = left.by_ref().take(AT_ONCE).collect();
            let mut batch = Batch::new();
            let written = match self.prepare(&mut batch, &some, &rows).await {
                Ok(added) if batch.is_empty() => Ok(added),
                Ok(added) => commit(batch).await.map(|_| added),
                Err(error) => Err(error),
            };
            match written {
                Ok(added) => rows.extend(added),
                Err(error) => {
                    self.put_back(some.into_iter().chain(left));
                    return Err(error);
                }
            }
        }
        // Days that are over get nothing more.
        if let Some(newest) = rows.keys().next_back().map(|group| group.day) {
            rows.retain(|group, _| group.day >= newest.before(1));
        }
        Ok(())
    }

    fn put_back(&self, counted: impl Iterator<Item = ((Day, Sample), u64)>) {
        let mut tally = self.tally.lock().expect("no holder panics");
        for ((day, sample), count) in counted {
            tally.add(day, sample, count);
        }
    }

    /// Puts counts into a batch. How many samples the groups have then.
    async fn prepare(
        &self,
        batch: &mut Batch,
        some: &[((Day, Sample), u64)],
        rows: &Rows,
    ) -> Result<Rows, Error> {
        let (snapshot, mut now) = (self.store.snapshot(), Rows::new());
        for ((day, sample), count) in some {
            let group = Group { day: *day, kind: sample.kind(), domain: sample.domain().to_owned() };
            let bytes = sample.encode();
            let name = sample::name_of(&bytes);
            let key = keys::collected(&group, name, Part::Sample);
            if snapshot.get(&key).await?.is_none() {
                let known = match now.get(&group).or_else(|| rows.get(&group)) {
                    Some(known) => *known,
                    None => self.count_rows(&group).await?,
                };
                if known >= limits::REPORT_ROWS {
                    now.insert(group, known);
                    continue;
                }
                now.insert(group.clone(), known + 1);
                batch.put(key, bytes);
            }
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            batch.count(keys::collected(&group, name, Part::Count), count);
        }
        Ok(now)
    }

    async fn count_rows(&self, group: &Group) -> Result<usize, Error> {
        let mut entries = 0;
        let count = |_: &_, _: &_| {
            entries += 1;
            Ok(())
        };
        self.store.snapshot().each(keys::collected_of(group), count).await?;
        Ok(entries / 2)
    }
}
