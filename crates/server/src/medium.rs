//! Says what the disk under `data_dir` means for the promise that acknowledged mail is kept.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use world::real::medium::{Kind, Medium};
use world::{Disk, Tasks, World};

use crate::admin::DiskFigures;

/// No disk writes and answers in less: a sync that takes less has not written, or only to a cache that survives.
const TOO_FAST: Duration = Duration::from_micros(20);
/// A sync of so long is felt by every client, and bounds how many commits a second can follow each other.
const SLOW: Duration = Duration::from_millis(25);

/// Looks at the medium of a directory and measures its syncs, off the runtime. `None` where there is no real disk, or
/// where it cannot be looked at: then starting the server says why.
pub(crate) async fn look(disk: &dyn Disk, tasks: &dyn Tasks, dir: &Path) -> Option<Medium> {
    let dir = disk.real_path(dir)?;
    let (tx, rx) = tokio::sync::oneshot::channel();
    let work = move || {
        let medium = Medium::of(&dir).ok();
        let _ = tx.send(medium.map(|medium| medium.clone().measure(&dir).unwrap_or(medium)));
    };
    tasks.compute(Box::new(work)).await;
    rx.await.ok().flatten()
}

/// Looks at the medium of `data_dir` in the background, so that no start waits for it, and warns of what it finds.
pub(crate) fn tell(world: &World, dir: &Path, into: Arc<OnceLock<DiskFigures>>) {
    let (world, dir) = (world.clone(), dir.to_owned());
    let tasks = Arc::clone(&world.tasks);
    tasks.spawn(Box::pin(async move {
        let Some(medium) = look(world.disk.as_ref(), world.tasks.as_ref(), &dir).await else { return };
        let warnings = warnings(&medium, &dir);
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        // Only we fill it.
        let _ = into.set(DiskFigures {
            words: words(&medium),
            sync_microseconds: medium.sync.map(|sync| u64::try_from(sync.as_micros()).unwrap_or(u64::MAX)),
            file_system: medium.name,
            warnings,
        });
    }));
}

/// The file system and its syncs, in a few words.
pub(crate) fn words(medium: &Medium) -> String {
    match medium.sync {
        Some(sync) => format!("{}, a sync takes {}", medium.name, time(sync)),
        None => format!("{}, syncs not measured", medium.name),
    }
}

/// What the operator should know: nothing, on an ordinary disk.
pub(crate) fn warnings(medium: &Medium, dir: &Path) -> Vec<String> {
    kind(medium, dir).into_iter().chain(speed(medium, dir)).collect()
}

fn kind(medium: &Medium, dir: &Path) -> Option<String> {
    let what = match medium.kind {
        Kind::Disk | Kind::Unknown => return None,
        Kind::Loose => {
            "which has no journal: a power failure can damage its directories, and with them mail that was acknowledged"
        }
        Kind::Remote => {
            "which another machine or program writes: whether a sync there has really written is up to that one, so what is \
             acknowledged may be lost when that one fails, and two servers might open one store"
        }
        Kind::Overlay => {
            "a container's own layer: all mail goes away with the container, and if it is mounted without syncs, what is \
             acknowledged may be lost when the machine or its power fails; mount a volume there"
        }
        Kind::Memory => {
            "which is memory: all mail is gone when the machine stops or its power fails, acknowledged or not"
        }
    };
    Some(format!(
        "data_dir {} is on {}, {what}; use a local disk with ext4, XFS or Btrfs",
        dir.display(),
        medium.name
    ))
}

fn speed(medium: &Medium, dir: &Path) -> Option<String> {
    let sync = medium.sync?;
    if sync < TOO_FAST && medium.kind != Kind::Memory {
        return Some(format!(
            "a sync of data_dir {} takes {}, less than any disk needs to write: unless it has a cache that outlives the \
             power, what is acknowledged may be lost when the machine or its power fails; look for a volatile write cache, \
             sync=disabled, libeatmydata, or a virtual disk with cache=unsafe",
            dir.display(),
            time(sync)
        ));
    }
    (sync > SLOW).then(|| {
        format!(
            "a sync of data_dir {} takes {}: no mail is at risk, but each delivery and each change waits for one; a disk \
             with a protected write cache (or an SSD) is many times faster",
            dir.display(),
            time(sync)
        )
    })
}

/// With the unit that fits.
fn time(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        _ => format!("{} ms", micros / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXT4: u32 = 0xEF53;
    const NFS: u32 = 0x6969;
    const OVERLAY: u32 = 0x794C_7630;
    const TMPFS: u32 = 0x0102_1994;

    fn medium(magic: u32, micros: Option<u64>) -> Medium {
        Medium { sync: micros.map(Duration::from_micros), ..Medium::of_magic(magic) }
    }

    fn warned(magic: u32, micros: Option<u64>) -> String {
        warnings(&medium(magic, micros), Path::new("/mail")).join("\n")
    }

    #[test]
    fn an_ordinary_disk_is_not_warned_of() {
        for micros in [None, Some(20), Some(130), Some(9000), Some(25_000)] {
            assert_eq!(warned(EXT4, micros), "");
            assert_eq!(warned(0xABCD, micros), "", "what is not known is not blamed");
        }
    }

    #[test]
    fn what_the_promise_cannot_hold_on_is_named_with_what_that_means() {
        let table = [
            (EXT4, Some(5), &["takes 5 µs", "may be lost when the machine or its power fails"][..]),
            (EXT4, Some(140_000), &["takes 140 ms", "no mail is at risk"]),
            (NFS, Some(900), &["/mail is on NFS", "may be lost when that one fails", "two servers"]),
            (OVERLAY, None, &["is on overlay", "goes away with the container", "mount a volume"]),
            (TMPFS, Some(1), &["is on tmpfs", "gone when the machine stops"]),
            (0x4D44, None, &["is on FAT", "no journal"]),
        ];
        for (magic, micros, parts) in table {
            let text = warned(magic, micros);
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!(warned(TMPFS, Some(1)).lines().count(), 1, "memory is fast, which need not be said");
        assert_eq!(warned(NFS, Some(5)).lines().count(), 2);
    }

    #[test]
    fn in_a_few_words() {
        assert_eq!(words(&medium(EXT4, Some(130))), "ext2/ext3/ext4, a sync takes 130 µs");
        assert_eq!(words(&medium(EXT4, Some(2_460))), "ext2/ext3/ext4, a sync takes 2.4 ms");
        assert_eq!(words(&medium(NFS, None)), "NFS, syncs not measured");
    }
}
