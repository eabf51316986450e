//! Domains, accounts, addresses, aliases, credentials, SASL.
//!
//! Local-parts are compared in lower case (Unicode), domains as [`mail::Domain`] keeps them. A failing store is an
//! error, never "no such user" (P5).
//!
//! Reading looks at the last commit; writing adds to a [`store::Batch`] with the expectations that make two
//! operators' changes conflict rather than mix. This crate never commits.

mod account;
mod alias;
mod app_password;
mod audit;
mod credential;
mod domain;
mod error;
mod guard;
mod keys;
mod lookup;
mod password;
mod record;
mod removed;
mod resolve;
pub mod sasl;
mod saslprep;
mod secret;
mod signing;
mod verified;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use store::Store;
use world::World;

pub use account::Account;
pub use alias::Alias;
pub use app_password::{AppPassword, Scope, Scopes};
pub use error::Error;
pub use guard::LoginLimit;
pub use password::{Password, PasswordError};
pub use removed::RemovedAccount;
pub use resolve::{Resolution, Target};
pub use saslprep::prepare;
pub use signing::{KeyState, SigningKey};

/// PBKDF2 iterations of a new password. Not more: clients on Cyrus SASL (mbsync, neomutt) refuse to
/// compute above 65,536, and a client that cannot log in by SCRAM does not fall back to PLAIN.
const ITERATIONS: u32 = 65_536;

/// How long the answer to a wrong name or password takes, so that guessing is slow (attack A11); twice as long after each
/// further one from that address. Other connections, and good logins, do not wait for it.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// The directory. Shared as `Arc<Directory>`.
pub struct Directory {
    store: Arc<dyn Store>,
    world: World,
    iterations: NonZeroU32,
    verified: verified::Verified,
    uses: app_password::Uses,
    bearer: sasl::Bearer,
    guard: guard::Guard,
    refusal_delay: Duration,
    /// Salts the answers about unknown users until the store has a secret for it.
    secret: [u8; 32],
}

impl Directory {
    /// On a store. Passwords and logins are hashed on `world.tasks`' pool.
    pub fn new(store: Arc<dyn Store>, world: World) -> Self {
        let iterations = NonZeroU32::new(ITERATIONS).expect("not zero");
        let mut keys = [[0; 32]; 4];
        for key in &mut keys {
            world.rng.fill(key);
        }
        let [key, secret, names, tokens] = keys;
        Self {
            store,
            world,
            iterations,
            verified: verified::Verified::new(key),
            uses: app_password::Uses::default(),
            bearer: sasl::Bearer::new(tokens),
            guard: guard::Guard::new(names),
            refusal_delay: REFUSAL_DELAY,
            secret,
        }
    }

    /// What is allowed of failed logins from now on.
    pub fn set_login_limit(&self, limit: LoginLimit) {
        self.guard.set_limit(limit);
    }

    /// How long the answer to a wrong name or password takes.
    #[must_use]
    pub fn with_refusal_delay(mut self, delay: Duration) -> Self {
        self.refusal_delay = delay;
        self
    }

    /// PBKDF2 iterations of passwords set from now on (RFC 7677 §4 asks for at least 4096).
    #[must_use]
    pub fn with_iterations(mut self, iterations: NonZeroU32) -> Self {
        self.iterations = iterations;
        self
    }
}
