//! What befalls a remote for a while, beyond its moods.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use world::Rng;

use super::{Act, Stage};
use crate::tls::Posture;

/// A remote that refuses for now, or goes away, much of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// Where; everywhere if nothing.
    pub stage: Option<Stage>,
    /// 451, or 421 and away.
    pub act: Act,
    /// How often, in a thousand.
    pub chance: u16,
}

/// See the module's description. Shared by whoever brings it and whom it befalls.
#[derive(Default)]
pub struct Spell(Mutex<State>);

#[derive(Default)]
struct State {
    storm: Option<Storm>,
    /// Seconds between two bytes of what is said.
    pace: Option<u32>,
    posture: Posture,
}

impl Spell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A storm begins, or ends.
    pub fn set_storm(&self, storm: Option<Storm>) {
        self.lock().storm = storm;
    }

    /// It says one byte each so many seconds from now on.
    pub fn set_pace(&self, pace: Option<u32>) {
        self.lock().pace = pace;
    }

    /// How it is about TLS from now on.
    pub fn set_posture(&self, posture: Posture) {
        self.lock().posture = posture;
    }

    /// Everything is well again.
    pub fn heal(&self) {
        *self.lock() = State::default();
    }

    pub(super) fn pace(&self) -> Option<u32> {
        self.lock().pace
    }

    pub(super) fn posture(&self) -> Posture {
        self.lock().posture
    }

    pub(super) fn act(&self, stage: Stage, rng: &dyn Rng) -> Option<Act> {
        let storm = self.lock().storm.filter(|storm| storm.stage.is_none_or(|only| only == stage))?;
        (rng.below(1000) < u64::from(storm.chance)).then_some(storm.act)
    }
}
