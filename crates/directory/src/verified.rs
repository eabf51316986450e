//! Logins that were checked lately, so that clients that log in again and again cost no hash each time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use mail::{AccountId, Mono};

use crate::credential::hmac_sha256;
use crate::record::Credential;

/// Logins remembered.
const REMEMBERED: usize = 10_000;
/// For how long.
const LIFETIME: Duration = Duration::from_mins(10);

/// Fingerprints of verified logins under a key that dies with the process. A fingerprint covers the account, its
/// credential and the password, so a changed password never matches and no two users share one (attack A10).
pub(crate) struct Verified {
    key: [u8; 32],
    until: Mutex<BTreeMap<[u8; 32], Mono>>,
}

impl Verified {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, until: Mutex::default() }
    }

    pub(crate) fn fingerprint(&self, id: AccountId, credential: &Credential, password: &str) -> [u8; 32] {
        let parts = [&id.0.to_be_bytes(), credential.keys.stored_key.as_slice(), password.as_bytes()];
        hmac_sha256(&self.key, &parts.concat())
    }

    pub(crate) fn contains(&self, fingerprint: &[u8; 32], now: Mono) -> bool {
        self.until.lock().expect("no holder panics").get(fingerprint).is_some_and(|until| *until > now)
    }

    pub(crate) fn remember(&self, fingerprint: [u8; 32], now: Mono) {
        let mut until = self.until.lock().expect("no holder panics");
        if until.len() >= REMEMBERED {
            until.retain(|_, until| *until > now);
        }
        if until.len() >= REMEMBERED {
            until.pop_first();
        }
        until.insert(fingerprint, now + LIFETIME);
    }
}
