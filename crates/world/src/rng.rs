//! Randomness.

use crate::real;

/// A source of random bytes fit for keys and salts.
pub trait Rng: Send + Sync {
    /// Fills `buffer`.
    fn fill(&self, buffer: &mut [u8]);

    /// A new RSA key of 2048 bits, PKCS#8 in DER; some hundred milliseconds of CPU. The library that makes it draws its
    /// randomness itself and takes none from outside. So this is a door of its own: a world that must be the same each
    /// time hands out a key that it has.
    fn rsa_key(&self) -> Result<Vec<u8>, String> {
        real::rsa_key()
    }
}

impl dyn Rng + '_ {
    /// Any number.
    pub fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    /// A number below `bound`, which is at least 1; for shuffling and jitter, not for keys (slightly uneven).
    pub fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// Puts `items` into random order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
