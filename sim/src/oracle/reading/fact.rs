//! One yes-or-no fact about the server's state, as several clients with several connections can know it.
//!
//! Clients act at the same time, replies come late, and some never come. So a fact is not "what the client last saw",
//! but: which of the two values is possible, and since when the other is not. A [`Fact`] is settled by an acknowledged
//! change that nothing contradicted meanwhile, or by an observation; since Posthouse shows nothing before it is durable,
//! an observation settles as much as an acknowledgement does (promises P1, F29), also across a crash.

/// A moment, counted by everything that happens to any client of the seed.
pub type Tick = u64;

/// Still so.
const NOW: Tick = Tick::MAX;

/// What is known of one value of a fact.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// Since when the fact cannot have this value; [`NOW`] while it can.
    impossible_since: Tick,
    /// Changes under way that would give the fact this value.
    open: u16,
    /// When the last such change ended.
    closed: Tick,
}

/// See the module's description.
#[derive(Clone, Copy, Debug)]
pub struct Fact([Side; 2]);

impl Fact {
    /// Either value is possible.
    pub fn unknown() -> Self {
        Self([Side { impossible_since: NOW, open: 0, closed: 0 }; 2])
    }

    /// It has been `value` from the beginning, as far as anybody can tell.
    pub fn settled(value: bool) -> Self {
        let mut fact = Self::unknown();
        fact.0[usize::from(!value)].impossible_since = 0;
        fact
    }

    /// Whether somebody who asked after `since` can have been told `value`.
    pub fn may_be(&self, value: bool, since: Tick) -> bool {
        self.0[usize::from(value)].impossible_since > since
    }

    /// Whether it is `value` for certain, and has been at least since `since`.
    pub fn is(&self, value: bool, since: Tick) -> bool {
        let (this, other) = (&self.0[usize::from(value)], &self.0[usize::from(!value)]);
        this.impossible_since == NOW && other.impossible_since <= since
    }

    /// Whether a change to `value` is under way.
    pub fn is_changing(&self, value: bool) -> bool {
        self.0[usize::from(value)].open > 0
    }

    /// A change to `value` begins.
    pub fn begin(&mut self, value: bool) {
        let side = &mut self.0[usize::from(value)];
        side.impossible_since = NOW;
        side.open += 1;
    }

    /// The change to `value` that began at `began` ends at `now`: carried out for certain, or perhaps.
    pub fn end(&mut self, value: bool, began: Tick, now: Tick, carried_out: bool) {
        let side = &mut self.0[usize::from(value)];
        side.open = side.open.saturating_sub(1);
        side.closed = now;
        let other = &mut self.0[usize::from(!value)];
        if carried_out && other.open == 0 && other.closed < began {
            other.impossible_since = other.impossible_since.min(now);
        }
    }

    /// Somebody who asked after `since` was told `value`, and this is known at `now`. Whether that can be.
    pub fn observe(&mut self, value: bool, since: Tick, now: Tick) -> bool {
        let possible = self.may_be(value, since);
        let other = self.0[usize::from(!value)];
        if !possible {
            // Told once; what follows from it is not told again.
            *self = Self([
                Side { impossible_since: NOW, ..self.0[0] },
                Side { impossible_since: NOW, ..self.0[1] },
            ]);
        } else if other.open == 0 && other.closed < since {
            self.0[usize::from(!value)].impossible_since = other.impossible_since.min(now);
        }
        possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_change_settles() {
        let mut fact = Fact::settled(false);
        assert!(!fact.may_be(true, 0) && fact.is(false, 0));
        fact.begin(true);
        assert!(fact.may_be(true, 1) && fact.may_be(false, 1));
        fact.end(true, 1, 2, true);
        assert!(fact.is(true, 2) && fact.may_be(false, 1), "a reply from before may still come");
        assert!(!fact.observe(false, 2, 3));
        assert!(fact.observe(true, 2, 3), "and is told once");
    }

    #[test]
    fn changes_at_the_same_time_leave_it_open() {
        let mut fact = Fact::settled(false);
        fact.begin(true);
        fact.begin(false);
        fact.end(true, 1, 3, true);
        fact.end(false, 2, 4, true);
        assert!(fact.may_be(true, 4) && fact.may_be(false, 4));
        assert!(fact.observe(true, 5, 6));
        assert!(fact.is(true, 6) && fact.may_be(false, 5) && !fact.observe(false, 6, 7));
    }

    #[test]
    fn what_was_never_answered_may_have_happened() {
        let mut fact = Fact::settled(false);
        fact.begin(true);
        fact.end(true, 1, 2, false);
        assert!(fact.observe(false, 1, 2), "seen before it ended");
        assert!(fact.may_be(true, 3), "it may have happened after that");
        assert!(fact.observe(false, 3, 4) && !fact.may_be(true, 4), "but not this late");
    }
}
