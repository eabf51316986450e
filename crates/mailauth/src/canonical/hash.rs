//! Hashes of a body's canonical form, whole and of its first bytes (`l=`, RFC 6376 §3.7).

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};

use super::{Body, Canonicalization};

/// The only hash there is (RFC 8301 §3.1).
pub(crate) type Sha256 = [u8; 32];

/// Bytes that are put together before they are hashed: lines are short, and each call costs something.
const BUFFER: usize = 4096;

/// Hashes one canonical form of a body.
pub(crate) struct BodyHasher {
    body: Body,
    digester: Digester,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyHash {
    /// Bytes of the canonical form.
    pub(crate) length: u64,
    /// Of all of it.
    pub(crate) whole: Sha256,
    /// Of its first bytes, by their number; only numbers up to `length`.
    pub(crate) starts: BTreeMap<u64, Sha256>,
}

struct Digester {
    context: Context,
    buffer: Vec<u8>,
    /// Canonical bytes taken, those in the buffer included.
    length: u64,
    /// Lengths that are asked for and not reached yet, the smallest last.
    marks: Vec<u64>,
    starts: BTreeMap<u64, Sha256>,
}

impl BodyHasher {
    /// `lengths` are the numbers of canonical bytes whose hash is wanted besides that of the whole.
    pub(crate) fn new(form: Canonicalization, lengths: impl IntoIterator<Item = u64>) -> Self {
        let mut marks: Vec<u64> = lengths.into_iter().collect();
        marks.sort_unstable_by(|a, b| b.cmp(a));
        let digester = Digester {
            context: Context::new(&SHA256),
            buffer: Vec::with_capacity(BUFFER),
            length: 0,
            marks,
            starts: BTreeMap::new(),
        };
        Self { body: Body::new(form), digester }
    }

    /// Takes the next bytes of the body.
    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.body.feed(chunk, &mut |piece| self.digester.take(piece));
    }

    /// What is held in memory.
    #[cfg(test)]
    pub(crate) fn digester_capacity(&self) -> usize {
        self.digester.buffer.capacity()
    }

    /// Ends the body.
    pub(crate) fn finish(mut self) -> BodyHash {
        self.body.finish(&mut |piece| self.digester.take(piece));
        self.digester.finish()
    }
}

impl Digester {
    fn take(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(&mark) = self.marks.last() {
            let missing = mark - self.length;
            if missing > rest.len() as u64 {
                break;
            }
            let (before, behind) = rest.split_at(missing as usize);
            self.buffer_up(before);
            self.flush();
            self.starts.insert(mark, sum(self.context.clone()));
            self.marks.retain(|&other| other != mark);
            rest = behind;
        }
        self.buffer_up(rest);
    }

    fn buffer_up(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        if self.buffer.len() + piece.len() > BUFFER {
            self.flush();
        }
        if piece.len() >= BUFFER {
            self.context.update(piece);
        } else {
            self.buffer.extend_from_slice(piece);
        }
    }

    fn flush(&mut self) {
        self.context.update(&self.buffer);
        self.buffer.clear();
    }

    fn finish(mut self) -> BodyHash {
        // A mark of 0 is reached by an empty body, too.
        self.take(b"");
        self.flush();
        BodyHash { length: self.length, whole: sum(self.context), starts: self.starts }
    }
}

fn sum(context: Context) -> Sha256 {
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}
