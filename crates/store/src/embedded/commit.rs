//! The commit task: gives commits their order, works them out, and answers them once they are durable.
//!
//! While one group is being synced the next one is worked out on top of it, so until a group is applied to the
//! index its changes are looked up in an overlay. The next group is handed over when the sync before it has
//! returned; when many bodies are arriving, it may wait a moment for their commits ([`Gather`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use world::{Either, race};

use super::gather::Gather;
use super::record::{self, Numbers};
use super::recover::{self, Watermark};
use super::segment::{self, Segment};
use super::space::{Flush, Work as SpaceWork};
use super::stage::{Guard, OnDisk};
use super::sync::{Done, Outcome, Work};
use super::{Request, Shared};
use crate::batch::Op;
use crate::body::{Entry, Extent, Place as Lies};
use crate::index::Change;
use crate::resolve::{Keep, Latest, Resolved, resolve};
use crate::{Batch, Error, Notice, Place, Receipt, Staged, Version, Versioned};

/// A group takes no more commits once it has this many bytes.
const GROUP_BYTES: usize = 8 << 20;
/// Checkpoints that may wait for the index task.
const FLUSHES: u64 = 4;
/// Requests taken at once.
const REQUESTS: usize = 512;

type Reply = oneshot::Sender<Result<Receipt, Error>>;

/// One key that a collector carries along.
pub(super) enum Moved {
    /// The body lies elsewhere now; if its entry still has the old extents.
    Body(Bytes, Vec<Extent>, Vec<Extent>),
    /// The change still holds; if no later one came.
    Change(Change),
}

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

/// A run of records that is written and synced together.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    records: Vec<Applied>,
    overlay: HashMap<Bytes, Option<Versioned>>,
    guards: Vec<Guard>,
    /// Number of its last record.
    last: u64,
    /// Where it stands, once it was handed over.
    segment: u64,
    offset: u64,
    end: u64,
}

/// One record of a group, to be applied and answered.
struct Applied {
    sequence: u64,
    /// Where its bodies begin.
    bodies: u64,
    changes: Vec<Change>,
    /// Moved changes are in the index already.
    apply: bool,
    receipt: Receipt,
    notices: Vec<Notice>,
    reply: Reply,
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

/// The segment after this one.
enum Next {
    Coming(oneshot::Receiver<Result<Segment, Error>>),
    Ready(Segment),
    /// There was no room for it; new bodies are refused until there is.
    Failed(Error),
}

/// Says that the commit task has died, unless it has ended well before.
struct Death(Arc<Shared>);

impl Drop for Death {
    fn drop(&mut self) {
        self.0.fail(Error::Poisoned("the commit task has died".into()));
    }
}

impl Next {
    /// Waits for it.
    async fn ready(self) -> Result<Segment, Error> {
        match self {
            Self::Ready(segment) => Ok(segment),
            Self::Coming(coming) => coming.await.unwrap_or(Err(Error::Closed)),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Which space a segment may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// What lies above the reserve.
    Free,
    /// A part of the reserve.
    Reserve,
}

/// The newest state: groups that are not applied yet, then the index.
struct Newest<'a> {
    groups: [Option<&'a HashMap<Bytes, Option<Versioned>>>; 2],
    shared: &'a Shared,
}

impl Latest for Newest<'_> {
    fn latest(&self, key: &[u8]) -> Result<Option<Versioned>, Error> {
        for overlay in self.groups.iter().flatten() {
            if let Some(found) = overlay.get(key) {
                return Ok(found.clone());
            }
        }
        self.shared.index.get(key, u64::MAX)
    }
}

/// Puts bodies into the group's record.
struct Bodies<'a> {
    bytes: &'a mut Vec<u8>,
    guards: &'a mut Vec<Guard>,
    segment: u64,
    /// Where `bytes` will begin in the segment.
    base: u64,
}

impl Bodies<'_> {
    fn append(&mut self, parts: [&[u8]; 2]) -> Extent {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Extent::of(Lies::Log(self.segment), self.base + start as u64, &self.bytes[start..])
    }
}

