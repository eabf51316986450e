//! Makes groups of records durable: one write, one sync, in order.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use world::disk::File;

/// Bytes to make durable.
pub(super) struct Work {
    pub(super) file: Arc<dyn File>,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// How that went.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Durable.
    Synced,
    /// Nothing of it is there, and never will be.
    Full,
    /// Nobody knows what is there.
    Unknown(String),
}

/// A group's outcome, and its buffer for the next one.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) buffer: Vec<u8>,
}

/// Until the commit task ends.
pub(super) async fn run(mut groups: mpsc::UnboundedReceiver<Work>, done: mpsc::UnboundedSender<Done>) {
    while let Some(mut work) = groups.recv().await {
        let outcome = write(&work);
        work.bytes.clear();
        if done.send(Done { outcome, buffer: work.bytes }).is_err() {
            return;
        }
    }
}

fn write(work: &Work) -> Outcome {
    match work.file.write_all_at(&work.bytes, work.offset) {
        // A sync that failed is never tried again: the kernel may have dropped the pages (F16).
        Ok(()) => match work.file.sync_data() {
            Ok(()) => Outcome::Synced,
            Err(error) => Outcome::Unknown(format!("a sync of the log failed: {error}")),
        },
        Err(error) if error.kind() == io::ErrorKind::StorageFull => take_back(work),
        Err(error) => Outcome::Unknown(format!("a write to the log failed: {error}")),
    }
}

/// Cuts off what was written of the group, so that no start finds it.
fn take_back(work: &Work) -> Outcome {
    match work.file.set_len(work.offset).and_then(|()| work.file.sync_all()) {
        Ok(()) => Outcome::Full,
        Err(error) => Outcome::Unknown(format!("the disk is full and the log could not be cut: {error}")),
    }
}
