//! The store from outside: one suite over every backend, and the embedded one under failing disks.

mod conformance;
mod crash;
mod doors;
