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
    world.disk = Arc::new(disk.until_crash());
    world
}

/// A directory of the real file system that goes with the test.
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    /// Named for the test.
    pub(crate) fn new(name: &str) -> Self {
        let path =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the build directory can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