impl Keep for Bodies<'_> {
    fn keep(&mut self, body: Staged) -> Vec<Extent> {
        match body.place {
            Place::Memory(main, _) => vec![self.append([&body.prefix, &main])],
            Place::Disk(staged) => {
                let Ok(staged) = staged.downcast::<OnDisk>() else { return Vec::new() };
                self.guards.push(staged.guard);
                if body.prefix.is_empty() {
                    return vec![staged.extent];
                }
                vec![self.append([&body.prefix, &[]]), staged.extent]
            }
        }
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
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Appends what a collector carries along, as far as it still holds.
    async fn carry(&mut self, moved: Vec<Moved>, reply: Reply) {
        let size = moved.iter().map(moved_size).sum();
        if let Err(error) = self.make_room(size, false).await {
            let _ = reply.send(Err(error));
            return;
        }
        let version = Version(self.log.sequence + 1);
        let apply = moved.iter().any(|moved| matches!(moved, Moved::Body(..)));
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
        let numbers = Numbers { sequence, previous, synced };
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
        if bodies && let Next::Failed(error) = &self.next {
            // Tried anew for each: space may have been given back meanwhile.
            let error = error.clone();
            self.next = prepare(&self.shared, self.log.segment.number + 1, Room::Free);
            return Err(error);
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
            Err(error) => {
                self.next = prepare(&self.shared, self.log.segment.number + 1, Room::Free);
                return Err(error);
            }
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
        group.guards.into_iter().for_each(Guard::keep);
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
        if !gone.is_empty() {
            let _ = self.to_space.send(SpaceWork::Gone(gone));
        }
        if self.shared.log_bytes.load(Ordering::Relaxed) >= self.checkpoint_at {
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
            if *error != Error::Full {
                group.guards.drain(..).for_each(Guard::keep);
            }
            for record in group.records {
                let _ = record.reply.send(Err(error.clone()));
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
            self.checkpoint();
            self.give_back().await;
        }
        self.shared.fail(Error::Closed);
        // The channels end with `self`, and with them the other tasks.
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

/// Begins to prepare a segment on a thread where that may block.
fn prepare(shared: &Arc<Shared>, number: u64, room: Room) -> Next {
    let (tx, rx) = oneshot::channel();
    let own = Arc::clone(shared);
    let work = move || {
        let header = segment::Header { place: Lies::Log(number), boot: own.boot, salt: own.salt };
        let (checked, bytes) = match room {
            Room::Free => (own.check_reserve(), own.options.segment_bytes),
            Room::Reserve => (Ok(()), (own.options.reserve_bytes / 4).min(own.options.segment_bytes)),
        };
        let disk = own.world.disk.as_ref();
        let made =
            checked.and_then(|()| segment::prepare(disk, &own.dir, header, bytes.max(segment::HEADER)));
        let _ = tx.send(made);
    };
    let work = shared.world.tasks.compute(Box::new(work));
    shared.world.tasks.spawn(work);
    Next::Coming(rx)
}

/// Bytes a batch will take in the log, about.
fn estimate(batch: &Batch) -> u64 {
    let op = |op: &Op| match op {
        Op::Put(key, value) => key.bytes.len() + value.bytes.len() + 16,
        Op::Delete(key) => key.bytes.len() + 16,
    };
    let ops: usize = batch.ops.iter().map(op).sum();
    let counters: usize = batch.counters.iter().map(|counter| counter.key.as_bytes().len() + 24).sum();
    let body = |body: &Staged| match &body.place {
        Place::Memory(main, _) => body.prefix.len() + main.len(),
        Place::Disk(_) => body.prefix.len(),
    };
    let bodies: usize = batch.blobs.iter().map(body).sum();
    (record::HEADER + ops + counters + bodies + (batch.references.len() + batch.blobs.len()) * 96) as u64
}

fn moved_size(moved: &Moved) -> u64 {
    let size = match moved {
        Moved::Body(_, _, new) => 64 + new.iter().map(|extent| 32 + extent.crcs.len() * 4).sum::<usize>(),
        Moved::Change(change) => change.key.len() + change.value.as_ref().map_or(0, Bytes::len) + 32,
    };
    size as u64
}

/// What is left of a moved change after those that came meanwhile.
fn still_holds(moved: Moved, newest: &Newest<'_>, version: Version) -> Result<Option<Change>, Error> {
    match moved {
        Moved::Body(key, old, new) => {
            let Some(found) = newest.latest(&key)? else { return Ok(None) };
            let mut entry = Entry::decode(&found.value)?;
            if entry.extents != old {
                return Ok(None);
            }
            entry.extents = new;
            Ok(Some(Change { key, value: Some(entry.encode()), version }))
        }
        Moved::Change(change) => {
            let found = newest.latest(&change.key)?;
            let holds = match &change.value {
                Some(_) => found.is_some_and(|found| found.version == change.version),
                None => found.is_none(),
            };
            Ok(holds.then_some(change))
        }
    }
}
