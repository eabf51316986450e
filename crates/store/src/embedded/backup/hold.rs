//! Holding the files of one moment in place while a backup copies them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::Wall;
use tokio::sync::mpsc;
use world::disk::Open;

use super::{Page, name_of};
use crate::body::{self, Entry, Place};
use crate::embedded::segment::{self, failed};
use crate::embedded::space::Work;
use crate::embedded::{Shared, Usage};
use crate::index::View;
use crate::{BlobId, Error, Key, KeyRange, Read};

/// A moment of an open store, as a backup needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The last commit: everything acknowledged before is in it, and in what lies before it.
    pub sequence: u64,
    /// When, by the wall clock.
    pub time: Wall,
    /// The run of the store.
    pub run: u64,
    /// The segment of the log that is being written.
    pub segment: u64,
    /// Where in it that commit ends.
    pub position: u64,
}

/// A file that a backup copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its name within the store's directory.
    pub name: String,
    /// How many of its bytes belong to the moment.
    pub bytes: u64,
}

/// Files that backups hold, and what was not removed because of them.
#[derive(Default)]
pub(in crate::embedded) struct Holds {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    holders: u32,
    kept: BTreeSet<Place>,
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a file by `remove`, unless somebody copies files: then it is remembered for later, and `false`.
    /// Nobody begins to hold in between.
    pub(in crate::embedded) fn unless_held(&self, place: Place, remove: impl FnOnce()) -> bool {
        let mut state = self.lock();
        if state.holders > 0 {
            state.kept.insert(place);
            return false;
        }
        remove();
        true
    }
}

/// Keeps all files of a moment in place while it lives.
pub struct Hold {
    /// Which moment.
    pub moment: Moment,
    shared: Arc<Shared>,
    view: View,
    log: Vec<(u64, u64)>,
    archives: Vec<Place>,
    space: mpsc::WeakUnboundedSender<Work>,
}

/// Holds what is durable now; `end` is the segment that is written and where what is durable of it ends. Only called
/// by the commit task between commits, so that all of it belongs to one moment.
pub(in crate::embedded) fn hold(
    shared: &Arc<Shared>,
    end: (u64, u64),
    space: mpsc::WeakUnboundedSender<Work>,
) -> Hold {
    // First: from here on nothing goes.
    shared.holds.lock().holders += 1;
    let view = View::new(Arc::clone(&shared.index), Arc::clone(&shared.pins));
    let moment = Moment {
        sequence: view.version().0,
        time: shared.world.clock.wall(),
        run: shared.boot,
        segment: end.0,
        position: end.1,
    };
    let (log, archives) = files(&shared.usage(), end);
    Hold { moment, shared: Arc::clone(shared), view, log, archives, space }
}

fn files(usage: &Usage, end: (u64, u64)) -> (Vec<(u64, u64)>, Vec<Place>) {
    let mut log: Vec<(u64, u64)> = usage.sealed.iter().map(|(number, length)| (*number, *length)).collect();
    log.push(end);
    let archives = usage.live.keys().copied().filter(|place| matches!(place, Place::Archive(_))).collect();
    (log, archives)
}

impl Hold {
    /// The segments of the log, and the archives that something lives in. Blocks for a moment.
    pub fn files(&self) -> Result<Vec<Needed>, Error> {
        let log = self
            .log
            .iter()
            .map(|(number, bytes)| Needed { name: name_of(Place::Log(*number)), bytes: *bytes });
        let mut files: Vec<Needed> = log.collect();
        for place in &self.archives {
            let path = segment::path(&self.shared.dir, *place);
            let bytes = match self.shared.world.disk.open(&path, Open::Read).and_then(|file| file.len()) {
                Ok(bytes) => bytes,
                // Whoever copies finds that it is missing, and says so.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                Err(error) => return Err(failed(&error, &path)),
            };
            files.push(Needed { name: name_of(*place), bytes });
        }
        Ok(files)
    }

    /// Files of single bodies: those of at most `limit` bodies behind `after`, and where to go on. Blocks for a moment.
    pub fn bodies(&self, after: Option<BlobId>, limit: usize) -> Result<Page, Error> {
        let first = body::blob_key(BlobId(0)).to_vec();
        let all =
            KeyRange::between(&Key::from_bytes(first), &Key::from_bytes(body::watermark_key().to_vec()));
        let range = match after {
            Some(after) => all.after(&Key::from_bytes(body::blob_key(after).to_vec())),
            None => all,
        };
        let found = self.shared.index.range(&range, limit, false, self.view.version().0)?;
        let next = if found.len() < limit { None } else { found.last() };
        let next = next.and_then(|(key, _)| body::blob_of(key.as_bytes()));
        let mut files = Vec::new();
        for (_, found) in &found {
            // One that cannot be read names no files; a verification tells of it.
            let Ok(entry) = Entry::decode(&found.value) else { continue };
            let own = entry.extents.iter().filter(|extent| matches!(extent.place, Place::Body(_)));
            files.extend(
                own.map(|extent| Needed {
                    name: name_of(extent.place),
                    bytes: extent.offset + extent.length,
                }),
            );
        }
        Ok((files, next))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.shared.holds.lock();
        state.holders -= 1;
        if state.holders > 0 {
            return;
        }
        let kept = std::mem::take(&mut state.kept).into_iter().collect();
        drop(state);
        // Where the store is closed, the next start finds what is left over.
        if let Some(space) = self.space.upgrade() {
            let _ = space.send(Work::Gone(kept));
        }
    }
}
