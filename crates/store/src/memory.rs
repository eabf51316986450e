//! A store that lives as long as the process: for tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use mail::Id;
use world::{BoxFuture, World};

use crate::body::{Entry, Extent, Place as Lies, blob_key, blob_of};
use crate::index::{Index, MapIndex, Pins, View};
use crate::notice::Hub;
use crate::resolve::{Keep, Latest, resolve};
use crate::{
    Batch, BlobId, BlobWriter, Error, Place, Receipt, Sink, Snapshot, Staged, Statistics, Store, Topic,
    Version, Versioned, Watch,
};

/// Opens an empty store in memory.
pub fn open(_world: &World) -> Arc<dyn Store> {
    let pins = Arc::new(Pins::default());
    Arc::new(Memory {
        index: Arc::new(MapIndex::new(Arc::clone(&pins))),
        pins,
        state: Mutex::default(),
        ids: Arc::new(AtomicU64::new(1 << 40)),
        hub: Hub::default(),
    })
}

struct Memory {
    index: Arc<dyn Index>,
    pins: Arc<Pins>,
    state: Mutex<State>,
    ids: Arc<AtomicU64>,
    hub: Hub,
}

#[derive(Default)]
struct State {
    sequence: u64,
    bodies: BTreeMap<BlobId, Bytes>,
    closed: bool,
}

impl Latest for Memory {
    fn latest(&self, key: &[u8]) -> Result<Option<Versioned>, Error> {
        self.index.get(key, u64::MAX)
    }
}

impl Keep for State {
    fn keep(&mut self, body: Staged) -> Vec<Extent> {
        let (id, length) = (body.id(), body.len());
        let mut bytes = BytesMut::from(body.prefix.as_ref());
        if let Place::Memory(main, _) = &body.place {
            bytes.extend_from_slice(main);
        }
        self.bodies.insert(id, bytes.freeze());
        vec![Extent { place: Lies::Memory, offset: 0, length, crcs: Vec::new() }]
    }
}

impl Memory {
    fn commit_now(&self, batch: Batch) -> Result<Receipt, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Error::Closed);
        }
        let sequence = state.sequence + 1;
        let resolved = resolve(batch, Version(sequence), self, &mut *state)?;
        state.sequence = sequence;
        for change in resolved.changes.iter().filter(|change| change.value.is_none()) {
            if let Some(gone) = blob_of(&change.key) {
                state.bodies.remove(&gone);
            }
        }
        self.index.apply(sequence, &resolved.changes);
        self.pins.show(sequence);
        drop(state);
        self.hub.tell(&resolved.notices);
        Ok(resolved.receipt)
    }

    fn read_now(&self, id: BlobId, offset: u64, length: usize) -> Result<Bytes, Error> {
        let missing = || Error::Missing(format!("body {}", id.0));
        let found = self.latest(&blob_key(id))?.ok_or_else(missing)?;
        let end = Entry::decode(&found.value)?.length();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = state.bodies.get(&id).ok_or_else(missing)?;
        let start = offset.min(end);
        Ok(bytes.slice(start as usize..start.saturating_add(length as u64).min(end) as usize))
    }
}

impl Store for Memory {
    fn commit(&self, batch: Batch) -> BoxFuture<'static, Result<Receipt, Error>> {
        Box::pin(std::future::ready(self.commit_now(batch)))
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(Box::new(View::new(Arc::clone(&self.index), Arc::clone(&self.pins))))
    }

    fn stage(&self) -> BlobWriter {
        BlobWriter::new(Box::new(Collect { ids: Arc::clone(&self.ids), bytes: BytesMut::new() }))
    }

    fn read_blob(&self, id: BlobId, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(std::future::ready(self.read_now(id, offset, length)))
    }

    fn next_id(&self) -> Id {
        Id(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn watch(&self, topic: Topic) -> Watch {
        self.hub.watch(topic)
    }

    fn failed(&self) -> BoxFuture<'static, Error> {
        Box::pin(std::future::pending())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.hub.close();
        Box::pin(std::future::ready(()))
    }

    fn statistics(&self) -> Statistics {
        let commits = self.state.lock().unwrap_or_else(PoisonError::into_inner).sequence;
        Statistics { commits, ..Statistics::default() }
    }
}

/// A body in the making.
struct Collect {
    ids: Arc<AtomicU64>,
    bytes: BytesMut,
}

impl Sink for Collect {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        self.bytes.extend_from_slice(bytes);
        Box::pin(std::future::ready(Ok(())))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<Staged, Error>> {
        let id = BlobId(self.ids.fetch_add(1, Ordering::Relaxed));
        let bytes = self.bytes.freeze();
        let staged = Staged::new(id, bytes.len() as u64, Place::Memory(bytes, None));
        Box::pin(std::future::ready(Ok(staged)))
    }
}
