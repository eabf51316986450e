//! What is sent of an item: its bytes as they are, or in another form for a host that takes less (promise F38).

use bytes::Bytes;
use mail::BodyType;
use message::Parser;
use message::convert::{Converter, Obstacle, Survey};
use queue::Item;
use smtp::client::Capabilities;
use store::{BlobId, Store};

/// Bytes of the message read from the store at once.
const CHUNK: usize = 64 * 1024;

/// What is to be sent: the bytes in front and the body in the store.
pub(crate) struct Content {
    pub(crate) prefix: Bytes,
    pub(crate) blob: BlobId,
    /// Bytes of the body, without the prefix.
    pub(crate) length: u64,
    /// What a host must take to get them as they are.
    pub(crate) needs: BodyType,
}

/// A form of a message that a host takes.
pub(crate) struct Converted {
    pub(crate) converter: Converter,
    pub(crate) size: u64,
    pub(crate) body: BodyType,
}

impl Content {
    /// What a queue item sends.
    pub(crate) fn of(item: &Item) -> Self {
        let prefix = Bytes::from(item.prefix.clone());
        Self { prefix, blob: item.blob, length: item.size, needs: item.body }
    }

    /// Bytes as they are.
    pub(crate) fn size(&self) -> u64 {
        self.prefix.len() as u64 + self.length
    }

    /// The form for a host that takes `target` only, or why there is none. Reads the message three times.
    pub(crate) async fn convert(
        &self,
        store: &dyn Store,
        target: BodyType,
    ) -> Result<Result<Converted, Obstacle>, store::Error> {
        let mut parser = Parser::new();
        self.read(store, |bytes| parser.feed(bytes)).await?;
        let mut survey = Survey::new(parser.finish());
        self.read(store, |bytes| survey.feed(bytes)).await?;
        let converter = match survey.converter(target) {
            Ok(converter) => converter,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        let (mut trial, mut out, mut size) = (converter.clone(), Vec::new(), 0);
        self.read(store, |bytes| {
            trial.feed(bytes, &mut out);
            size += out.len() as u64;
            out.clear();
        })
        .await?;
        Ok(Ok(Converted { converter, size, body: target }))
    }

    async fn read(&self, store: &dyn Store, mut take: impl FnMut(&[u8])) -> Result<(), store::Error> {
        let mut chunks = self.chunks(store);
        while let Some(bytes) = chunks.next().await? {
            take(&bytes);
        }
        Ok(())
    }

    /// All bytes, chunk by chunk.
    pub(crate) fn chunks<'a>(&'a self, store: &'a dyn Store) -> Chunks<'a> {
        Chunks { content: self, store, prefix: !self.prefix.is_empty(), offset: 0 }
    }
}

/// Reads a message.
pub(crate) struct Chunks<'a> {
    content: &'a Content,
    store: &'a dyn Store,
    /// Whether the bytes in front are still to come.
    prefix: bool,
    offset: u64,
}

impl Chunks<'_> {
    /// The next bytes, never none; `None` at the end. A body that is too short is damaged.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, store::Error> {
        if std::mem::take(&mut self.prefix) {
            return Ok(Some(self.content.prefix.clone()));
        }
        let left = self.content.length - self.offset;
        if left == 0 {
            return Ok(None);
        }
        let length = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        let bytes = self.store.read_blob(self.content.blob, self.offset, length).await?;
        if bytes.is_empty() {
            return Err(store::Error::Damaged("a body that is too short".into()));
        }
        self.offset += bytes.len() as u64;
        Ok(Some(bytes))
    }
}

/// The form that a message must be brought into for a host; `None` if it is taken as it is.
pub(crate) fn form_for(needs: BodyType, offered: &Capabilities) -> Option<BodyType> {
    let best = match () {
        () if offered.binary_mime && offered.chunking => BodyType::BinaryMime,
        () if offered.eight_bit_mime => BodyType::EightBitMime,
        () => BodyType::SevenBit,
    };
    (needs > best).then_some(best)
}
