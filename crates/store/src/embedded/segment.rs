//! Files of the store: their names, their first 64 bytes, and how they come to be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut};
use world::Disk;
use world::disk::{File, Open};

use crate::Error;
use crate::body::Place;

/// Bytes before the first record or body of a file.
pub(super) const HEADER: u64 = 64;
/// The format this program writes. It reads this one and none newer.
pub(super) const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"PHSTORE\n";
const CRC_AT: usize = 60;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) place: Place,
    /// In which run of the store it was made.
    pub(super) boot: u64,
    /// The store's secret.
    pub(super) salt: u64,
}

/// A file that is written at its end.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) file: Arc<dyn File>,
    /// Bytes reserved for it.
    pub(super) reserved: u64,
}

/// The directory of files of one kind, under the store's own.
pub(super) fn dir_of(dir: &Path, place: Place) -> PathBuf {
    match place {
        Place::Log(_) => dir.join("log"),
        Place::Memory => dir.to_owned(),
        Place::Archive(_) => dir.join("archive"),
        Place::Body(_) => dir.join("bodies"),
    }
}

/// The path of a file. What is not numbered is the file `store`, that holds nothing but a header.
pub(super) fn path(dir: &Path, place: Place) -> PathBuf {
    let number = match place {
        Place::Log(number) | Place::Archive(number) | Place::Body(number) => number,
        Place::Memory => return dir.join("store"),
    };
    dir_of(dir, place).join(format!("{number:016x}"))
}

/// Numbers of the files of one kind, ascending. Other names are not ours and left alone.
pub(super) fn numbers(disk: &dyn Disk, dir: &Path, kind: Place) -> Result<Vec<u64>, Error> {
    let dir = dir_of(dir, kind);
    let paths = disk.list(&dir).map_err(|error| failed(&error, &dir))?;
    let number = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?;
        let ours = name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(name, 16).ok().filter(|_| ours)
    };
    let mut numbers: Vec<u64> = paths.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a failed call means to the caller.
pub(super) fn failed(error: &io::Error, path: &Path) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        _ => Error::Io(format!("{}: {error}", path.display())),
    }
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER as usize] {
        let (kind, number) = match self.place {
            Place::Log(number) => (1, number),
            Place::Archive(number) => (2, number),
            Place::Body(number) => (3, number),
            Place::Memory => (0, 0),
        };
        let mut bytes = [0; HEADER as usize];
        let mut out = &mut bytes[..];
        out.put_slice(MAGIC);
        out.put_u32_le(FORMAT);
        out.put_u32_le(kind);
        out.put_u64_le(number);
        out.put_u64_le(self.boot);
        out.put_u64_le(self.salt);
        let crc = crc32fast::hash(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER as usize], path: &Path) -> Result<Option<Self>, Error> {
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return Ok(None) };
        let crc = u32::from_le_bytes([bytes[60], bytes[61], bytes[62], bytes[63]]);
        if crc32fast::hash(&bytes[..CRC_AT]) != crc {
            return Ok(None);
        }
        if rest.get_u32_le() > FORMAT {
            return Err(Error::NewerFormat(path.display().to_string()));
        }
        let kind = rest.get_u32_le();
        let number = rest.get_u64_le();
        let place = match kind {
            1 => Place::Log(number),
            2 => Place::Archive(number),
            3 => Place::Body(number),
            0 => Place::Memory,
            _ => return Ok(None),
        };
        Ok(Some(Self { place, boot: rest.get_u64_le(), salt: rest.get_u64_le() }))
    }
}

/// Reads a file's header; `None` if it is torn or damaged.
pub(super) fn read_header(disk: &dyn Disk, dir: &Path, place: Place) -> Result<Option<Header>, Error> {
    let path = path(dir, place);
    let file = disk.open(&path, Open::Read).map_err(|error| failed(&error, &path))?;
    let mut bytes = [0; HEADER as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Header::decode(&bytes, &path),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed(&error, &path)),
    }
}

/// Makes a file with its header. Not durable yet.
pub(super) fn create(disk: &dyn Disk, dir: &Path, header: Header) -> Result<Arc<dyn File>, Error> {
    let path = path(dir, header.place);
    let made = disk.open(&path, Open::CreateNew).and_then(|file| {
        file.write_all_at(&header.encode(), 0)?;
        Ok(file)
    });
    made.map_err(|error| failed(&error, &path))
}

/// Bytes that the first segment of a run has at the least; it begins with the record of the run.
const SMALLEST: u64 = 4096;

/// [`prepare`]s a segment of `most` bytes, or of as many as there is room for: who died on a full disk must come up on
/// it again (F14).
pub(super) fn prepare_some(disk: &dyn Disk, dir: &Path, header: Header, most: u64) -> Result<Segment, Error> {
    let mut bytes = most;
    loop {
        match prepare(disk, dir, header, bytes) {
            Err(Error::Full) if bytes > SMALLEST => bytes = (bytes / 2).max(SMALLEST),
            made => return made,
        }
    }
}

/// Makes a log segment with all its space, durable before its first use. Leaves nothing behind if that fails.
pub(super) fn prepare(disk: &dyn Disk, dir: &Path, header: Header, reserve: u64) -> Result<Segment, Error> {
    let Place::Log(number) = header.place else {
        return Err(Error::Io("only log segments are prepared".into()));
    };
    let path = path(dir, header.place);
    if disk.exists(&path) {
        // Left by an attempt that failed and could not even be taken back.
        disk.remove(&path).map_err(|error| failed(&error, &path))?;
    }
    let made = create(disk, dir, header).and_then(|file| {
        let durable = file
            .allocate(reserve)
            .and_then(|()| file.sync_all())
            .and_then(|()| disk.sync_dir(&dir_of(dir, header.place)));
        durable.map(|()| file).map_err(|error| failed(&error, &path))
    });
    match made {
        Ok(file) => Ok(Segment { number, file, reserved: reserve }),
        Err(error) => {
            // It may not be there at all; whatever is left is empty and goes at the next start.
            let _ = disk.remove(&path);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use world::disk::memory::MemoryDisk;

    use super::*;

    /// F14: what a crash on a full disk leaves free may be less than a whole segment takes.
    #[test]
    fn a_run_begins_with_what_room_there_is() {
        for (room, expected) in
            [(100_000, Ok(65_536)), (20_000, Ok(16_384)), (5_000, Ok(4096)), (1_000, Err(Error::Full))]
        {
            let disk = MemoryDisk::new();
            let dir = Path::new("/d");
            disk.create_dir_all(&dir_of(dir, Place::Log(7))).expect("a directory");
            disk.set_capacity(Some(room));
            let header = Header { place: Place::Log(7), boot: 1, salt: 2 };
            let made = prepare_some(&disk, dir, header, 65_536);
            assert_eq!(made.map(|segment| segment.reserved), expected, "{room}");
        }
    }
}
