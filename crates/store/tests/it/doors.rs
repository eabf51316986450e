//! Doors for tests.

use std::sync::Arc;

use world::World;
use world::disk::memory::MemoryDisk;

/// Runs a test on one thread, with tasks of the store in turn.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("the system has threads")
        .block_on(test)
}

/// The real doors with a disk in memory. Inside [`run`].
pub(crate) fn on(disk: &MemoryDisk) -> World {
    let mut world = world::real::world(&[]);
    world.disk = Arc::new(disk.clone());
    world
}
