//! A segment: some messages of a mailbox and their words, as a file has them and as they are read.
//!
//! All numbers little-endian. A header of 40 bytes: `PHSEARCH`, format(4), messages N(4), words M(4), bytes of the list
//! of words W(4), bytes of the postings P(4), zeros(4), CRC-32 of what follows the header(4), CRC-32 of the header so far(4).
//! Then N messages: UID(4), day(4), body(8). Then M starts of words in the list(4 each), M ends of postings(4 each), the list: a line feed,
//! and each word with a line feed behind it, ascending; and the postings.

use std::ops::Range;

/// Of a file that is none of ours, or of another format.
const MAGIC: &[u8; 8] = b"PHSEARCH";
const FORMAT: u32 = 1;
const HEADER: usize = 40;
const DOCUMENT: usize = 16;
/// In place of a day.
const NO_DAY: i32 = i32::MIN;

/// A message as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its UID in the mailbox.
    pub uid: u32,
    /// The number of its body, which is never given to another one.
    pub body: u64,
    /// The day of its Date field as written, in days since 1970.
    pub sent: Option<i32>,
}

/// A segment that was read and checked.
pub struct Segment {
    bytes: Vec<u8>,
    documents: usize,
    words: usize,
    /// Where the starts of words begin.
    starts: usize,
    /// Where the list of words is.
    list: Range<usize>,
}

/// Puts a segment together: words in ascending order.
#[derive(Default)]
pub(crate) struct Writer {
    starts: Vec<u8>,
    ends: Vec<u8>,
    list: Vec<u8>,
    postings: Vec<u8>,
}

impl Writer {
    pub(crate) fn word(&mut self, word: &[u8], postings: &[u8]) {
        if self.list.is_empty() {
            self.list.push(b'\n');
        }
        self.starts.extend((self.list.len() as u32).to_le_bytes());
        self.list.extend_from_slice(word);
        self.list.push(b'\n');
        self.postings.extend_from_slice(postings);
        self.ends.extend((self.postings.len() as u32).to_le_bytes());
    }

    pub(crate) fn finish(self, documents: &[Document]) -> Vec<u8> {
        let Self { starts, ends, list, postings } = self;
        let mut body =
            Vec::with_capacity(documents.len() * DOCUMENT + starts.len() * 2 + list.len() + postings.len());
        for document in documents {
            body.extend(document.uid.to_le_bytes());
            body.extend(document.sent.unwrap_or(NO_DAY).to_le_bytes());
            body.extend(document.body.to_le_bytes());
        }
        for part in [&starts, &ends, &list, &postings] {
            body.extend_from_slice(part);
        }
        let mut file = MAGIC.to_vec();
        let sizes = [documents.len(), starts.len() / 4, list.len(), postings.len(), 0];
        for number in [FORMAT].into_iter().chain(sizes.map(|size| size as u32)) {
            file.extend(number.to_le_bytes());
        }
        file.extend(crc32fast::hash(&body).to_le_bytes());
        file.extend(crc32fast::hash(&file).to_le_bytes());
        file.append(&mut body);
        file
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl Segment {
    /// Takes a file's bytes, if they are whole and of this format.
    pub fn open(bytes: Vec<u8>) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let sound = header.starts_with(MAGIC)
            && u32_at(header, 8) == FORMAT
            && u32_at(header, 36) == crc32fast::hash(&header[..36])
            && u32_at(header, 32) == crc32fast::hash(&bytes[HEADER..]);
        let [documents, words, list, postings] = [12, 16, 20, 24].map(|at| u32_at(header, at) as usize);
        let starts = HEADER + documents * DOCUMENT;
        let list = starts + words * 8..starts + words * 8 + list;
        let fits = sound && list.end + postings == bytes.len();
        let segment = Self { bytes, documents, words, starts, list };
        (fits && segment.is_consistent()).then_some(segment)
    }

    /// Whether nothing points outside: what a checksum cannot say of a file that was made wrong.
    fn is_consistent(&self) -> bool {
        let starts = (0..self.words).map(|word| self.word_start(word));
        let ends = (0..self.words).map(|word| self.postings_end(word));
        starts.is_sorted_by(|a, b| a < b)
            && ends.is_sorted()
            && self.documents().is_sorted_by(|a, b| a.uid < b.uid)
            && (self.words == 0 || self.word_start(self.words - 1) < self.list.len())
            && (self.words == 0 || self.list.end + self.postings_end(self.words - 1) <= self.bytes.len())
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.documents
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Bytes in the file and in memory.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn file(&self) -> &[u8] {
        &self.bytes
    }

    /// The message at this place; places ascend with UIDs.
    pub fn document(&self, place: usize) -> Option<Document> {
        let at = HEADER + place * DOCUMENT;
        let bytes = self.bytes.get(at..at + DOCUMENT).filter(|_| place < self.documents)?;
        let sent = u32_at(bytes, 4).cast_signed();
        let body = u64::from(u32_at(bytes, 8)) | u64::from(u32_at(bytes, 12)) << 32;
        Some(Document { uid: u32_at(bytes, 0), body, sent: (sent != NO_DAY).then_some(sent) })
    }

    /// All messages.
    pub fn documents(&self) -> impl Iterator<Item = Document> + '_ {
        (0..self.documents).filter_map(|place| self.document(place))
    }

    /// The first and the last UID.
    pub fn uids(&self) -> Option<(u32, u32)> {
        Some((self.document(0)?.uid, self.document(self.documents - 1)?.uid))
    }

    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// All words, each between line feeds.
    pub(crate) fn list(&self) -> &[u8] {
        &self.bytes[self.list.clone()]
    }

    pub(crate) fn word_start(&self, word: usize) -> usize {
        u32_at(&self.bytes, self.starts + word * 4) as usize
    }

    pub(crate) fn word(&self, word: usize) -> &[u8] {
        let rest = &self.list()[self.word_start(word)..];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        &rest[..end]
    }

    fn postings_end(&self, word: usize) -> usize {
        u32_at(&self.bytes, self.starts + (self.words + word) * 4) as usize
    }

    pub(crate) fn postings(&self, word: usize) -> &[u8] {
        let begin = if word == 0 { 0 } else { self.postings_end(word - 1) };
        let base = self.list.end;
        self.bytes.get(base + begin..base + self.postings_end(word)).unwrap_or_default()
    }
}
