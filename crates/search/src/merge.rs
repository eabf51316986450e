//! Makes one segment of two neighbours, without those that are gone.

use std::cmp::Ordering;

use crate::builder::PostingsWriter;
use crate::find::read;
use crate::segment::{Document, Segment, Writer};

/// One of the two, and where its messages go.
struct Source<'a> {
    segment: &'a Segment,
    /// The new place of each message that stays.
    places: Vec<Option<u32>>,
    word: usize,
}

impl<'a> Source<'a> {
    fn new(segment: &'a Segment, documents: &mut Vec<Document>, stays: &impl Fn(&Document) -> bool) -> Self {
        let place = |document: Document| {
            stays(&document).then(|| {
                documents.push(document);
                documents.len() as u32 - 1
            })
        };
        let places = segment.documents().map(place).collect();
        Self { segment, places, word: 0 }
    }

    fn word(&self) -> Option<&'a [u8]> {
        (self.word < self.segment.words()).then(|| self.segment.word(self.word))
    }

    /// Adds who has the word, and goes on to the next.
    fn take(&mut self, postings: &mut PostingsWriter) {
        read(self.segment.postings(self.word), |place, zones| {
            if let Some(Some(place)) = self.places.get(place as usize) {
                postings.push(*place, zones);
            }
        });
        self.word += 1;
    }
}

impl Segment {
    /// Both as one file; all UIDs of `next` must be above ours.
    pub(crate) fn merged(&self, next: &Self, stays: impl Fn(&Document) -> bool) -> Vec<u8> {
        let (mut documents, mut writer) = (Vec::new(), Writer::default());
        let mut first = Source::new(self, &mut documents, &stays);
        let mut second = Source::new(next, &mut documents, &stays);
        loop {
            let order = match (first.word(), second.word()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.cmp(b),
            };
            let word = if order == Ordering::Greater { second.word() } else { first.word() };
            let mut postings = PostingsWriter::default();
            if order != Ordering::Greater {
                first.take(&mut postings);
            }
            if order != Ordering::Less {
                second.take(&mut postings);
            }
            if let Some(word) = word.filter(|_| !postings.bytes.is_empty()) {
                writer.word(word, &postings.bytes);
            }
        }
        writer.finish(&documents)
    }
}
