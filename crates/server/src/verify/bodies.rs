//! Bodies: each is read, and the references to it are counted.

use std::collections::BTreeMap;

use mailbox::Mailboxes;
use queue::Queue;
use store::{BadBytes, BlobId, Body, Error, Snapshot};

use super::{Finding, Kind, Walk};

/// Bodies whose references are counted together: some 50 bytes of memory for each.
const WINDOW: usize = 1 << 20;
/// Bodies looked up with one read of the index.
const PAGE: usize = 4096;
/// Damaged bodies that are traced to their messages; more are only counted.
const DAMAGED_MAX: usize = 100_000;

impl Walk<'_> {
    /// Reads all bodies that were not read with the log, and counts the references to each.
    pub(super) async fn bodies(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut after = None;
        loop {
            let (references, last) = self.window(snapshot, after).await?;
            self.compare(snapshot, after, last, references).await?;
            match last {
                Some(_) => after = last,
                None => break,
            }
        }
        // Nothing refers to these bytes any more, but a disk that damages them damages others.
        for (body, bads) in std::mem::take(&mut self.unclear) {
            for bad in bads.into_iter().filter(|_| !self.damaged.contains_key(&body)) {
                let text = "bytes of a body that nothing needs any more fail their checksum";
                self.report.add(Finding {
                    file: Some(bad.file),
                    from: Some(bad.bytes.start),
                    to: Some(bad.bytes.end),
                    body: Some(body.0),
                    harmless: true,
                    ..Finding::new(Kind::File, text)
                });
            }
        }
        Ok(())
    }

    /// Checks the bodies behind `after`, as many as fit a window. Gives their references, and the last one if more
    /// follow.
    async fn window(
        &mut self,
        snapshot: &Snapshot,
        after: Option<BlobId>,
    ) -> Result<(BTreeMap<BlobId, i64>, Option<BlobId>), Error> {
        let (mut references, mut last) = (BTreeMap::new(), after);
        while references.len() < WINDOW {
            let page = snapshot.bodies(last, PAGE).await?;
            let is_last = page.len() < PAGE;
            for (id, body) in page {
                last = Some(id);
                self.report.seen.bodies += 1;
                references.insert(id, body.as_ref().map_or(0, |body| i64::from(body.references)));
                self.check(id, body.as_ref()).await?;
            }
            if is_last {
                return Ok((references, None));
            }
        }
        Ok((references, last))
    }

    /// Reads a body, unless it was read with the log and is good.
    async fn check(&mut self, id: BlobId, body: Option<&Body>) -> Result<(), Error> {
        let Some(body) = body else {
            self.note(id, vec![whole(0, "its entry cannot be read")]);
            return Ok(());
        };
        let suspect = body.files.iter().any(|file| self.suspects.contains(file));
        if body.in_log && !suspect && !body.files.is_empty() {
            return Ok(());
        }
        match self.store.check_body(id).await {
            Ok(bad) if bad.is_empty() => {}
            Ok(bad) => self.note(id, bad),
            // Removed since the snapshot.
            Err(Error::Missing(_)) => {}
            Err(Error::Damaged(what)) => self.note(id, vec![whole(body.length, &what)]),
            Err(error) => return Err(error),
        }
        if !body.in_log {
            self.read(body.length);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, id: BlobId, bad: Vec<BadBytes>) {
        if self.damaged.len() < DAMAGED_MAX {
            self.damaged.insert(id, bad);
        } else {
            self.report.more += 1;
        }
    }

    /// Compares the references of the bodies behind `after` and up to `last` with those found.
    async fn compare(
        &mut self,
        snapshot: &Snapshot,
        after: Option<BlobId>,
        last: Option<BlobId>,
        mut references: BTreeMap<BlobId, i64>,
    ) -> Result<(), Error> {
        let mut lost = Vec::new();
        let mut take = |blob: BlobId| {
            let is_here = after.is_none_or(|after| blob > after) && last.is_none_or(|last| blob <= last);
            match references.get_mut(&blob) {
                Some(left) => *left -= 1,
                None if is_here && lost.len() < DAMAGED_MAX => lost.push(blob),
                None => {}
            }
        };
        let mut messages = 0;
        Mailboxes::each_held(snapshot, |held| {
            if let Ok(held) = held {
                messages += 1;
                take(held.entry.blob);
            }
        })
        .await?;
        let mut items = 0;
        Queue::each_body(snapshot, |blob| {
            items += 1;
            take(blob);
        })
        .await?;
        (self.report.seen.messages, self.report.seen.queue_items) = (messages, items);
        for id in lost {
            self.note(id, vec![whole(0, "the store has no such body")]);
        }
        for (id, left) in references.into_iter().filter(|(_, left)| *left != 0) {
            let text = if left > 0 {
                format!("{left} references to a body have no message or queue item")
            } else {
                format!("a body has {} references too few: it would go before its time", -left)
            };
            let (body, excess) = (Some(id.0), Some(left));
            self.report.add(Finding { body, excess, ..Finding::new(Kind::References, text) });
        }
        Ok(())
    }
}

fn whole(length: u64, what: &str) -> BadBytes {
    BadBytes { bytes: 0..length, file: String::new(), at: 0, what: what.into() }
}
