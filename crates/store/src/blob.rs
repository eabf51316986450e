//! Bodies: immutable bytes, written once.

use std::any::Any;
use std::fmt::Debug;

use bytes::Bytes;
use world::BoxFuture;

use crate::Error;

/// Names a body. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub u64);

/// A backend's side of a body that is being written.
pub trait Sink: Send + Sync {
    /// Takes more bytes. Waits while the memory budget of all bodies is used up.
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Error>>;
    /// Ends the body; what is on disk already is synced there.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<Staged, Error>>;
}

/// Takes a body as it arrives: small ones wait in memory, larger ones stream to disk.
/// Dropping it gives all space back.
pub struct BlobWriter {
    sink: Box<dyn Sink>,
    written: u64,
}

impl BlobWriter {
    /// Around a backend's sink.
    pub fn new(sink: Box<dyn Sink>) -> Self {
        Self { sink, written: 0 }
    }

    /// Takes more bytes. After an error the body is lost; drop the writer.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.written += bytes.len() as u64;
        self.sink.write(bytes).await
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Ends the body, ready for a batch.
    pub async fn finish(self) -> Result<Staged, Error> {
        self.sink.finish().await
    }
}

/// Where a staged body waits.
#[derive(Debug)]
pub enum Place {
    /// In memory; goes into the commit record. The permit gives the budget back when dropped.
    Memory(Bytes, Option<tokio::sync::OwnedSemaphorePermit>),
    /// Already on disk and synced, in a segment that only the backend knows how to name.
    /// The guard reclaims the segment unless it was committed.
    Disk(Box<dyn OnDisk>),
}

/// A staged body on disk, which its backend knows how to read and to take over.
pub trait OnDisk: Any + Debug + Send + Sync {
    /// Reads `length` bytes from `offset`; both lie within the body.
    fn read(&self, offset: u64, length: usize) -> BoxFuture<'static, Result<Bytes, Error>>;
}

/// A finished body that no commit has taken over yet. Dropping it gives its space back.
#[derive(Debug)]
pub struct Staged {
    pub(crate) id: BlobId,
    pub(crate) length: u64,
    pub(crate) prefix: Bytes,
    pub(crate) place: Place,
}

impl Staged {
    /// From a backend.
    pub fn new(id: BlobId, length: u64, place: Place) -> Self {
        Self { id, length, prefix: Bytes::new(), place }
    }

    /// Its name from the commit on.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Bytes, what was put in front included.
    pub fn len(&self) -> u64 {
        self.prefix.len() as u64 + self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `length` bytes from `offset`, what was put in front included; fewer only where the body ends.
    pub async fn read(&self, offset: u64, length: usize) -> Result<Bytes, Error> {
        let prefix = self.prefix.len() as u64;
        if offset < prefix {
            let start = offset as usize;
            return Ok(self.prefix.slice(start..self.prefix.len().min(start.saturating_add(length))));
        }
        let start = (offset - prefix).min(self.length);
        let length = length.min(usize::try_from(self.length - start).unwrap_or(usize::MAX));
        match &self.place {
            Place::Memory(bytes, _) => Ok(bytes.slice(start as usize..start as usize + length)),
            Place::Disk(_) if length == 0 => Ok(Bytes::new()),
            Place::Disk(body) => body.read(start, length).await,
        }
    }

    /// Puts bytes in front: trace headers that are only known once the whole message has been judged.
    /// At most once.
    pub fn prepend(&mut self, prefix: Bytes) {
        debug_assert!(self.prefix.is_empty(), "a body has one prefix");
        self.prefix = prefix;
    }
}
