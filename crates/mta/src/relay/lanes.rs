//! How many attempts may run at once: in all, and to each destination. A destination that answers widens its lane
//! step by step; one that does not gets one attempt at a time, and all such together at most half of the places; a
//! quarter is kept for those that answered the last time. So dead domains never delay the others, even where hundreds
//! are met for the first time at once (F22). One that refuses a connection while it keeps others is not dead
//! but bears no more: its lane stays that narrow for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use queue::Destination;
use tokio::sync::Notify;

use crate::settings::Outbound;

/// Destinations remembered; beyond, those that answered or those that did not are forgotten, whichever are more.
const REMEMBERED: usize = 10_000;

/// Attempts at once to one destination, whatever is configured.
const WIDEST: usize = 100;

/// Attempts that go well before a lane that was narrowed may widen by one.
const WELL: u32 = 200;

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
    lanes: BTreeMap<Destination, Lane>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    busy: usize,
    window: usize,
    /// The window does not grow beyond, until so much mail has gone well that more may be tried.
    most: usize,
    well: u32,
    standing: Standing,
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
        Self { busy: 0, window: 1, most: WIDEST, well: 0, standing: Standing::New }
    }
}

/// The right to run one attempt after another to a destination. Given back when dropped.
pub(super) struct Place {
    lanes: Lanes,
    destination: Destination,
    /// As what it is counted.
    standing: Standing,
}

impl Lanes {
    /// How many more attempts to a destination may begin now.
    pub(super) fn free(&self, destination: &Destination, limits: &Outbound) -> usize {
        let state = self.state.lock().expect("no holder panics");
        let lane = state.lanes.get(destination).copied().unwrap_or_default();
        let window = lane.window.min(limits.concurrency_per_destination.max(1));
        let mut free = limits.concurrency.saturating_sub(state.busy);
        if lane.standing != Standing::Answered {
            let kept = limits.concurrency / 4;
            free = free.min((limits.concurrency - kept).saturating_sub(state.busy_unproven));
        }
        if lane.standing == Standing::Failing {
            free = free.min(limits.concurrency.div_ceil(2).saturating_sub(state.busy_failing));
        }
        free.min(window.saturating_sub(lane.busy))
    }

    /// Whether no attempt at all may begin now.
    pub(super) fn is_full(&self, limits: &Outbound) -> bool {
        self.state.lock().expect("no holder panics").busy >= limits.concurrency
    }

