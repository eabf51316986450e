//! What lies under a directory, and whether its syncs can be true.
//!
//! A server's promise to keep mail is only as good as the disk's promise that a sync has written. The file system's
//! kind says where that is out of our hands; how long syncs take shows what cannot have written at all.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of the file that is written to measure.
const PROBE_LENGTH: usize = 64 * 1024;
/// Bytes written before each sync: a small commit.
const ROUND_LENGTH: usize = 4096;
/// Syncs measured on a quick disk.
const ROUNDS: usize = 9;
/// No further sync is begun after so long: a slow disk shows that it is slow at once.
const PATIENCE: Duration = Duration::from_millis(30);

/// What a file system is, as far as it matters to who keeps mail there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file system on a disk of this machine, which keeps its order over a crash.
    Disk,
    /// On a disk of this machine, but nothing but the last bytes written survives a crash for sure: no journal.
    Loose,
    /// Another machine or another program writes; a sync means what that one makes of it.
    Remote,
    /// A container's own layer: gone with it, and perhaps mounted so that syncs do nothing.
    Overlay,
    /// Memory. There is nothing that could survive.
    Memory,
    /// Not known here.
    Unknown,
}

/// A directory's file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Its name, or its number where that is not known here.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What a write of 4 KiB and its sync take: the median of a few. `None` if it was not measured.
    pub sync: Option<Duration>,
}

/// Magic numbers of Linux (`statfs(2)`, `linux/magic.h`), names, kinds.
const KNOWN: &[(u32, &str, Kind)] = &[
    (0xEF53, "ext2/ext3/ext4", Kind::Disk),
    (0x5846_5342, "XFS", Kind::Disk),
    (0x9123_683E, "Btrfs", Kind::Disk),
    (0x2FC1_2FC1, "ZFS", Kind::Disk),
    (0xF2F5_2010, "F2FS", Kind::Disk),
    (0xCA45_1A4E, "bcachefs", Kind::Disk),
    (0x3153_464A, "JFS", Kind::Disk),
    (0x5265_4973, "ReiserFS", Kind::Disk),
    (0x4D44, "FAT", Kind::Loose),
    (0x2011_BAB0, "exFAT", Kind::Loose),
    (0x5346_544E, "NTFS", Kind::Loose),
    (0x7366_746E, "NTFS", Kind::Loose),
    (0x4244, "HFS", Kind::Loose),
    (0x6969, "NFS", Kind::Remote),
    (0x517B, "SMB", Kind::Remote),
    (0xFF53_4D42, "CIFS", Kind::Remote),
    (0xFE53_4D42, "SMB2", Kind::Remote),
    (0x0102_1997, "9p", Kind::Remote),
    (0x6573_5546, "FUSE", Kind::Remote),
    (0x00C3_6400, "Ceph", Kind::Remote),
    (0x5346_414F, "AFS", Kind::Remote),
    (0x6B41_4653, "AFS", Kind::Remote),
    (0x7375_7245, "Coda", Kind::Remote),
    (0x0BD0_0BD0, "Lustre", Kind::Remote),
    (0x0116_1970, "GFS2", Kind::Remote),
    (0x7461_636F, "OCFS2", Kind::Remote),
    (0x786F_4256, "VirtualBox shared folder", Kind::Remote),
    (0xBACB_ACBC, "VMware shared folder", Kind::Remote),
    (0x794C_7630, "overlay", Kind::Overlay),
    (0x6175_6673, "aufs", Kind::Overlay),
    (0x0102_1994, "tmpfs", Kind::Memory),
    (0x8584_58F6, "ramfs", Kind::Memory),
];

impl Medium {
    /// What a magic number of `statfs` stands for.
    pub fn of_magic(magic: u32) -> Self {
        let found = KNOWN.iter().find(|(known, ..)| *known == magic);
        let (name, kind) = found.map_or_else(
            || (format!("file system {magic:#x}"), Kind::Unknown),
            |(_, name, kind)| ((*name).to_owned(), *kind),
        );
        Self { name, kind, sync: None }
    }

    /// The file system that a directory lies on.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let facts = rustix::fs::statfs(dir)?;
        // Magic numbers have 32 bits; the field has more on some machines, and a sign.
        Ok(Self::of_magic((facts.f_type as u64 & u64::from(u32::MAX)) as u32))
    }

    /// Writes and syncs a file in `dir` a few times, which takes a few milliseconds. The file has no name meanwhile,
    /// so that nothing is left whatever happens. Blocks.
    pub fn measure(mut self, dir: &Path) -> io::Result<Self> {
        let file = nameless(dir)?;
        file.write_all_at(&vec![1; PROBE_LENGTH], 0)?;
        file.sync_all()?;
        let began = Instant::now();
        let mut taken = Vec::with_capacity(ROUNDS);
        while taken.is_empty() || taken.len() < ROUNDS && began.elapsed() < PATIENCE {
            let round = Instant::now();
            let at = taken.len() * ROUND_LENGTH % PROBE_LENGTH;
            file.write_all_at(&[taken.len() as u8; ROUND_LENGTH], at as u64)?;
            file.sync_data()?;
            taken.push(round.elapsed());
        }
        taken.sort_unstable();
        self.sync = taken.get(taken.len() / 2).copied();
        Ok(self)
    }
}

fn nameless(dir: &Path) -> io::Result<File> {
    let path = dir.join(format!("sync-probe.{}", std::process::id()));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_numbers() {
        let table = [
            (0xEF53, "ext2/ext3/ext4", Kind::Disk),
            (0x5846_5342, "XFS", Kind::Disk),
            (0x9123_683E, "Btrfs", Kind::Disk),
            (0x4D44, "FAT", Kind::Loose),
            (0x6969, "NFS", Kind::Remote),
            (0xFF53_4D42, "CIFS", Kind::Remote),
            (0xFE53_4D42, "SMB2", Kind::Remote),
            (0x0102_1997, "9p", Kind::Remote),
            (0x6573_5546, "FUSE", Kind::Remote),
            (0x794C_7630, "overlay", Kind::Overlay),
            (0x0102_1994, "tmpfs", Kind::Memory),
            (0x8584_58F6, "ramfs", Kind::Memory),
            (0xABCD, "file system 0xabcd", Kind::Unknown),
        ];
        for (magic, name, kind) in table {
            let medium = Medium::of_magic(magic);
            assert_eq!((medium.name.as_str(), medium.kind), (name, kind), "{magic:#x}");
        }
        let mut numbers: Vec<u32> = KNOWN.iter().map(|(magic, ..)| *magic).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), KNOWN.len(), "no number twice");
    }

    #[test]
    fn the_system_says_what_it_is() {
        assert_eq!(Medium::of(Path::new("/proc")).expect("Linux has it").kind, Kind::Unknown);
        assert!(Medium::of(Path::new("/nowhere/at/all")).is_err());
    }

    #[test]
    fn a_measure_leaves_nothing() {
        let dir = std::env::temp_dir().join(format!("posthouse-medium-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("the temporary directory can be written");
        let medium = Medium::of(&dir).and_then(|medium| medium.measure(&dir)).expect("it can be written");
        assert!(medium.sync.is_some_and(|sync| sync > Duration::ZERO), "{medium:?}");
        assert_eq!(std::fs::read_dir(&dir).expect("it is there").count(), 0);
        std::fs::remove_dir(&dir).expect("it is empty");
    }
}
