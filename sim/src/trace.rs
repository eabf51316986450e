//! What happened: a rolling hash over all of it, and on request a line for each event.
//!
//! Two runs of one seed must give the same hash. Whatever decides or is visible goes into it: which task ran when,
//! every byte on a wire, every operation of a disk, every jump of a clock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task is polled, begins, ends.
    Task,
    /// A connection, or bytes on one.
    Net,
    /// A question for names.
    Dns,
    /// An operation of a disk.
    Disk,
    /// A clock jumps.
    Clock,
    /// A process begins or ends, for whatever reason.
    Process,
    /// A fault that the plan brings.
    Fault,
    /// What an actor or the runner says.
    Actor,
    /// What a server logs.
    Log,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Net => "net",
            Self::Dns => "dns",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Process => "process",
            Self::Fault => "FAULT",
            Self::Actor => "actor",
            Self::Log => "log",
        }
    }
}

/// Where lines go.
type Sink = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// The record of one run. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Trace(Arc<Inner>);

#[derive(Default)]
struct Inner {
    hash: AtomicU64,
    events: AtomicU64,
    now: AtomicU64,
    sink: Option<Sink>,
}

impl Trace {
    /// Only hashes.
    pub fn quiet() -> Self {
        Self::default()
    }

    /// Hashes, and hands each event to `sink` as one line.
    pub fn readable(sink: impl FnMut(&str) + Send + 'static) -> Self {
        Self(Arc::new(Inner { sink: Some(Arc::new(Mutex::new(sink))), ..Inner::default() }))
    }

    /// The hash of all events so far.
    pub fn hash(&self) -> u64 {
        self.0.hash.load(Ordering::Relaxed)
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Whether somebody reads it.
    pub fn is_readable(&self) -> bool {
        self.0.sink.is_some()
    }

    /// Notes an event, given by two numbers. `text` is asked only when somebody reads along; nothing is written where it
    /// gives an empty text.
    pub fn event<T: fmt::Display>(&self, kind: Kind, a: u64, b: u64, text: impl FnOnce() -> T) {
        self.mix(a ^ ((kind as u64) << 56));
        self.mix(b);
        self.0.events.fetch_add(1, Ordering::Relaxed);
        if let Some(sink) = &self.0.sink {
            self.write(sink, kind, &text().to_string());
        }
    }

    /// Mixes bytes into the hash.
    pub fn bytes(&self, bytes: &[u8]) {
        self.mix(hash_bytes(bytes));
    }

    /// What an actor or the runner tells a reader. Not part of the hash.
    pub fn say(&self, text: impl fmt::Display) {
        if let Some(sink) = &self.0.sink {
            self.write(sink, Kind::Actor, &text.to_string());
        }
    }

    /// What a server logs. Not part of the hash.
    pub(crate) fn log(&self, line: &str) {
        if let Some(sink) = &self.0.sink {
            self.write(sink, Kind::Log, line);
        }
    }

    pub(crate) fn set_now(&self, nanos: u64) {
        self.0.now.store(nanos, Ordering::Relaxed);
    }

    /// Virtual time since the universe began.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now.load(Ordering::Relaxed))
    }

    fn mix(&self, value: u64) {
        // One thread runs a universe: load and store need not be one step.
        let hash = (self.hash() ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        self.0.hash.store(hash, Ordering::Relaxed);
    }

    fn write(&self, sink: &Sink, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        let now = self.now();
        let line = format!("{:>6}.{:06} {:<7} {text}", now.as_secs(), now.subsec_micros(), kind.name());
        (sink.lock().unwrap_or_else(PoisonError::into_inner))(&line);
    }
}

/// A quick hash; equal on every machine.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    let mut eights = bytes.chunks_exact(8);
    for eight in &mut eights {
        let word = eight.try_into().map_or(0, u64::from_le_bytes);
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    }
    for byte in eights.remainder() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(13);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_change_the_hash() {
        let hash = |events: &[(u64, &[u8])]| {
            let trace = Trace::quiet();
            for (number, bytes) in events {
                trace.event(Kind::Net, *number, 0, || "");
                trace.bytes(bytes);
            }
            trace.hash()
        };
        let one = hash(&[(1, b"a"), (2, b"b")]);
        assert_eq!(one, hash(&[(1, b"a"), (2, b"b")]));
        for other in [&[(2, &b"b"[..]), (1, b"a")][..], &[(1, b"a"), (2, b"c")], &[(1, b"a")]] {
            assert_ne!(one, hash(other));
        }
    }
}
