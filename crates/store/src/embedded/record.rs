//! One record of the log is one commit. The format is laid down to the byte in `docs/store.md`.

use std::io;

use bytes::{Buf, BufMut, Bytes};
use mail::Wall;
use world::disk::File;

use crate::Version;
use crate::index::Change;

/// What every record begins with.
pub(super) const MAGIC: [u8; 4] = *b"PHr\x01";
/// Bytes before the bodies.
pub(super) const HEADER: usize = 56;
/// No record is longer; what claims to be is damaged.
pub(super) const LENGTH_MAX: u64 = 512 << 20;

/// Where the checksum of the header itself stands.
const CRC_AT: usize = 48;
/// Where that of header and changes stands.
const ALL_CRC_AT: usize = 52;
const PUT: u8 = 1;
/// The change carries a version of its own: it was moved here from an older record.
const MOVED: u8 = 2;

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the whole record.
    pub(super) length: u32,
    /// Bytes of bodies behind the header.
    pub(super) bodies: u32,
    /// Changes behind the bodies.
    pub(super) changes: u32,
    /// The commit's number.
    pub(super) sequence: u64,
    /// The number of the record written before this one.
    pub(super) previous: u64,
    /// The newest record that was durable when this one was written.
    pub(super) synced: u64,
    /// When it was worked out, by the clock of that machine. For people who want the state of a moment back; nothing
    /// else depends on it.
    pub(super) time: Wall,
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) position: u64,
    pub(super) header: Header,
    pub(super) changes: Vec<Change>,
}

impl Record {
    /// Where the next one begins.
    pub(super) fn end(&self) -> u64 {
        self.position + u64::from(self.header.length)
    }
}

/// Begins a record at the end of `out`; bodies may follow.
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + HEADER, 0);
    start
}

/// Ends the record that began at `start`.
pub(super) fn end(out: &mut Vec<u8>, start: usize, salt: u64, numbers: Numbers, changes: &[Change]) {
    let bodies = out.len() - start - HEADER;
    let ops = out.len();
    for change in changes {
        encode_change(out, change, numbers.sequence);
    }
    let length = (out.len() - start) as u32;
    let mut header = &mut out[start..start + CRC_AT];
    header.put_slice(&MAGIC);
    header.put_u32_le(length);
    header.put_u32_le(bodies as u32);
    header.put_u32_le(changes.len() as u32);
    header.put_u64_le(numbers.sequence);
    header.put_u64_le(numbers.previous);
    header.put_u64_le(numbers.synced);
    header.put_i64_le(numbers.time.millis());
    let own = checksum(salt, &out[start..start + CRC_AT], &[]);
    let all = checksum(salt, &out[start..start + CRC_AT], &out[ops..]);
    out[start + CRC_AT..start + ALL_CRC_AT].copy_from_slice(&own.to_le_bytes());
    out[start + ALL_CRC_AT..start + HEADER].copy_from_slice(&all.to_le_bytes());
}

/// The numbers of a record, and its time; see [`Header`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) sequence: u64,
    pub(super) previous: u64,
    pub(super) synced: u64,
    pub(super) time: Wall,
}

fn encode_change(out: &mut Vec<u8>, change: &Change, sequence: u64) {
    let moved = change.version.0 != sequence;
    let put = if change.value.is_some() { PUT } else { 0 };
    out.put_u8(put | if moved { MOVED } else { 0 });
    out.put_u16_le(change.key.len() as u16);
    out.put_slice(&change.key);
    if moved {
        out.put_u64_le(change.version.0);
    }
    if let Some(value) = &change.value {
        out.put_u32_le(value.len() as u32);
        out.put_slice(value);
    }
}

/// Secret salt first: bytes of a message that look like a record must not pass for one.
fn checksum(salt: u64, header: &[u8], changes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_le_bytes());
    crc.update(header);
    crc.update(changes);
    crc.finalize()
}

/// Reads the record at `position`; `None` if there is no good one. Bodies are not looked at.
pub(super) fn read(file: &dyn File, position: u64, file_len: u64, salt: u64) -> io::Result<Option<Record>> {
    if position.saturating_add(HEADER as u64) > file_len {
        return Ok(None);
    }
    let mut head = [0; HEADER];
    file.read_exact_at(&mut head, position)?;
    // Before anything is read that the header asks for: a message may be full of bytes that look like headers.
    if !head.starts_with(&MAGIC) || checksum(salt, &head[..CRC_AT], &[]) != number(&head, CRC_AT) {
        return Ok(None);
    }
    let Some(header) = parse_header(&head) else { return Ok(None) };
    let skip = HEADER as u64 + u64::from(header.bodies);
    let length = u64::from(header.length);
    if length > LENGTH_MAX || skip > length || position + length > file_len {
        return Ok(None);
    }
    let mut ops = vec![0; (length - skip) as usize];
    file.read_exact_at(&mut ops, position + skip)?;
    if checksum(salt, &head[..CRC_AT], &ops) != number(&head, ALL_CRC_AT) {
        return Ok(None);
    }
    let changes = parse_changes(ops.into(), header);
    Ok(changes.map(|changes| Record { position, header, changes }))
}

