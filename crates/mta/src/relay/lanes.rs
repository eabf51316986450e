//! How many attempts may run at once: in all, and to each destination. A destination that answers widens its lane
//! step by step; one that does not gets one attempt at a time, and all such together at most half of the places; a
//! quarter is kept for those that answered the last time. So dead domains never delay the others, even where hundreds
//! are met for the first time at once (F22). One that refuses a connection while it keeps others is not dead
//! but bears no more: its lane stays that narrow for a while. One that asks to send less gets a pause, and a narrower
//! lane after it; the others do not notice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{Domain, Mono, Reply};
use queue::Destination;
use tokio::sync::Notify;

use super::pace::{Hurdle, Tempo};
use crate::settings::{Pace, Settings};

/// Destinations remembered; beyond, those that answered or those that did not are forgotten, whichever are more.
const REMEMBERED: usize = 10_000;

/// Attempts at once to one destination, whatever is configured.
const WIDEST: usize = 100;

/// Attempts that go well before a lane that was narrowed may widen by one.
const WELL: u32 = 200;

/// A worker waits so long for its turn; for longer ones it gives its place to others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose lane it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Track {
    /// Of one destination.
    To(Destination),
    /// Of all destinations that a route sends to this host.
    By(Domain, u16),
}

impl Track {
    pub(super) fn of(settings: &Settings, destination: &Destination) -> Self {
        match settings.common_host(destination) {
            Some((host, port)) => Self::By(host, port),
            None => Self::To(destination.clone()),
        }
    }
}

/// What the operator allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Attempts at once, in all.
    pub(super) all: usize,
    /// On this lane.
    pub(super) pace: Pace,
}

impl Limits {
    pub(super) fn of(settings: &Settings, destination: &Destination) -> Self {
        Self { all: settings.outbound.concurrency, pace: settings.pace(destination) }
    }
}

/// How much may begin on a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// So many attempts.
    Places(usize),
    /// None for a while; one worker may look after what waits too long.
    Paused,
}

/// Whether the next message may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// It may, and is counted.
    Go,
    /// In a moment that is worth waiting for.
    Wait(Duration),
    /// Not for a while.
    Stop(Hurdle),
}

/// How an attempt went, as far as it concerns its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Went {
    /// A host was talked to.
    Well,
    /// No host could be talked to.
    Unreachable,
    /// No host wanted to talk to us, and one said that it is too much.
    Refused(Reply),
    /// A host was talked to, and said that it is too much.
    Slowed(Reply),
}

/// The lanes of one process. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Lanes {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    busy: usize,
    busy_failing: usize,
    /// With destinations that did not answer the last time or were never tried.
    busy_unproven: usize,
    lanes: BTreeMap<Track, Lane>,
    /// When the first lane opens that was found closed for a while.
    opens: Option<Mono>,
}

#[derive(Clone, Debug)]
struct Lane {
    busy: usize,
    window: usize,
    /// The window does not grow beyond, until so much mail has gone well that more may be tried.
    most: usize,
    well: u32,
    standing: Standing,
    tempo: Tempo,
}

/// How the last attempt to a destination went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    New,
    Answered,
    Failing,
}

impl Default for Lane {
    fn default() -> Self {
        let tempo = Tempo::default();
        Self { busy: 0, window: 1, most: WIDEST, well: 0, standing: Standing::New, tempo }
    }
}

/// The right to run one attempt after another on a lane. Given back when dropped.
pub(super) struct Place {
    lanes: Lanes,
    track: Track,
    /// As what it is counted.
    standing: Standing,
}

impl Lanes {
    /// How many more attempts may begin on a lane at `now`.
    pub(super) fn room(&self, track: &Track, limits: &Limits, now: Mono) -> Room {
        let mut state = self.state.lock().expect("no holder panics");
        let places = state.places(track, limits);
        let Some(lane) = state.lanes.get(track) else { return Room::Places(places) };
        match lane.tempo.hurdle(limits.pace.rate, now) {
            Some((wait, _)) if wait > PATIENCE => {
                let idle = lane.busy == 0 && places > 0;
                let opens = now + wait;
                state.opens = Some(state.opens.map_or(opens, |other| other.min(opens)));
                if idle { Room::Paused } else { Room::Places(0) }
            }
            _ => Room::Places(places),
        }
    }

    /// How long until the first lane opens of those that were found closed since this was asked last.
    pub(super) fn opening(&self, now: Mono) -> Option<Duration> {
        self.state.lock().expect("no holder panics").opens.take().map(|opens| opens.since(now))
    }

    /// Whether no attempt at all may begin now.
    pub(super) fn is_full(&self, all: usize) -> bool {
        self.state.lock().expect("no holder panics").busy >= all
    }

    /// Takes a place that was found free.
    pub(super) fn take(&self, track: &Track) -> Place {
        let mut state = self.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(track.clone()).or_default();
        lane.busy += 1;
        let standing = lane.standing;
        state.busy += 1;
        state.count(standing);
        Place { lanes: self.clone(), track: track.clone(), standing }
    }

