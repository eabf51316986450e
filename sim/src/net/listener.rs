//! Taking connections.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use world::net::Accept;
use world::{BoxFuture, Stream};

use super::{HostId, Shared, no_files};
use crate::executor::ProcessId;
use crate::oracle::Violation;

/// Where connections wait to be taken.
pub(crate) struct Place {
    state: Mutex<Waiting>,
    /// Whose it is.
    pub(super) process: ProcessId,
}

#[derive(Default)]
struct Waiting {
    streams: VecDeque<Stream>,
    wakers: Vec<Waker>,
    closed: bool,
    /// When no file descriptor was left the last time.
    failed: Option<u64>,
}

impl Place {
    pub(super) fn new(process: ProcessId) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), process })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().streams.len()
    }

    pub(super) fn push(&self, stream: Stream) {
        let wakers = {
            let mut state = self.lock();
            state.streams.push_back(stream);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn close(&self) {
        let streams = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.streams)
        };
        drop(streams);
    }
}

/// The owner's handle; nobody can connect any more when it is dropped.
pub(super) struct Held {
    pub(super) shared: Arc<Shared>,
    pub(super) host: HostId,
    pub(super) address: SocketAddr,
    pub(super) place: Arc<Place>,
}

impl Accept for Held {
    fn accept(&self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(std::future::poll_fn(|cx| {
            let mut waiting = self.place.lock();
            if waiting.streams.is_empty() {
                if !waiting.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.wakers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            // As the kernel does: the connection stays where it is.
            if self.shared.lock().lacks_files(self.host) {
                self.shared.coverage.hit("net.no-files");
                let now = self.shared.executor.now();
                if waiting.failed.replace(now) == Some(now) {
                    let what = format!("{} is asked for connections without a rest (F21)", self.address);
                    self.shared.executor.report(Violation::new("I16", what));
                }
                return Poll::Ready(Err(no_files()));
            }
            Poll::Ready(waiting.streams.pop_front().ok_or_else(no_files))
        }))
    }

    fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.place.close();
    }
}
