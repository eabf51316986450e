//! The segment after the one being written, made ahead of time so that no commit waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::Shared;
use super::segment::{self, Segment};
use crate::Error;
use crate::body::Place as Lies;

/// The segment after this one.
pub(super) enum Next {
    Coming(oneshot::Receiver<Result<Segment, Error>>),
    Ready(Segment),
    /// There was no room for it; new bodies are refused until there is.
    Failed(Error),
}

impl Next {
    /// Waits for it.
    pub(super) async fn ready(self) -> Result<Segment, Error> {
        match self {
            Self::Ready(segment) => Ok(segment),
            Self::Coming(coming) => coming.await.unwrap_or(Err(Error::Closed)),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Which space a segment may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// What lies above the reserve.
    Free,
    /// A part of the reserve.
    Reserve,
}

/// Begins to prepare a segment on a thread where that may block.
pub(super) fn prepare(shared: &Arc<Shared>, number: u64, room: Room) -> Next {
    let (tx, rx) = oneshot::channel();
    let own = Arc::clone(shared);
    let work = move || {
        let header = segment::Header { place: Lies::Log(number), boot: own.boot, salt: own.salt };
        let (checked, bytes) = match room {
            Room::Free => (own.check_reserve(own.options.segment_bytes), own.options.segment_bytes),
            Room::Reserve => (Ok(()), (own.options.reserve_bytes / 4).min(own.options.segment_bytes)),
        };
        let disk = own.world.disk.as_ref();
        let made =
            checked.and_then(|()| segment::prepare(disk, &own.dir, header, bytes.max(segment::HEADER)));
        if room == Room::Free {
            own.short.store(matches!(made, Err(Error::Full)), Ordering::Relaxed);
        }
        let _ = tx.send(made);
    };
    let work = shared.world.tasks.compute(Box::new(work));
    shared.world.tasks.spawn(work);
    Next::Coming(rx)
}
