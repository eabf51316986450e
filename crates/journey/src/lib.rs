//! What happened to each message, searchable: who brought it, what was decided, each attempt, each later change.
//!
//! Every step of a message is an [`Event`], written in the batch it belongs to: one key for all events of a commit, and
//! a small index key for each name by which people search. Names are indexed by hash and compared when read.
//!
//! This crate only tells; nothing is decided from it. It never commits.

mod audit;
mod event;
mod fields;
mod keys;
mod line;
mod names;
mod prune;
mod record;
mod search;
mod tls;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use mail::Id;
use store::Store;

pub use audit::Trouble;
pub use event::{Accepted, Attempted, Event, Refused, What};
pub use fields::{Fields, Value};
pub use search::Query;
pub use store::Error;
pub use tls::{Tls, TlsFailure, TlsPolicy, TlsResult, Verified};

/// All events of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journey {
    /// The message.
    pub id: Id,
    /// In the order in which they were recorded.
    pub events: Vec<Event>,
    /// Records of it, each with the events of one commit, that are in the store but cannot be read (P4).
    pub damaged: usize,
}

/// All journeys. Shared as `Arc<Journeys>`.
pub struct Journeys {
    store: Arc<dyn Store>,
}

impl Journeys {
    /// On a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}
