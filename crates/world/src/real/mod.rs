//! The real doors: tokio, hickory, rustls, the file system.

mod clock;
mod disk;
mod dns;
pub mod medium;
mod net;
mod rng;
mod task;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::World;
pub(crate) use rng::rsa_key;

/// Which name servers are asked, and what they are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServers {
    /// Empty for the system's.
    pub servers: Vec<SocketAddr>,
    /// Whose word on signatures is believed.
    pub trust: TrustAd,
}

/// Whose word is believed when an answer says that DNSSEC proves it (the AD bit, RFC 4035 §3.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustAd {
    /// Nobody's.
    Never,
    /// That of servers on this machine, if all are.
    #[default]
    Loopback,
    /// Everybody's: the operator knows the way to the servers to be safe.
    Always,
}

/// The real doors. Call it inside a tokio runtime with time and I/O: tasks run there.
///
/// Names are asked of `dns_servers`, or of the system's resolvers if there are none.
pub fn world(dns_servers: &[SocketAddr]) -> World {
    world_asking(&NameServers { servers: dns_servers.to_vec(), ..NameServers::default() })
}

/// Like [`world`], with what the name servers are believed.
pub fn world_asking(names: &NameServers) -> World {
    World {
        clock: Arc::new(clock::RealClock::new()),
        net: Arc::new(net::RealNet),
        dns: dns::shared(names),
        disk: disk::shared(),
        rng: Arc::new(rng::RealRng::new()),
        tasks: Arc::new(task::RealTasks::new()),
    }
}

/// Raises this process's limit of open files to the most the system allows, and says how many that is.
pub fn raise_open_files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let after = if setrlimit(Resource::Nofile, limit).is_ok() { limit.maximum } else { before };
    // No limit at all is written as none.
    after.unwrap_or(u64::MAX)
}

/// Bytes of memory that this process holds (RSS); `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kib.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Whether this process may do anything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The user who owns a file or directory, if that is not root but we are: what root makes there, the owner cannot read.
pub fn owner_other_than_root(path: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(path).ok()?.uid();
    (is_root() && owner != 0).then_some(owner)
}

/// Removes a directory with all that is in it; for directories that this process has made for a short time.
pub fn remove_tree(path: &std::path::Path) -> std::io::Result<()> {
    std::fs::remove_dir_all(path)
}

/// Where a path leads once links are followed, as far as it is there; the rest as it is written.
pub fn real_place(path: &std::path::Path) -> std::path::PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}
