//! What is counted for reports to other domains, and what others reported about ours: DMARC's aggregate reports
//! (RFC 9990) and reports about TLS (RFC 8460).
//!
//! Counting goes on in memory and is written down now and then, since one more write for each message would cost more
//! than a count is worth: a crash loses what was counted since, and nothing else. Reports that others send are kept
//! whole as far as they are of use, and are read again when somebody looks.

mod collected;
mod day;
mod keys;
mod received;
mod sample;
mod tally;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use store::{Error, Store};
use tokio::sync::Notify;

pub use collected::{Collected, Group};
pub use day::Day;
pub use received::{Announced, File, Page, Received, ReceivedId};
pub use sample::{Kind, Sample};

use tally::{Rows, Tally};

/// All of it, on one store.
pub struct Reports {
    store: Arc<dyn Store>,
    tally: Mutex<Tally>,
    /// Held while counts are written or taken out, so that neither happens within the other.
    writing: tokio::sync::Mutex<Rows>,
    /// Whether ours of today are wanted already.
    demand: AtomicBool,
    /// Told when something has been announced, or when all that is counted is wanted now.
    wake: Notify,
}

impl Reports {
    /// On a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            tally: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            demand: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Waits for a reason to look at once: a report has come, or somebody wants ours to be sent.
    pub async fn wanted(&self) {
        self.wake.notified().await;
    }

    /// Asks for our reports of all that has been counted until now.
    pub fn demand(&self) {
        self.demand.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether they were asked for since the last call.
    pub fn take_demand(&self) -> bool {
        self.demand.swap(false, Ordering::AcqRel)
    }

    /// Lets [`Reports::wanted`] return.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests;
