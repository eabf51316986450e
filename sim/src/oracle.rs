//! What must hold: the invariants I1 to I20, checked against a ledger of everything that was acknowledged.

pub mod audit;
pub mod book;
pub mod ledger;
pub mod mail;
pub mod reading;

use serde::Serialize;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Which one: `I1`, `I18`; `panic`, `spins` and `stuck` are the executor's.
    pub invariant: &'static str,
    /// What was seen, with names and tokens to look for in the trace.
    pub what: String,
}

impl Violation {
    /// Of an invariant.
    pub fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}
