//! How many attempts may run at once: in all, and to each destination. A destination that answers widens its lane
//! step by step; one that does not gets one attempt at a time, and all such together at most half of the places, so
//! that dead domains never delay the others (F22). One that refuses a connection while it keeps others is not dead
//! but bears no more: its lane stays that narrow for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use queue::Destination;
use tokio::sync::Notify;

use crate::settings::Outbound;

/// Failing destinations remembered; beyond, the memory starts anew.
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
    lanes: BTreeMap<Destination, Lane>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    busy: usize,
    window: usize,
    /// The window does not grow beyond, until so much mail has gone well that more may be tried.
    most: usize,
    well: u32,
    failing: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { busy: 0, window: 1, most: WIDEST, well: 0, failing: false }
    }
}

/// The right to run one attempt after another to a destination. Given back when dropped.
pub(super) struct Place {
    lanes: Lanes,
    destination: Destination,
    counted_failing: bool,
}

impl Lanes {
    /// How many more attempts to a destination may begin now.
    pub(super) fn free(&self, destination: &Destination, limits: &Outbound) -> usize {
        let state = self.state.lock().expect("no holder panics");
        let lane = state.lanes.get(destination).copied().unwrap_or_default();
        let window = lane.window.min(limits.concurrency_per_destination.max(1));
        let mut free = limits.concurrency.saturating_sub(state.busy);
        if lane.failing {
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
        let counted_failing = lane.failing;
        state.busy += 1;
        state.busy_failing += usize::from(counted_failing);
        Place { lanes: self.clone(), destination: destination.clone(), counted_failing }
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

impl Place {
    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Whether a host of the destination could be talked to. Gives whether this place is of further use: not if the
    /// others of its lane may go on where it could not.
    pub(super) fn reached(&self, reached: bool) -> bool {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        let lane = state.lanes.entry(self.destination.clone()).or_default();
        if !reached && lane.busy > 1 {
            (lane.most, lane.well) = (lane.busy - 1, 0);
            lane.window = lane.window.min(lane.most);
            return false;
        }
        lane.failing = !reached;
        lane.well += u32::from(reached);
        if lane.well == WELL {
            (lane.most, lane.well) = ((lane.most + 1).min(WIDEST), 0);
        }
        let before = lane.window;
        // The operator's bound per destination applies when places are counted.
        lane.window = if reached { (before + 1).min(lane.most) } else { 1 };
        let wider = lane.window > before;
        drop(state);
        if wider {
            self.lanes.freed.notify_one();
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lanes.state.lock().expect("no holder panics");
        state.busy -= 1;
        state.busy_failing -= usize::from(self.counted_failing);
        if let Some(lane) = state.lanes.get_mut(&self.destination) {
            lane.busy -= 1;
            if lane.busy == 0 && !lane.failing {
                state.lanes.remove(&self.destination);
            }
        }
        if state.lanes.len() > REMEMBERED {
            state.lanes.retain(|_, lane| lane.busy > 0);
        }
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
        let first = lanes.take(&good);
        assert_eq!(lanes.free(&good, &limits), 0);
        first.reached(true);
        first.reached(true);
        assert_eq!(lanes.free(&good, &limits), 1, "one more, the bound is two");
        let second = lanes.take(&good);
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
        let place = lanes.take(&busy);
        assert!(place.reached(true) && place.reached(true));
        let other = lanes.take(&busy);
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
}
