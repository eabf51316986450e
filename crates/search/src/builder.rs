//! Collects the words of messages into a segment.

use std::collections::HashMap;

use crate::cut::{LONG, WORD_LENGTH, Zones, words};
use crate::segment::{Document, Writer};

/// Bytes that a word costs in memory beside its own and those of its messages.
const OVERHEAD: usize = 96;

/// Messages whose words are collected.
#[derive(Default)]
pub struct Builder {
    documents: Vec<Document>,
    words: HashMap<Box<str>, Postings>,
    bytes: usize,
}

/// The messages that have one word.
#[derive(Default)]
struct Postings {
    done: PostingsWriter,
    /// The message it was last seen in, and where there.
    last: Option<(u32, Zones)>,
}

/// Messages in ascending order, each with where the word stands: the distance from the one before, doubled, as a
/// number of seven bits a byte; odd when the zones follow in a byte, even for the body alone.
#[derive(Default)]
pub(crate) struct PostingsWriter {
    pub(crate) bytes: Vec<u8>,
    next: u32,
}

impl PostingsWriter {
    pub(crate) fn push(&mut self, document: u32, zones: Zones) {
        let elsewhere = zones != Zones::BODY;
        let mut number = (u64::from(document - self.next) << 1) | u64::from(elsewhere);
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
        if elsewhere {
            self.bytes.push(zones.0);
        }
        self.next = document + 1;
    }
}

impl Builder {
    /// Adds a message with its texts, folded. Messages must come in ascending order of UID.
    pub fn add<'t>(&mut self, document: Document, texts: impl IntoIterator<Item = (Zones, &'t str)>) {
        debug_assert!(self.documents.last().is_none_or(|last| last.uid < document.uid), "UIDs ascend");
        let number = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        self.documents.push(document);
        self.bytes += size_of::<Document>();
        for (zones, text) in texts {
            words(text, |begin, end| {
                let word = if end - begin > WORD_LENGTH { LONG } else { &text[begin..end] };
                self.note(number, zones, word);
            });
        }
    }

    fn note(&mut self, number: u32, zones: Zones, word: &str) {
        let postings = if let Some(postings) = self.words.get_mut(word) {
            postings
        } else {
            self.bytes += OVERHEAD + word.len();
            self.words.entry(word.into()).or_default()
        };
        match &mut postings.last {
            Some((last, has)) if *last == number => *has = *has | zones,
            last => {
                if let Some((document, zones)) = last.replace((number, zones)) {
                    postings.done.push(document, zones);
                    self.bytes += 2;
                }
            }
        }
    }

    /// Messages so far.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The segment, as its file has it.
    pub fn finish(self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.words.into_iter().collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut writer = Writer::default();
        for (word, mut postings) in sorted {
            if let Some((document, zones)) = postings.last {
                postings.done.push(document, zones);
            }
            writer.word(word.as_bytes(), &postings.done.bytes);
        }
        writer.finish(&self.documents)
    }
}
