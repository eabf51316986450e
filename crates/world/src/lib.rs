//! The doors to the outside: clock, network, DNS, disk, randomness, tasks.
//!
//! Nothing above this crate touches the operating system by itself. Production hands in [`real`]'s doors; tests
//! and the simulator hand in others, and the same server runs on them unchanged.
//!
//! This crate knows no protocol: it moves bytes, names and time.

pub mod clock;
pub mod disk;
pub mod dns;
pub mod net;
mod race;
pub mod real;
pub mod rng;
pub mod task;
pub mod tls;

use std::sync::Arc;

pub use clock::Clock;
pub use disk::Disk;
pub use dns::Dns;
pub use net::{Listener, Net, Stream};
pub use race::{Either, race};
pub use rng::Rng;
pub use task::{BoxFuture, Task, Tasks};

/// All doors together. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// What time it is, and waiting.
    pub clock: Arc<dyn Clock>,
    /// Connections.
    pub net: Arc<dyn Net>,
    /// Names.
    pub dns: Arc<dyn Dns>,
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Tasks and threads.
    pub tasks: Arc<dyn Tasks>,
}
