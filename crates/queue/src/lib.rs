//! Queue items: mail that must leave, with its schedule, leases and results per recipient.
//!
//! An item is one message for one destination. It is state in the store: every attempt's result is one commit.
//! Indexes serve it: by due time (when to wake), and by destination and due time (so that a dead domain with
//! a hundred thousand items does not hide the others, F22); those of higher priority once more, to be found before
//! the others of their destination. An item whose sender wants it held for later stands in an index of its own until
//! it is let go. Items that operators hold are in none.
//!
//! Leases are kept in memory, because one process owns the embedded store: they die with the process, and what
//! was in flight is due again after a restart.
//!
//! This crate knows no protocol and never commits.

mod admin;
mod age;
mod audit;
mod due;
mod enqueue;
mod floors;
mod item;
mod keys;
mod lease;
mod outage;
mod record;
mod redirect;
mod release;
mod schedule;
mod sending;
mod settle;
mod sts;
mod suppression;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use store::Store;

pub use admin::{Filter, Page};
pub use age::Age;
pub use audit::Trouble;
pub use due::{DueDestination, DueItem, Figures};
pub use enqueue::NewItem;
pub use item::{Deadline, Destination, Item, RecipientState, State, Via};
pub use lease::Lease;
pub use redirect::Redirected;
pub use schedule::Schedule;
pub use sending::{Sent, Suspension};
pub use settle::{Outcome, Report, ReportKind, Settled};
pub use store::Error;
pub use sts::KeptPolicy;
pub use suppression::{Suppressed, SuppressedPage};

/// The queue. Shared as `Arc<Queue>`.
pub struct Queue {
    store: Arc<dyn Store>,
    leases: lease::Leases,
    floors: floors::Floors,
    urgent_floors: floors::Floors,
}

impl Queue {
    /// On a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            leases: lease::Leases::default(),
            floors: floors::Floors::default(),
            urgent_floors: floors::Floors::default(),
        }
    }
}
