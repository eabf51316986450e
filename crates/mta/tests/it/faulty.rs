//! A store that fails when it is told to.

use std::sync::{Arc, Mutex};

use mail::Id;
use store::{Batch, BlobId, BlobWriter, Error, Receipt, Snapshot, Statistics, Store, Topic, Watch};
use world::BoxFuture;

/// Around another store. Clones share their faults.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    /// Errors of the next commits; then they work again.
    commits: Vec<Error>,
    /// What is said to bodies that ask for room; `None` is yes.
    room: Option<Error>,
    /// Reads of bodies at this offset and beyond fail.
    reads_from: Option<u64>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// The next `times` commits fail.
    pub(crate) fn fail_commits(&self, error: &Error, times: usize) {
        self.faults.lock().expect("no panics").commits = vec![error.clone(); times];
    }

    /// No body has room; `None` ends that.
    pub(crate) fn refuse_room(&self, error: Option<Error>) {
        self.faults.lock().expect("no panics").room = error;
    }

    /// Reads of bodies at `offset` and beyond fail; `None` ends that.
    pub(crate) fn fail_reads_from(&self, offset: Option<u64>) {
        self.faults.lock().expect("no panics").reads_from = offset;
    }
}

impl Store for Faulty {
    fn commit(&self, batch: Batch) -> BoxFuture<'static, Result<Receipt, Error>> {
        match self.faults.lock().expect("no panics").commits.pop() {
            Some(error) => Box::pin(async { Err(error) }),
            None => self.inner.commit(batch),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    fn check_room(&self, bytes: u64) -> Result<(), Error> {
        match &self.faults.lock().expect("no panics").room {
            Some(error) if bytes > 1000 => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn stage(&self) -> BlobWriter {
        self.inner.stage()
    }

    fn read_blob(
        &self,
        id: BlobId,
        offset: u64,
        length: usize,
    ) -> BoxFuture<'_, Result<bytes::Bytes, Error>> {
        let broken = self.faults.lock().expect("no panics").reads_from.is_some_and(|from| offset >= from);
        if broken {
            return Box::pin(async { Err(Error::Io("a sector cannot be read".into())) });
        }
        self.inner.read_blob(id, offset, length)
    }

    fn next_id(&self) -> Id {
        self.inner.next_id()
    }

    fn watch(&self, topic: Topic) -> Watch {
        self.inner.watch(topic)
    }

    fn failed(&self) -> BoxFuture<'static, Error> {
        self.inner.failed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}
