//! The system's random generator.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};

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

/// See [`Rng::rsa_key`].
pub(crate) fn rsa_key() -> Result<Vec<u8>, String> {
    let der = KeyPair::generate(KeySize::Rsa2048).and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair));
    der.map(|der| der.as_ref().to_vec())
        .map_err(|_| "the cryptographic library cannot make an RSA key".to_owned())
}
