//! Dice: all chance of a universe comes from its seed.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A stream of random numbers (xoshiro256**). The same seed gives the same stream, on every machine.
#[derive(Clone, Debug)]
pub struct Dice([u64; 4]);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        // SplitMix64, as the authors of xoshiro recommend for filling its state.
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// A stream of its own for one part, which does not disturb the others when it draws more or less.
    #[must_use]
    pub fn fork(&mut self, part: &str) -> Self {
        let mut seed = self.number();
        for byte in part.bytes() {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self::new(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        let state = &mut self.0;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a range.
    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (from, to) = range.into_inner();
        from + self.below((to.max(from) - from).saturating_add(1))
    }

    /// Whether something happens that happens `per_mille` times in 1,000.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A time span of a range.
    pub fn duration(&mut self, range: RangeInclusive<Duration>) -> Duration {
        let (from, to) = range.into_inner();
        Duration::from_nanos(self.between(from.as_nanos() as u64..=to.as_nanos() as u64))
    }

    /// One of several, of which there is at least one.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// Puts items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Fills a buffer.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.number().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// Dice as a process' door to randomness.
pub struct DiceDoor(Mutex<Dice>);

impl DiceDoor {
    /// A door of its own.
    pub fn new(dice: Dice) -> Self {
        Self(Mutex::new(dice))
    }
}

impl world::Rng for DiceDoor {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream_and_parts_differ() {
        let numbers = |mut dice: Dice| [dice.number(), dice.number(), dice.below(10), dice.between(5..=6)];
        assert_eq!(numbers(Dice::new(1)), numbers(Dice::new(1)));
        assert_ne!(numbers(Dice::new(1)), numbers(Dice::new(2)));
        assert_ne!(numbers(Dice::new(1).fork("net")), numbers(Dice::new(1).fork("disk")));
    }

    #[test]
    fn ranges_hold() {
        let mut dice = Dice::new(7);
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| dice.between(3..=6)).collect();
        assert_eq!(drawn, (3..=6).collect());
        assert!((0..200).all(|_| !dice.chance(0)) && (0..200).all(|_| dice.chance(1000)));
    }
}