    /// Takes a place that was found free.
    pub(super) fn take(&self, destination: &Destination) -> Place {
        let mut state = self.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(destination.clone()).or_default();
        lane.busy += 1;
        let standing = lane.standing;
        state.busy += 1;
        state.count(standing);
        Place { lanes: self.clone(), destination: destination.clone(), standing }
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
    fn count(&mut self, standing: Standing) {
        self.busy_failing += usize::from(standing == Standing::Failing);
        self.busy_unproven += usize::from(standing != Standing::Answered);
    }

    fn uncount(&mut self, standing: Standing) {
        self.busy_failing -= usize::from(standing == Standing::Failing);
        self.busy_unproven -= usize::from(standing != Standing::Answered);
    }

    /// Keeps the memory bounded.
    fn forget(&mut self) {
        if self.lanes.len() > REMEMBERED {
            let failing = self.lanes.values().filter(|lane| lane.standing == Standing::Failing).count();
            let most = if failing * 2 > self.lanes.len() { Standing::Failing } else { Standing::Answered };
            self.lanes.retain(|_, lane| lane.busy > 0 || lane.standing != most);
        }
    }
}

impl Place {
    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Whether a host of the destination could be talked to. Gives whether this place is of further use: not if the
    /// others of its lane may go on where it could not.
    pub(super) fn reached(&mut self, reached: bool) -> bool {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(self.destination.clone()).or_default();
        if !reached && lane.busy > 1 {
            (lane.most, lane.well) = (lane.busy - 1, 0);
            lane.window = lane.window.min(lane.most);
            return false;
        }
        lane.standing = if reached { Standing::Answered } else { Standing::Failing };
        lane.well += u32::from(reached);
        if lane.well == WELL {
            (lane.most, lane.well) = ((lane.most + 1).min(WIDEST), 0);
        }
        let before = lane.window;
        // The operator's bound per destination applies when places are counted.
        lane.window = if reached { (before + 1).min(lane.most) } else { 1 };
        let news = lane.window > before || lane.standing != self.standing;
        let standing = std::mem::replace(&mut self.standing, lane.standing);
        state.uncount(standing);
        state.count(self.standing);
        drop(state);
        if news {
            self.lanes.freed.notify_one();
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        state.busy -= 1;
        state.uncount(self.standing);
        if let Some(lane) = state.lanes.get_mut(&self.destination) {
            lane.busy -= 1;
            if lane.busy == 0 && lane.standing == Standing::New {
                state.lanes.remove(&self.destination);
            } else if lane.busy == 0 && lane.standing == Standing::Answered {
                *lane = Lane { standing: Standing::Answered, ..Lane::default() };
            }
        }
        state.forget();
        drop(state);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Destination {
        name.parse().expect("a domain")
    }

    #[test]
    fn lanes_widen_with_success_and_narrow_with_failure() {
        let limits = Outbound { concurrency: 4, concurrency_per_destination: 2, ..Outbound::default() };
        let (lanes, good, dead) = (Lanes::default(), domain("good.test"), domain("dead.test"));
        assert_eq!(lanes.free(&good, &limits), 1, "an unknown destination gets one attempt");
        let mut first = lanes.take(&good);
        assert_eq!(lanes.free(&good, &limits), 0);
        first.reached(true);
        first.reached(true);
        assert_eq!(lanes.free(&good, &limits), 1, "one more, the bound is two");
        let mut second = lanes.take(&good);
        second.reached(false);
        drop(first);
        assert_eq!(lanes.free(&good, &limits), 0, "a failing lane has one place, which is taken");
        drop(second);
        assert_eq!(lanes.free(&good, &limits), 1);
        assert!(lanes.is_idle() && lanes.free(&dead, &limits) == 1);
    }

    #[test]
    fn a_lane_that_was_narrowed_widens_again_slowly() {
        let limits = Outbound { concurrency_per_destination: 3, ..Outbound::default() };
        let (lanes, busy) = (Lanes::default(), domain("busy.test"));
        let mut place = lanes.take(&busy);
        assert!(place.reached(true) && place.reached(true));
        let mut other = lanes.take(&busy);
        assert!(!other.reached(false), "it leaves the lane to the first");
        drop(other);
        for _ in 1..WELL {
            assert!(place.reached(true));
            assert_eq!(lanes.free(&busy, &limits), 0, "one connection is borne");
        }
        assert!(place.reached(true));
        assert_eq!(lanes.free(&busy, &limits), 1, "another may be tried");
    }

    #[test]
    fn failing_destinations_leave_half_of_the_places() {
        let limits = Outbound { concurrency: 4, ..Outbound::default() };
        let lanes = Lanes::default();
        for name in ["a.test", "b.test", "c.test"] {
            lanes.take(&domain(name)).reached(false);
        }
        let busy = [lanes.take(&domain("a.test")), lanes.take(&domain("b.test"))];
        assert_eq!(lanes.free(&domain("c.test"), &limits), 0, "two of four are with failing ones");
        assert_eq!(lanes.free(&domain("new.test"), &limits), 1);
        drop(busy);
        assert_eq!(lanes.free(&domain("c.test"), &limits), 1);
    }

    #[test]
    fn a_quarter_of_the_places_is_for_those_that_answered() {
        let limits = Outbound { concurrency: 8, concurrency_per_destination: 8, ..Outbound::default() };
        let (lanes, good) = (Lanes::default(), domain("good.test"));
        lanes.take(&good).reached(true);
        let new: Vec<Place> = (0..6).map(|n| lanes.take(&domain(&format!("new{n}.test")))).collect();
        assert_eq!(lanes.free(&domain("other.test"), &limits), 0, "two of eight are kept");
        assert_eq!(lanes.free(&good, &limits), 1);
        let mut new = new.into_iter();
        let mut answered = new.next().expect("six");
        answered.reached(true);
        assert_eq!(lanes.free(&domain("other.test"), &limits), 1, "one of the six turned out well");
        let _both = [lanes.take(&good), lanes.take(&domain("other.test"))];
        assert!(lanes.is_full(&limits));
        drop((new, answered));
        assert_eq!(lanes.free(&domain("more.test"), &limits), 1);
    }

    #[test]
    fn the_memory_is_bounded_and_dead_domains_do_not_push_out_good_ones() {
        let limits = Outbound { concurrency: 4, ..Outbound::default() };
        let (lanes, good) = (Lanes::default(), domain("good.test"));
        lanes.take(&good).reached(true);
        for n in 0..=REMEMBERED {
            lanes.take(&domain(&format!("dead{n}.test"))).reached(false);
        }
        let _new = ["a.test", "b.test", "c.test"].map(|name| lanes.take(&domain(name)));
        assert_eq!((lanes.free(&domain("d.test"), &limits), lanes.free(&good, &limits)), (0, 1));
        assert!(lanes.state.lock().expect("no holder panics").lanes.len() < 10);
    }
}