    /// Waits until a place is given back, or one lane became wider.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Whether nothing runs.
    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().expect("no holder panics").busy == 0
    }
}

impl State {
    /// Places that the operator's bounds and the lane's own width leave.
    fn places(&self, track: &Track, limits: &Limits) -> usize {
        let new = Lane::default();
        let lane = self.lanes.get(track).unwrap_or(&new);
        let mut free = limits.all.saturating_sub(self.busy);
        if lane.standing != Standing::Answered {
            let kept = limits.all / 4;
            free = free.min((limits.all - kept).saturating_sub(self.busy_unproven));
        }
        if lane.standing == Standing::Failing {
            free = free.min(limits.all.div_ceil(2).saturating_sub(self.busy_failing));
        }
        let window = lane.window.min(limits.pace.concurrency.max(1));
        free.min(window.saturating_sub(lane.busy))
    }

    fn count(&mut self, standing: Standing) {
        self.busy_failing += usize::from(standing == Standing::Failing);
        self.busy_unproven += usize::from(standing != Standing::Answered);
    }

    fn uncount(&mut self, standing: Standing) {
        self.busy_failing -= usize::from(standing == Standing::Failing);
        self.busy_unproven -= usize::from(standing != Standing::Answered);
    }

    /// Keeps the memory bounded.
    fn forget(&mut self, now: Mono) {
        if self.lanes.len() > REMEMBERED {
            let failing = self.lanes.values().filter(|lane| lane.standing == Standing::Failing).count();
            let most = if failing * 2 > self.lanes.len() { Standing::Failing } else { Standing::Answered };
            self.lanes.retain(|_, lane| lane.busy > 0 || lane.standing != most || lane.tempo.matters(now));
            if self.lanes.len() > REMEMBERED {
                self.lanes.retain(|_, lane| lane.busy > 0);
            }
        }
    }
}

impl Place {
    /// Whether the next message may go at `now`, within what the operator allows.
    pub(super) fn permit(&self, limits: &Limits, now: Mono) -> Permit {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(self.track.clone()).or_default();
        match lane.tempo.hurdle(limits.pace.rate, now) {
            Some((wait, _)) if wait <= PATIENCE => Permit::Wait(wait),
            Some((_, hurdle)) => Permit::Stop(hurdle),
            None => {
                lane.tempo.take(limits.pace.rate, now);
                Permit::Go
            }
        }
    }

    /// An attempt is over. Gives whether this place is of further use: not if the others of its lane may go on where it
    /// could not, or if the destination wants a pause.
    pub(super) fn went(&mut self, went: Went, now: Mono) -> bool {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(self.track.clone()).or_default();
        let before = lane.window;
        let useful = lane.went(went, now);
        let news = lane.window > before || lane.standing != self.standing;
        let standing = std::mem::replace(&mut self.standing, lane.standing);
        state.uncount(standing);
        state.count(self.standing);
        state.forget(now);
        drop(state);
        if news {
            self.lanes.freed.notify_one();
        }
        useful
    }
}

impl Lane {
    fn went(&mut self, went: Went, now: Mono) -> bool {
        match went {
            Went::Well => {
                self.standing = Standing::Answered;
                self.tempo.went_well();
                self.well += 1;
                if self.well >= WELL {
                    (self.most, self.well) = ((self.most + 1).min(WIDEST), 0);
                }
                // The operator's bound per destination applies when places are counted.
                self.window = (self.window + 1).min(self.most);
                true
            }
            Went::Unreachable | Went::Refused(_) if self.busy > 1 => {
                self.narrow(self.busy - 1);
                false
            }
            Went::Unreachable => {
                (self.standing, self.window) = (Standing::Failing, 1);
                true
            }
            Went::Refused(why) => {
                (self.standing, self.window) = (Standing::Failing, 1);
                self.tempo.slow_down(why, now);
                false
            }
            Went::Slowed(why) => {
                self.standing = Standing::Answered;
                // Several at once hear the same: that is one pause, and one step down.
                if self.tempo.hurdle(None, now).is_none() {
                    self.narrow((self.window / 2).max(1));
                    self.tempo.slow_down(why, now);
                }
                false
            }
        }
    }

    fn narrow(&mut self, most: usize) {
        (self.most, self.well) = (most, 0);
        self.window = self.window.min(most);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        state.busy -= 1;
        state.uncount(self.standing);
        if let Some(lane) = state.lanes.get_mut(&self.track) {
            lane.busy -= 1;
            if lane.busy == 0 && lane.standing == Standing::New {
                state.lanes.remove(&self.track);
            } else if lane.busy == 0 && lane.standing == Standing::Answered {
                // What it bears is remembered.
                lane.window = 1;
            }
        }
        drop(state);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
