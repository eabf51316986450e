//! That nothing at all can be delivered, remembered over restarts: mail must not be given up for it (F26).

use mail::Wall;
use store::Batch;
use store::codec::{Reader, Writer};

use crate::{Error, Queue, keys};

impl Queue {
    /// Since when nothing at all can be delivered; `None` in good times.
    pub async fn outage(&self) -> Result<Option<Wall>, Error> {
        match self.store.snapshot().get(&keys::outage()).await? {
            Some(found) => Reader::new(&found.value, 1, "the note of an outage")?.0.wall().map(Some),
            None => Ok(None),
        }
    }

    /// Notes that it is so since then, or no longer.
    pub fn note_outage(&self, batch: &mut Batch, since: Option<Wall>) {
        match since {
            Some(since) => batch.put(keys::outage(), Writer::new(1).wall(since).finish()),
            None => batch.delete(keys::outage()),
        }
    }
}
