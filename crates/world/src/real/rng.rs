//! The system's random generator.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::Rng;

pub(super) struct RealRng(SystemRandom);

impl RealRng {
    pub(super) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Rng for RealRng {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the system's random generator does not fail once seeded");
    }
}
