//! The commit task: gives commits their order, works them out, and answers them once they are durable.
//!
//! While one group is being synced the next one is worked out on top of it, so until a group is applied to the
//! index its changes are looked up in an overlay. The next group is handed over when the sync before it has
//! returned; when many bodies are arriving, it may wait a moment for their commits ([`Gather`]).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use world::{Either, race};

use super::backup;
use super::gather::Gather;
use super::group::{Applied, Bodies, Group, Moved, Newest, estimate, moved_size, still_holds};
use super::next::{Next, Room, prepare};
use super::record::{self, Numbers};
use super::recover::{self, Watermark};
use super::segment::{self, Segment};
use super::space::{Flush, Work as SpaceWork};
use super::stage::Guard;
use super::sync::{Done, Outcome, Work};
use super::{Reply, Request, Shared};
use crate::body::Place as Lies;
use crate::index::Change;
use crate::resolve::{Resolved, resolve};
use crate::{Batch, Error, Receipt, Version, Versioned};

/// A group takes no more commits once it has this many bytes.
const GROUP_BYTES: usize = 8 << 20;
/// The index is written out when it holds so many bytes in memory, if not before; the map around them takes as much again.
const INDEX_BYTES: u64 = 16 << 20;
/// Checkpoints that may wait for the index task.
const FLUSHES: u64 = 4;
/// Requests taken at once.
const REQUESTS: usize = 512;

/// Where the log stands.
pub(super) struct Log {
    pub(super) segment: Segment,
    /// Where the next record goes.
    pub(super) position: u64,
    /// The last number given out.
    pub(super) sequence: u64,
    /// The last record that is durable.
    pub(super) synced: u64,
}

pub(super) struct Committer {
    shared: Arc<Shared>,
    log: Log,
    building: Group,
    in_flight: Option<Group>,
    spare_buffer: Vec<u8>,
    gather: Gather,
    next: Next,
    to_sync: mpsc::UnboundedSender<Work>,
    from_sync: mpsc::UnboundedReceiver<Done>,
    to_space: mpsc::UnboundedSender<SpaceWork>,
    to_flush: mpsc::UnboundedSender<Flush>,
    checkpoint_at: u64,
    /// Segment and position behind the last record that was applied.
    durable_to: (u64, u64),
    closing: bool,
}

/// What ended a wait.
enum Wake {
    Synced(Done),
    /// So many requests; 0 when nobody can send any more.
    Requests(usize),
    /// The group has waited long enough.
    Time,
}

/// Says that the commit task has died, unless it has ended well before.
struct Death(Arc<Shared>);

impl Drop for Death {
    fn drop(&mut self) {
        self.0.fail(Error::Poisoned("the commit task has died".into()));
    }
}

impl Committer {
    pub(super) fn new(
        shared: Arc<Shared>,
        log: Log,
        to_sync: mpsc::UnboundedSender<Work>,
        from_sync: mpsc::UnboundedReceiver<Done>,
        to_space: mpsc::UnboundedSender<SpaceWork>,
        to_flush: mpsc::UnboundedSender<Flush>,
    ) -> Self {
        let next = prepare(&shared, log.segment.number + 1, Room::Free);
        // What was replayed counts: a server that is killed again and again must not replay ever more.
        let replayed = shared.replayed_bytes.load(Ordering::Relaxed);
        let checkpoint_at = shared.options.checkpoint_bytes.saturating_sub(replayed);
        let durable_to = (log.segment.number, log.position);
        Self {
            shared,
            log,
            building: Group::default(),
            in_flight: None,
            spare_buffer: Vec::new(),
            gather: Gather::new(),
            next,
            to_sync,
            from_sync,
            to_space,
            to_flush,
            checkpoint_at,
            durable_to,
            closing: false,
        }
    }

