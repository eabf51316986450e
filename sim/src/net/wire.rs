//! One connection: two directions, and what it is going to suffer.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::{Chunk, Flight, HostId, Shared, State};
use crate::executor::Death;
use crate::rng::Dice;
use crate::trace::Kind;

/// Bytes under way in one direction before a writer waits: a small window finds more than a large one.
const WINDOW: usize = 32 << 10;

/// A connection between end 0, which made it, and end 1, which took it.
pub(crate) struct Wire {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    pub(super) hosts: [HostId; 2],
    state: Mutex<Both>,
}

struct Both {
    /// What end 0 sends, and what end 1 sends.
    ways: [Way; 2],
    dice: Dice,
    latency: (u64, u64),
    segment: u64,
    harsh_close: bool,
    /// From this moment on, reads and writes fail.
    reset: Option<u64>,
}

/// One direction.
#[derive(Default)]
struct Way {
    flight: Flight,
    length: usize,
    last: u64,
    sent: u64,
    /// The end of the stream, and when it arrives.
    end: Option<u64>,
    /// The reader is gone.
    deaf: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// When the reader will be woken anyway.
    alarm: Option<u64>,
    reset_at: Option<u64>,
    stall_at: Option<(u64, u64)>,
}

impl Wire {
    /// Draws what the connection will suffer.
    pub(super) fn new(shared: &Arc<Shared>, state: &mut State, hosts: [HostId; 2]) -> Arc<Self> {
        state.next_wire += 1;
        let id = state.next_wire;
        let mut dice = Dice::new(state.dice.number());
        let weather = &state.weather;
        let segment = if weather.segment == u64::MAX { u64::MAX } else { dice.between(1..=weather.segment) };
        let mut ways = [Way::default(), Way::default()];
        // Early bytes are the interesting ones: greetings, commands, the end of DATA.
        let place = |dice: &mut Dice| {
            let size = dice.between(3..=12);
            1 + dice.below(1 << size)
        };
        if dice.chance(weather.reset) {
            let at = place(&mut dice);
            ways[usize::from(dice.chance(500))].reset_at = Some(at);
        }
        if dice.chance(weather.stalled) {
            let span = dice.between(1..=900) * 1_000_000_000;
            let at = place(&mut dice);
            ways[usize::from(dice.chance(500))].stall_at = Some((at, span));
        }
        let harsh_close = dice.chance(weather.harsh_close);
        let both = Both { ways, latency: weather.latency_us, segment, dice, harsh_close, reset: None };
        let wire = Arc::new(Self { shared: Arc::clone(shared), id, hosts, state: Mutex::new(both) });
        state.wires.push(Arc::downgrade(&wire));
        wire
    }

