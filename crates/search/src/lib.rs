//! Which messages of a mailbox contain what (RFC 9051 §6.4.4): an index of words that answers as a scan of the texts would.
//!
//! What is asked for may begin and end within words, so the index is a list of all words that occur, each with the
//! messages that have it: the list is searched for the part of a word that was asked for, which takes as long as the
//! vocabulary is large, not the mailbox. Where words follow each other in the question, the index tells who *may* have
//! them, and the texts decide ([`Verdict::Maybe`]).
//!
//! An index is made when somebody searches, kept in files beside the store, and holds nothing that is not in the store:
//! a file that is lost or damaged is made again ([`Shelf`]). Messages never change, so an entry is never out of date;
//! whether one is meant is told by its UID and its body's number, which are never given twice.

mod builder;
mod cut;
mod find;
mod like;
mod merge;
mod segment;
mod shelf;
#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use cut::{Phrase, Zones};
pub use find::{Hits, Verdict};
pub use like::Likeness;
pub use segment::{Document, Segment};
pub use shelf::{MEMORY, Shelf, Volumes};
pub use world::disk::cabinet::Place;
