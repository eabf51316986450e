//! Reads a whole store and says what is damaged, in terms of messages (P4, I12): every byte of the log, the archives
//! and the bodies against its checksum, every record of the state, the references to bodies against those found, and
//! the counters against counting again.
//!
//! The same walk serves `posthouse verify`, `posthouse repair` and the audit of the simulator. It changes nothing, and
//! its memory is bounded: references are counted for a window of bodies at a time.

mod bodies;
mod finding;
mod holders;

use std::collections::{BTreeMap, BTreeSet};

use directory::Directory;
use journey::Journeys;
use mail::AccountId;
use mailbox::Mailboxes;
use queue::Queue;
use store::{BadBytes, BadFile, BlobId, Error, Key, Snapshot, Store};

pub use finding::{Finding, Kind, Message, Report, Seen};
pub(crate) use holders::holders;

/// Bytes of a file that are read before the progress is told.
const STEP: u64 = 4 << 20;

/// How far a walk is, in bytes of the store's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Read so far.
    pub done: u64,
    /// To read.
    pub total: u64,
}

/// Told how far a walk is.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Reads everything. Damage is a finding, never an error; an error says that the store cannot be read at all. Takes
/// the thread for as long as the disk needs: a server runs it on one of its own.
pub async fn walk(store: &dyn Store, tell: Tell<'_>) -> Result<Report, Error> {
    let mut walk = Walk {
        store,
        tell,
        progress: Progress::default(),
        report: Report::default(),
        suspects: BTreeSet::new(),
        unclear: BTreeMap::new(),
        damaged: BTreeMap::new(),
        accounts: BTreeMap::new(),
    };
    walk.files().await?;
    let snapshot = store.snapshot();
    walk.index(&snapshot).await?;
    let result = walk.directory(&snapshot).await;
    walk.unless_damaged(result)?;
    let result = walk.bodies(&snapshot).await;
    walk.unless_damaged(result)?;
    let result = walk.name_holders(&snapshot).await;
    walk.unless_damaged(result)?;
    let result = walk.mailboxes(&snapshot).await;
    walk.unless_damaged(result)?;
    let result = walk.queue_and_journeys(&snapshot).await;
    walk.unless_damaged(result)?;
    walk.progress.done = walk.progress.total;
    (walk.tell)(walk.progress);
    Ok(walk.report)
}

/// A walk under way.
struct Walk<'a> {
    store: &'a dyn Store,
    tell: Tell<'a>,
    progress: Progress,
    report: Report,
    /// Files with damage: the bodies in them are read one by one.
    suspects: BTreeSet<String>,
    /// Bodies in the log that failed their checksum, while it is not known whether anything needs these bytes.
    unclear: BTreeMap<BlobId, Vec<BadFile>>,
    /// What is wrong with each damaged body.
    damaged: BTreeMap<BlobId, Vec<BadBytes>>,
    accounts: BTreeMap<AccountId, String>,
}

impl Walk<'_> {
    /// Damage ends a part of the walk, and the walk goes on with the next.
    fn unless_damaged(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(Error::Damaged(what)) => {
                self.report.add(Finding::new(Kind::Index, what));
                Ok(())
            }
            other => other,
        }
    }

    fn read(&mut self, bytes: u64) {
        self.report.seen.bytes += bytes;
        self.progress.done = (self.progress.done + bytes).min(self.progress.total);
        (self.tell)(self.progress);
    }

    /// Every file: its header, and the records of the log with the bodies in them.
    async fn files(&mut self) -> Result<(), Error> {
        let files = self.store.files().await?;
        self.progress.total = files.iter().map(|file| file.bytes).sum();
        for file in &files {
            self.report.seen.files += 1;
            let mut from = Some(0);
            while let Some(at) = from {
                let check = self.store.check_file(file, at, STEP).await?;
                for bad in check.bad {
                    self.suspects.insert(bad.file.clone());
                    match bad.body {
                        Some(body) => self.unclear.entry(body).or_default().push(bad),
                        None => self.report.add(of_file(bad)),
                    }
                }
                self.read(check.read);
                from = check.next;
            }
        }
        Ok(())
    }

    /// Every entry of the index, for the checksums of its blocks.
    async fn index(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let all = Key::from_bytes(Vec::new()).prefix_range();
        let result = snapshot.each(all, |_, _| Ok(())).await;
        self.unless_damaged(result)
    }

    async fn directory(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let report = &mut self.report;
        let audit = Directory::audit(snapshot, |text| report.add(Finding::new(Kind::Directory, text))).await;
        self.accounts = audit.map_err(|error| match error {
            directory::Error::Store(error) => error,
            other => Error::Damaged(other.to_string()),
        })?;
        self.report.seen.accounts = self.accounts.len() as u64;
        Ok(())
    }

    async fn mailboxes(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut troubles = Vec::new();
        Mailboxes::audit(snapshot, |trouble| troubles.push(trouble)).await?;
        for trouble in troubles {
            let kind = if trouble.uid.is_some() { Kind::Message } else { Kind::Mailbox };
            let message = self.message(snapshot, trouble.account, trouble.mailbox, trouble.uid).await?;
            self.report.add(Finding { message: Some(message), ..Finding::new(kind, trouble.what) });
        }
        Ok(())
    }

    async fn queue_and_journeys(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let report = &mut self.report;
        Queue::audit(snapshot, |trouble| {
            let item = trouble.item.map(|id| id.to_string());
            report.add(Finding { item, ..Finding::new(Kind::Queue, trouble.what) });
        })
        .await?;
        let journeys = Journeys::audit(snapshot, |trouble| {
            let id = trouble.message.map(|id| id.to_string());
            let message = Some(Message { id, ..Message::default() });
            report.add(Finding { message, ..Finding::new(Kind::Journey, trouble.what) });
        })
        .await?;
        report.seen.journeys = journeys;
        Ok(())
    }
}

/// Damage of a file that is not a body's.
fn of_file(bad: BadFile) -> Finding {
    let text = match bad.commits {
        Some((after, before)) => format!("{}: commits after {after} and before {before}", bad.what),
        None => bad.what,
    };
    let kind = if bad.file.starts_with("log/") { Kind::Log } else { Kind::File };
    Finding {
        file: Some(bad.file),
        from: Some(bad.bytes.start),
        to: Some(bad.bytes.end),
        commits: bad.commits,
        ..Finding::new(kind, text)
    }
}

#[cfg(test)]
pub(crate) mod tests;