fn number(head: &[u8; HEADER], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn parse_header(head: &[u8; HEADER]) -> Option<Header> {
    let mut rest = head.strip_prefix(&MAGIC)?;
    Some(Header {
        length: rest.get_u32_le(),
        bodies: rest.get_u32_le(),
        changes: rest.get_u32_le(),
        sequence: rest.get_u64_le(),
        previous: rest.get_u64_le(),
        synced: rest.get_u64_le(),
        time: Wall::from_millis(rest.get_i64_le()),
    })
}

fn parse_changes(mut ops: Bytes, header: Header) -> Option<Vec<Change>> {
    // The checksum was good, so the count is ours; still no more than the bytes can hold.
    let mut changes = Vec::with_capacity((header.changes as usize).min(ops.len()));
    for _ in 0..header.changes {
        let kind = ops.try_get_u8().ok()?;
        let key = take(&mut ops, |ops| ops.try_get_u16_le().ok().map(usize::from))?;
        let version = if kind & MOVED == 0 { header.sequence } else { ops.try_get_u64_le().ok()? };
        let value = if kind & PUT == 0 {
            None
        } else {
            Some(take(&mut ops, |ops| ops.try_get_u32_le().ok().map(|len| len as usize))?)
        };
        changes.push(Change { key, value, version: Version(version) });
    }
    ops.is_empty().then_some(changes)
}

fn take(ops: &mut Bytes, length: impl FnOnce(&mut Bytes) -> Option<usize>) -> Option<Bytes> {
    let length = length(ops)?;
    (length <= ops.len()).then(|| ops.split_to(length))
}

/// Where the bytes that were ever written end: only zeros follow. Costs no more than reading those.
pub(super) fn written_end(file: &dyn File) -> io::Result<u64> {
    const WINDOW_MAX: usize = 1 << 20;
    let (mut zeros, mut buffer) = (vec![0; 4096], Vec::new());
    let mut end = file.len()?;
    while end > 0 {
        let start = end.saturating_sub(zeros.len() as u64);
        buffer.resize((end - start) as usize, 0);
        file.read_exact_at(&mut buffer, start)?;
        if buffer[..] != zeros[..buffer.len()] {
            let last = buffer.iter().rposition(|byte| *byte != 0);
            return Ok(start + last.map_or(0, |last| last as u64 + 1));
        }
        end = start;
        // A full segment costs one page, an unused one few calls.
        zeros.resize((zeros.len() * 4).min(WINDOW_MAX), 0);
    }
    Ok(0)
}

/// The first good record that begins at or behind `from` and before `until`.
pub(super) fn find(
    file: &dyn File,
    from: u64,
    until: u64,
    file_len: u64,
    salt: u64,
) -> io::Result<Option<Record>> {
    const WINDOW: u64 = 64 * 1024;
    let mut buffer = vec![0; WINDOW as usize];
    let mut at = from;
    while at < until {
        let window = &mut buffer[..WINDOW.min(until - at) as usize];
        file.read_exact_at(window, at)?;
        for start in candidates(window) {
            if let Some(found) = read(file, at + start as u64, file_len, salt)? {
                return Ok(Some(found));
            }
        }
        // Windows overlap, so that no magic lies across their border.
        let step = window.len() as u64;
        at += if at + step < until { step - (MAGIC.len() as u64 - 1) } else { step };
    }
    Ok(None)
}

/// Where in `window` a record may begin. Blocks of zeros, the unused rest of a segment, are passed over quickly.
fn candidates(window: &[u8]) -> Vec<usize> {
    const BLOCK: usize = 4096;
    let zeros = [0; BLOCK];
    let mut found = Vec::new();
    for start in (0..window.len()).step_by(BLOCK) {
        let end = (start + BLOCK + MAGIC.len() - 1).min(window.len());
        let block = &window[start..end];
        if block.len() >= BLOCK && block[..BLOCK] == zeros {
            continue;
        }
        found.extend(
            block
                .windows(MAGIC.len())
                .enumerate()
                .filter_map(|(i, four)| (four == MAGIC && i < BLOCK).then_some(start + i)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Counts what is read of it.
    struct Counted(Vec<u8>, AtomicU64);

    impl File for Counted {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            self.1.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            let end = offset as usize + buffer.len();
            buffer.copy_from_slice(self.0.get(offset as usize..end).ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn allocate(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn sync_all(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_full_of_headers_does_not_slow_the_search_down() {
        let mut bytes = Vec::new();
        while bytes.len() < 1 << 20 {
            bytes.extend_from_slice(&MAGIC);
            bytes.extend_from_slice(&(1_u32 << 19).to_le_bytes());
            bytes.extend_from_slice(&[0; HEADER - 8]);
        }
        let start = begin(&mut bytes);
        let numbers = Numbers { sequence: 9, previous: 8, synced: 8, time: Wall::from_secs(7) };
        end(&mut bytes, start, 7, numbers, &[]);
        bytes.resize(bytes.len() + 100_000, 0);
        let file = Counted(bytes, AtomicU64::new(0));
        let written = written_end(&file).expect("memory works");
        assert!(written > start as u64 && written <= (start + HEADER) as u64);
        let len = file.0.len() as u64;
        let found = find(&file, 0, written, len, 7).expect("memory works").expect("it is there");
        assert_eq!((found.position, found.header.sequence), (start as u64, 9));
        assert_eq!(found.header.time, Wall::from_secs(7));
        let read = file.1.load(Ordering::Relaxed);
        assert!(read < 4 * len, "{read} bytes of a file of {len}");
    }
}
