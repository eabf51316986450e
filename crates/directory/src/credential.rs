//! What is kept of a password, and checking one against it (RFC 5802 §3).

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use world::{Rng, World};

use crate::record::{Credential, Keys};
use crate::{Error, Password};

/// Bytes of a salt.
const SALT: usize = 16;

pub(crate) fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, data).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, data).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Compares in a time that does not depend on where the difference is (attack A10).
pub(crate) fn is_equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// RFC 5802 §3: SaltedPassword, ClientKey, StoredKey and ServerKey. Slow by design.
pub(crate) fn derive(password: &str, salt: &[u8], iterations: NonZeroU32) -> Credential {
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
    Credential {
        salt: salt.to_vec(),
        iterations,
        keys: Keys {
            stored_key: sha256(&hmac_sha256(&salted, b"Client Key")),
            server_key: hmac_sha256(&salted, b"Server Key"),
        },
    }
}

/// A new salt.
pub(crate) fn salt(world: &World) -> Vec<u8> {
    let mut salt = vec![0; SALT];
    world.rng.fill(&mut salt);
    salt
}

/// Hashes a new password on the pool for such work.
pub(crate) async fn hash(
    world: &World,
    password: &Password,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Result<Credential, Error> {
    let (password, salt) = (password.0.clone(), salt.to_vec());
    let hashed = world.tasks.compute_value(move || derive(&password, &salt, iterations)).await;
    hashed.ok_or(Error::Hashing)
}

/// Whether `password` is the credential's; `None` if the pool failed.
pub(crate) async fn is_password(world: &World, credential: &Credential, password: &str) -> Option<bool> {
    let (password, salt, iterations) = (password.to_owned(), credential.salt.clone(), credential.iterations);
    let derived = world.tasks.compute_value(move || derive(&password, &salt, iterations)).await?;
    Some(is_equal(&derived.keys.stored_key, &credential.keys.stored_key))
}

/// What an unknown user seems to have: the salt is the same at each try, and no password fits.
pub(crate) fn dummy(secret: &[u8], name: &str, iterations: NonZeroU32, rng: &dyn Rng) -> Credential {
    let salt = hmac_sha256(secret, name.as_bytes())[..SALT].to_vec();
    let mut keys = [[0; 32]; 2];
    for key in &mut keys {
        rng.fill(key);
    }
    Credential { salt, iterations, keys: Keys { stored_key: keys[0], server_key: keys[1] } }
}
