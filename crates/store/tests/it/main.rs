//! The store from outside: one suite over every backend, and the embedded one under failing disks.

#![expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]

mod backup;
mod conformance;
mod crash;
mod doors;
mod race;
mod space;
