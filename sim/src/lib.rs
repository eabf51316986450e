//! The deterministic simulator: whole servers, the people around them, and everything that can go wrong.
//!
//! A seed is one number. From it come a universe - clock, network, names, disks, the order in which tasks run - and a
//! plan: who does what, and which faults happen. The servers are the real ones, started through their library; only
//! the doors of crate `world` are others. The same seed gives the same run, to the last byte, which two runs of each
//! seed prove by their trace hashes.

pub mod actors;
pub mod batch;
pub mod cli;
pub mod coverage;
pub mod disk;
pub mod dns;
pub mod executor;
pub mod net;
pub mod office;
pub mod oracle;
pub mod plan;
pub mod rng;
pub mod run;
pub mod show;
pub mod shrink;
pub mod small;
pub mod teeth;
pub mod tls;
pub mod town;
pub mod trace;
pub mod universe;

pub use executor::{Death, Order};
pub use oracle::Violation;
pub use rng::Dice;
pub use town::{PASSWORD, Town};
pub use universe::{Machine, Process, Universe};