    /// Until the store is closed or nobody has it any more.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Request>) {
        let mut requests = Vec::with_capacity(REQUESTS);
        // Dropped before all that waits is: those who are told that their commit is gone must not read `Closed`.
        let _death = Death(Arc::clone(&self.shared));
        while !(self.closing && self.in_flight.is_none()) {
            match self.wait(&mut inbox, &mut requests).await {
                Wake::Synced(done) => self.turn(done),
                Wake::Time => {}
                Wake::Requests(0) => self.closing = true,
                Wake::Requests(_) => {
                    for request in requests.drain(..) {
                        self.handle(request).await;
                        if self.in_flight.is_none() && self.building.bytes.len() >= GROUP_BYTES {
                            self.hand_over();
                        }
                    }
                }
            }
            if self.in_flight.is_none() {
                self.hand_over_if_ready();
            }
        }
        inbox.close();
        while let Some(request) = inbox.recv().await {
            refuse(request, &Error::Closed);
        }
        self.finish().await;
    }

    /// For the sync of the group in flight, for requests while there is room for them, or for the end of a wait.
    async fn wait(
        &mut self,
        inbox: &mut mpsc::UnboundedReceiver<Request>,
        requests: &mut Vec<Request>,
    ) -> Wake {
        let (in_flight, from_sync) = (self.in_flight.is_some(), &mut self.from_sync);
        let done = async {
            if in_flight {
                match from_sync.recv().await {
                    Some(done) => return done,
                    None => return Done::lost(),
                }
            }
            std::future::pending().await
        };
        let room = !self.closing && self.building.bytes.len() < GROUP_BYTES;
        let more = async {
            if room { inbox.recv_many(requests, REQUESTS).await } else { std::future::pending().await }
        };
        let (clock, deadline) = (&self.shared.world.clock, self.gather.deadline());
        let time = async {
            match deadline {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        match race(done, race(more, time)).await {
            Either::Left(done) => Wake::Synced(done),
            Either::Right(Either::Left(count)) => Wake::Requests(count),
            Either::Right(Either::Right(())) => Wake::Time,
        }
    }

    async fn handle(&mut self, request: Request) {
        match request {
            Request::Commit(batch, reply) => self.commit(batch, reply).await,
            Request::Move(moved, reply) => self.carry(moved, reply).await,
            Request::Checkpoint => self.checkpoint_at = 0,
            Request::Hold(reply) => {
                drop(reply.send(backup::hold(&self.shared, self.durable_to, self.to_space.downgrade())));
            }
            Request::Close => self.closing = true,
        }
    }

    async fn commit(&mut self, batch: Batch, reply: Reply) {
        let size = estimate(&batch);
        let bodies = !batch.blobs.is_empty();
        if let Err(error) = self.make_room(size, bodies).await {
            let _ = reply.send(Err(error));
            return;
        }
        let sequence = self.log.sequence + 1;
        let base = self.log.position;
        let start = record::begin(&mut self.building.bytes);
        let newest = Newest {
            groups: [Some(&self.building.overlay), self.in_flight.as_ref().map(|group| &group.overlay)],
            shared: &self.shared,
        };
        let mut keep = Bodies {
            bytes: &mut self.building.bytes,
            guards: &mut self.building.guards,
            segment: self.log.segment.number,
            base,
        };
        match resolve(batch, Version(sequence), &newest, &mut keep) {
            Ok(resolved) => self.append(start, resolved, true, reply),
            Err(error) => {
                self.building.bytes.truncate(start);
                match self.unseen() {
                    Some(group) if error == Error::Conflict => group.late.push(reply),
                    _ => drop(reply.send(Err(error))),
                }
            }
        }
    }

    /// The last group of commits that readers do not see yet.
    fn unseen(&mut self) -> Option<&mut Group> {
        if self.building.records.is_empty() { self.in_flight.as_mut() } else { Some(&mut self.building) }
    }

    /// Appends what a collector carries along, as far as it still holds.
    async fn carry(&mut self, moved: Vec<Moved>, reply: Reply) {
        let size = moved.iter().map(moved_size).sum();
        if let Err(error) = self.make_room(size, false).await {
            let _ = reply.send(Err(error));
            return;
        }
        let version = Version(self.log.sequence + 1);
        let apply = moved.iter().any(|moved| matches!(moved, Moved::Body(..) | Moved::Collected(_)));
        let newest = Newest {
            groups: [Some(&self.building.overlay), self.in_flight.as_ref().map(|group| &group.overlay)],
            shared: &self.shared,
        };
        let changes: Result<Vec<Option<Change>>, Error> =
            moved.into_iter().map(|moved| still_holds(moved, &newest, version)).collect();
        match changes {
            Ok(changes) => {
                let changes = changes.into_iter().flatten().collect();
                let start = record::begin(&mut self.building.bytes);
                let receipt = Receipt::new(version, Vec::new());
                self.append(start, Resolved { changes, receipt, notices: Vec::new() }, apply, reply);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Ends the record that begins at `start` of the group.
    fn append(&mut self, start: usize, resolved: Resolved, apply: bool, reply: Reply) {
        let sequence = self.log.sequence + 1;
        // Groups follow each other: what comes before this one is durable by the time this one is written.
        let synced = self.in_flight.as_ref().map_or(self.log.synced, |group| group.last);
        let previous = if self.building.last == 0 { synced } else { self.building.last };
        let time = self.shared.world.clock.wall();
        let numbers = Numbers { sequence, previous, synced, time };
        record::end(&mut self.building.bytes, start, self.shared.salt, numbers, &resolved.changes);
        for change in resolved.changes.iter().filter(|_| apply) {
            let value = change.value.clone().map(|value| Versioned { version: change.version, value });
            self.building.overlay.insert(change.key.clone(), value);
        }
        self.building.last = sequence;
        self.log.sequence = sequence;
        self.building.records.push(Applied {
            sequence,
            bodies: self.log.position + (start + record::HEADER) as u64,
            changes: resolved.changes,
            apply,
            receipt: resolved.receipt,
            notices: resolved.notices,
            reply,
        });
    }

    /// Makes sure that `size` more bytes fit into the segment, going on to the next one if need be.
    async fn make_room(&mut self, size: u64, bodies: bool) -> Result<(), Error> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        // What waits to be flushed is held in memory: new bodies wait for it.
        while bodies && self.shared.flushes.load(Ordering::Relaxed) > FLUSHES {
            if let Either::Right(()) = race(self.shared.flushed.notified(), self.to_flush.closed()).await {
                return Err(Error::Io("the task that writes the index has died".into()));
            }
        }
        self.check_unflushed(bodies)?;
        if size > record::LENGTH_MAX / 2 {
            return Err(Error::TooLarge(format!("a batch of {size} bytes")));
        }
        if bodies && matches!(self.next, Next::Failed(_)) {
            self.next = Next::Ready(self.retry_next().await?);
        }
        let end = self.log.position + self.building.bytes.len() as u64 + size;
        if end <= self.log.segment.reserved
            || self.log.position + self.building.bytes.len() as u64 == segment::HEADER
        {
            return Ok(());
        }
        self.roll(bodies).await
    }

    /// The index cannot be written out for long: what it holds in memory has an end, for bodies sooner than for
    /// changes of state.
    fn check_unflushed(&mut self, bodies: bool) -> Result<(), Error> {
        let bound = self.shared.options.checkpoint_bytes * (FLUSHES + 2) * if bodies { 1 } else { 2 };
        if self.shared.index.unflushed() <= bound {
            return Ok(());
        }
        if self.shared.flushes.load(Ordering::Relaxed) == 0 {
            // No checkpoint would come by itself any more.
            self.checkpoint();
        }
        Err(Error::Io("the index cannot be written out; see the log".into()))
    }

    /// Prepares the next segment once more, after a failure that may be out of date: space may have been given back
    /// since.
    async fn retry_next(&mut self) -> Result<Segment, Error> {
        let made = prepare(&self.shared, self.log.segment.number + 1, Room::Free).ready().await;
        if let Err(error) = &made {
            self.next = Next::Failed(error.clone());
        }
        made
    }

    /// Goes on to the next segment, after handing over the group that belongs to this one.
    async fn roll(&mut self, bodies: bool) -> Result<(), Error> {
        if !self.building.records.is_empty() {
            if self.in_flight.is_some() {
                let done = self.from_sync.recv().await.unwrap_or_else(Done::lost);
                self.turn(done);
            }
            self.hand_over();
            if let Some(error) = self.shared.failure() {
                return Err(error);
            }
        }
        let next = std::mem::replace(&mut self.next, Next::Failed(Error::Full));
        let segment = match next.ready().await {
            Ok(segment) => segment,
            // Changes of state go on in what is kept free for them (F14).
            Err(Error::Full) if !bodies => {
                let number = self.log.segment.number + 1;
                prepare(&self.shared, number, Room::Reserve).ready().await?
            }
            Err(_) => self.retry_next().await?,
        };
        self.next = prepare(&self.shared, segment.number + 1, Room::Free);
        self.log.segment = segment;
        self.log.position = segment::HEADER;
        Ok(())
    }

    /// A sync has returned: hands the next group over first, then applies and answers the one that is durable.
    fn turn(&mut self, done: Done) {
        // One that a burst has made large is not kept for ever.
        self.spare_buffer = if done.buffer.capacity() <= GROUP_BYTES { done.buffer } else { Vec::new() };
        let Some(group) = self.in_flight.take() else { return };
        match done.outcome {
            Outcome::Synced => {
                self.shared.syncs.fetch_add(1, Ordering::Relaxed);
                self.log.synced = group.last;
                // Its overlay is needed until it is applied; the group after it is worked out already.
                self.hand_over_if_ready();
                self.settle(group);
            }
            Outcome::Full => self.give_up(group, &Error::Full),
            Outcome::Unknown(why) => {
                self.shared.fail(Error::Poisoned(why.clone()));
                tracing::error!("the store takes no more changes: {why}");
                self.give_up(group, &Error::Poisoned(why));
            }
        }
        self.poll_next();
    }

    /// Takes note of the next segment as soon as it is there.
    fn poll_next(&mut self) {
        if let Next::Coming(coming) = &mut self.next
            && let Ok(result) = coming.try_recv()
        {
            self.next = match result {
                Ok(segment) => Next::Ready(segment),
                Err(error) => Next::Failed(error),
            };
        }
    }

    /// Gives the group to the sync task, unless it waits for commits that are about to come.
    fn hand_over_if_ready(&mut self) {
        let arriving = self.shared.arriving.load(Ordering::Relaxed);
        let (have, now) = (self.building.records.len(), self.shared.world.clock.mono());
        if self.closing || self.gather.is_ready(have, arriving, now) {
            self.hand_over();
        }
    }

    /// Gives the group to the sync task.
    fn hand_over(&mut self) {
        self.gather.reset();
        if self.building.records.is_empty() {
            return;
        }
        let fresh = Group { bytes: std::mem::take(&mut self.spare_buffer), ..Group::default() };
        let mut group = std::mem::replace(&mut self.building, fresh);
        let bytes = std::mem::take(&mut group.bytes);
        let (file, offset) = (Arc::clone(&self.log.segment.file), self.log.position);
        self.log.position += bytes.len() as u64;
        (group.segment, group.offset, group.end) = (self.log.segment.number, offset, self.log.position);
        self.shared.log_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // If the sync task is gone, its answers have ended too: that is noticed there.
        let _ = self.to_sync.send(Work { file, offset, bytes });
        self.in_flight = Some(group);
    }

    /// The group is durable: shows it, answers it, tells of it.
    fn settle(&mut self, group: Group) {
        let mut gone = Vec::new();
        for record in &group.records {
            if !record.apply {
                continue;
            }
            let own = Some((group.segment, record.bodies));
            gone.extend(self.shared.apply(record.sequence, &record.changes, own));
        }
        self.shared.pins.show(group.last);
        let (before, end) = std::mem::replace(&mut self.durable_to, (group.segment, group.end));
        self.shared.usage().durable_to = self.durable_to;
        if before != group.segment {
            // Only now are all its records applied, so that a collector can tell which still hold.
            self.shared.usage().sealed.insert(before, end);
            let _ = self.to_space.send(SpaceWork::Look);
        }
        self.shared.commits.fetch_add(group.records.len() as u64, Ordering::Relaxed);
        for record in group.records {
            self.shared.hub.tell(&record.notices);
            let _ = record.reply.send(Ok(record.receipt));
        }
        for reply in group.late {
            let _ = reply.send(Err(Error::Conflict));
        }
        if !gone.is_empty() {
            let _ = self.to_space.send(SpaceWork::Gone(gone));
        }
        // Small commits grow the index faster than the log, and what it has not written out is in memory (P7).
        let idle = self.shared.flushes.load(Ordering::Relaxed) == 0;
        let heavy = idle && self.shared.index.unflushed() >= INDEX_BYTES;
        if heavy || self.shared.log_bytes.load(Ordering::Relaxed) >= self.checkpoint_at {
            self.checkpoint();
        }
    }

    /// The group did not become durable, nor may what was worked out on top of it.
    fn give_up(&mut self, group: Group, error: &Error) {
        if group.segment == self.log.segment.number {
            self.log.position = group.offset;
        }
        let above = std::mem::take(&mut self.building);
        for mut group in [group, above] {
            // After an unknown outcome the record may be there, and refer to the files.
            if *error == Error::Full {
                group.guards.drain(..).for_each(Guard::take_back);
            }
            for reply in group.records.into_iter().map(|record| record.reply).chain(group.late) {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }

    /// Between commits: everything applied is durable. Notes how far that is and lets the index be flushed.
    fn checkpoint(&mut self) {
        if self.shared.index.is_damaged() {
            recover::mark_damaged(&self.shared);
        }
        let bytes = self.shared.log_bytes.load(Ordering::Relaxed);
        self.checkpoint_at = bytes + self.shared.options.checkpoint_bytes;
        let (segment, position) = self.durable_to;
        let watermark = Watermark { sequence: self.log.synced, segment, position };
        watermark.note(&self.shared);
        self.shared.index.seal();
        self.shared.flushes.fetch_add(1, Ordering::Relaxed);
        let _ = self.to_flush.send(Flush { log_bytes: bytes, segment });
    }

    /// Leaves nothing to replay, and no space taken ahead.
    async fn finish(mut self) {
        if self.shared.failure().is_none() {
            self.mark_end();
            self.checkpoint();
            self.give_back().await;
        }
        self.shared.fail(Error::Closed);
        // The channels end with `self`, and with them the other tasks.
    }

    /// An empty record behind the last one says that all before it was durable. Without it, the next start could not
    /// tell bit rot in the last group from a group that was torn.
    fn mark_end(&mut self) {
        let (sequence, synced) = (self.log.sequence + 1, self.log.synced);
        let time = self.shared.world.clock.wall();
        let mut bytes = Vec::new();
        let start = record::begin(&mut bytes);
        record::end(
            &mut bytes,
            start,
            self.shared.salt,
            Numbers { sequence, previous: synced, synced, time },
            &[],
        );
        let file = &self.log.segment.file;
        match file.write_all_at(&bytes, self.log.position).and_then(|()| file.sync_data()) {
            Ok(()) => {
                self.log.position += bytes.len() as u64;
                (self.log.sequence, self.log.synced) = (sequence, sequence);
                self.durable_to = (self.log.segment.number, self.log.position);
                self.shared.usage().durable_to = self.durable_to;
            }
            // Nothing depends on it: what was acknowledged is durable.
            Err(error) => tracing::warn!("the end of the log could not be marked: {error}"),
        }
    }

    /// Gives back the space reserved for records to come. If that fails, the next start does it.
    async fn give_back(&mut self) {
        let next = std::mem::replace(&mut self.next, Next::Failed(Error::Closed));
        if let Ok(segment) = next.ready().await {
            let path = segment::path(&self.shared.dir, Lies::Log(segment.number));
            let _ = self.shared.world.disk.remove(&path);
        }
        let _ = self.log.segment.file.set_len(self.log.position);
    }
}

impl Done {
    /// What stands for the answer of a sync task that has died.
    fn lost() -> Self {
        Self { outcome: Outcome::Unknown("the sync task died".into()), buffer: Vec::new() }
    }
}

fn refuse(request: Request, error: &Error) {
    if let Request::Commit(_, reply) | Request::Move(_, reply) = request {
        let _ = reply.send(Err(error.clone()));
    }
}