    fn lock(&self) -> MutexGuard<'_, Both> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        self.shared.executor.now()
    }

    /// Whether what `end` sends arrives at all now.
    fn is_parted(&self, end: usize) -> bool {
        self.shared.lock().parted.contains(&(self.hosts[end], self.hosts[1 - end]))
    }

    /// Takes bytes that have arrived at `end`.
    pub(super) fn read(
        self: &Arc<Self>,
        end: usize,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Vec<u8>>> {
        let now = self.now();
        let parted = self.is_parted(1 - end);
        let mut both = self.lock();
        let both = &mut *both;
        let way = &mut both.ways[1 - end];
        if both.reset.is_some_and(|at| at <= now) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !parted {
            if let Some(chunk) = way.flight.front_mut().filter(|chunk| chunk.at <= now) {
                let most = (most as u64).min(both.segment) as usize;
                let take = most.min(chunk.bytes.len() - chunk.done);
                let bytes = chunk.bytes[chunk.done..chunk.done + take].to_vec();
                chunk.done += take;
                if chunk.done == chunk.bytes.len() {
                    way.flight.pop_front();
                }
                way.length -= take;
                if let Some(writer) = way.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Ok(bytes));
            }
            if way.flight.is_empty() && way.end.is_some_and(|at| at <= now) {
                return Poll::Ready(Ok(Vec::new()));
            }
        }
        way.reader = Some(cx.waker().clone());
        if !parted {
            let next = way.flight.front().map(|chunk| chunk.at).or(way.end);
            let next = [next, both.reset].into_iter().flatten().min();
            self.ring_at(&mut both.ways[1 - end], end, next);
        }
        Poll::Pending
    }

    /// Has the reader at `end` woken when something arrives.
    fn ring_at(self: &Arc<Self>, way: &mut Way, end: usize, at: Option<u64>) {
        let Some(at) = at else { return };
        if way.reader.is_some() && way.alarm.is_none_or(|alarm| at < alarm) {
            way.alarm = Some(at);
            let bell = Bell { wire: Arc::downgrade(self), end };
            self.shared.executor.wake_at(at, Waker::from(Arc::new(bell)));
        }
    }

    /// Sends bytes from `end`; how many were taken.
    pub(super) fn write(
        self: &Arc<Self>,
        end: usize,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let now = self.now();
        let mut both = self.lock();
        let both = &mut *both;
        let way = &mut both.ways[end];
        if both.reset.is_some_and(|at| at <= now) || way.end.is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if way.deaf {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = WINDOW - way.length;
        if room == 0 {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut take = (bytes.len().min(room) as u64).min(both.segment.saturating_mul(4)) as usize;
        let mut breaks = false;
        if let Some(at) = way.reset_at.filter(|at| way.sent + take as u64 >= *at) {
            take = (at - way.sent) as usize;
            breaks = true;
        }
        way.sent += take as u64;
        let mut arrives = now + both.dice.between(super::range(both.latency)) * 1000;
        if let Some((_, span)) = way.stall_at.filter(|(at, _)| way.sent >= *at) {
            way.stall_at = None;
            arrives += span;
            self.shared.coverage.hit("net.stalled");
        }
        way.last = way.last.max(arrives);
        self.note(end, &bytes[..take]);
        way.flight.push_back(Chunk { at: way.last, bytes: bytes[..take].to_vec(), done: 0 });
        way.length += take;
        let at = way.last;
        self.ring_at(way, 1 - end, Some(at));
        if breaks {
            self.shared.coverage.hit("net.reset");
            way.reset_at = None;
            self.reset_both(both, at);
        }
        Poll::Ready(Ok(take))
    }

    fn note(&self, end: usize, bytes: &[u8]) {
        let trace = self.shared.executor.trace();
        trace.bytes(bytes);
        trace.event(Kind::Net, self.id << 1 | end as u64, bytes.len() as u64, || {
            let (from, to) = (self.hosts[end], self.hosts[1 - end]);
            let state = self.shared.lock();
            let name = |host: HostId| state.hosts[usize::from(host.0)].name.clone();
            format!("#{} {} -> {}: {}", self.id, name(from), name(to), shown(bytes))
        });
    }

    /// From `at` on, both ends find the connection reset.
    fn reset_both(self: &Arc<Self>, both: &mut Both, at: u64) {
        both.reset = Some(both.reset.map_or(at, |before| before.min(at)));
        for end in 0..2 {
            let way = &mut both.ways[1 - end];
            self.ring_at(way, end, Some(at));
            if let Some(writer) = both.ways[end].writer.take() {
                writer.wake();
            }
        }
    }

    /// `end` sends nothing more.
    pub(super) fn shutdown(self: &Arc<Self>, end: usize) {
        let now = self.now();
        let mut both = self.lock();
        self.finish(&mut both, end, now);
    }

    fn finish(self: &Arc<Self>, both: &mut Both, end: usize, now: u64) {
        let latency = both.dice.between(super::range(both.latency)) * 1000;
        let way = &mut both.ways[end];
        if way.end.is_none() {
            let at = way.last.max(now + latency);
            way.end = Some(at);
            self.ring_at(way, 1 - end, Some(at));
            self.shared.executor.trace().event(Kind::Net, self.id << 1 | end as u64, u64::MAX, || {
                format!("#{} end {end} sends no more", self.id)
            });
        }
    }

    /// `end` is dropped: by its owner, or with its process.
    pub(super) fn close(self: &Arc<Self>, end: usize, death: Option<Death>) {
        let now = self.now();
        let mut both = self.lock();
        let both = &mut *both;
        let unread = both.ways[1 - end].flight.iter().any(|chunk| chunk.at <= now);
        both.ways[1 - end].deaf = true;
        if let Some(writer) = both.ways[1 - end].writer.take() {
            writer.wake();
        }
        match death {
            None if unread && both.harsh_close => {
                self.shared.coverage.hit("net.harsh-close");
                self.lose(both, end, now);
                self.reset_both(both, now);
            }
            None | Some(Death::Exit) => self.finish(both, end, now),
            Some(Death::Kill) => {
                self.lose(both, end, now);
                if both.dice.chance(500) { self.finish(both, end, now) } else { self.reset_both(both, now) }
            }
            Some(Death::PowerCut) => {
                self.lose(both, end, now);
                // Nobody says anything, until the machine is up again and answers what it does not know with a reset,
                // or the other side's keep-alive gives up.
                let silence = both.dice.between(1..=600) * 1_000_000_000;
                both.ways[1 - end].deaf = false;
                self.reset_both(both, now + silence);
            }
        }
    }

    /// Of what is under way from `end`, all, some or nothing arrives.
    fn lose(self: &Arc<Self>, both: &mut Both, end: usize, now: u64) {
        let len = both.ways[end].flight.iter().filter(|chunk| chunk.at > now).count();
        if len == 0 {
            return;
        }
        let lost = if both.dice.chance(500) { 0 } else { both.dice.between(1..=len as u64) as usize };
        self.shared.coverage.hit(if lost == 0 { "net.last-words-heard" } else { "net.last-words-lost" });
        let way = &mut both.ways[end];
        for chunk in way.flight.drain(way.flight.len() - lost..) {
            way.length -= chunk.bytes.len() - chunk.done;
        }
    }

    /// After a partition.
    pub(super) fn look_again(self: &Arc<Self>) {
        let mut both = self.lock();
        for way in &mut both.ways {
            way.alarm = None;
            if let Some(reader) = way.reader.take() {
                reader.wake();
            }
        }
    }
}

/// Wakes the reader of one end.
struct Bell {
    wire: std::sync::Weak<Wire>,
    end: usize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let Some(wire) = self.wire.upgrade() else { return };
        let reader = {
            let mut both = wire.lock();
            let way = &mut both.ways[1 - self.end];
            way.alarm = None;
            way.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// Bytes for people.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 300;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).escape_debug().to_string();
    if bytes.len() > MOST { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}
