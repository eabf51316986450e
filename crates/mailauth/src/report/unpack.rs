//! Taking a report out of its packing: gzip (RFC 1952), zip, or nothing. Strangers send these files, so the output is
//! bounded in size and in its ratio to the input, whatever the file says about itself (attacks A19, A32).

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, GzDecoder};
use mail::limits;

/// Why a file cannot be unpacked. Carried inside an [`io::Error`] by readers; [`Error::of`] takes it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// More than [`limits::REPORT_LENGTH`] come out.
    TooLarge,
    /// More than [`limits::REPORT_RATIO`] times the input comes out.
    Ratio,
    /// The packing is damaged: cut off, or a wrong check sum.
    Damaged,
    /// A kind of zip file that nobody sends reports in: encrypted, in parts, larger than 4 GiB, other methods.
    Unsupported,
    /// A zip file without a file.
    Empty,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the unpacked report is too large",
            Self::Ratio => "the report is packed too tightly to be one",
            Self::Damaged => "the packed report is damaged",
            Self::Unsupported => "the report is packed in a way that is not supported",
            Self::Empty => "there is no file in the packed report",
        })
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What an error while reading means.
    pub fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>());
        inner.copied().unwrap_or(Self::Damaged)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// Opens a file by what it begins with, whatever its name. What is neither gzip nor zip is read as it is.
pub fn open(file: &[u8]) -> Result<Unpacked<'_>, Error> {
    let source = if file.starts_with(&[0x1f, 0x8b]) {
        Source::Gzip(GzDecoder::new(file))
    } else if file.starts_with(b"PK\x03\x04") {
        zip_entry(file)?
    } else {
        Source::Plain(file)
    };
    Ok(Unpacked { source, packed: file.len() as u64, length: 0 })
}

/// The whole content of a file.
pub fn unpack(file: &[u8]) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    open(file)?.read_to_end(&mut content).map_err(|error| Error::of(&error))?;
    Ok(content)
}

/// A file's content as it comes out. Reading fails when a limit is passed or the packing is damaged.
#[derive(Debug)]
pub struct Unpacked<'a> {
    source: Source<'a>,
    packed: u64,
    length: u64,
}

#[derive(Debug)]
enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(GzDecoder<&'a [u8]>),
    Stored(Checked<&'a [u8]>),
    Deflated(Checked<DeflateDecoder<&'a [u8]>>),
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.source {
            Source::Plain(rest) => rest.read(buffer),
            Source::Gzip(decoder) => decoder.read(buffer),
            Source::Stored(checked) => checked.read(buffer),
            Source::Deflated(checked) => checked.read(buffer),
        };
        // An error of ours stays what it is; any of the decoder means damage.
        let count = read.map_err(|error| Error::of(&error))?;
        self.length += count as u64;
        if self.length > limits::REPORT_LENGTH {
            return Err(Error::TooLarge.into());
        }
        if self.length > limits::REPORT_RATIO_FREE && self.length > self.packed * limits::REPORT_RATIO {
            return Err(Error::Ratio.into());
        }
        Ok(count)
    }
}

/// Compares length and check sum with what a zip file's directory says.
#[derive(Debug)]
struct Checked<R> {
    inner: R,
    hasher: crc32fast::Hasher,
    left: u64,
    sum: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        let good = match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                count > 0 || buffer.is_empty() || (left == 0 && self.hasher.clone().finalize() == self.sum)
            }
            None => false,
        };
        if good { Ok(count) } else { Err(Error::Damaged.into()) }
    }
}

/// Bytes of a zip file's end record without its comment.
const END_LENGTH: usize = 22;
const END_MARK: &[u8] = b"PK\x05\x06";
const DIRECTORY_MARK: &[u8] = b"PK\x01\x02";
const LOCAL_MARK: &[u8] = b"PK\x03\x04";
/// A comment is at most this long.
const COMMENT_LENGTH: usize = 0xffff;

/// The first file in a zip file, found by the directory at its end (the only place that has sizes for sure).
fn zip_entry(file: &[u8]) -> Result<Source<'_>, Error> {
    let tail = file.len().saturating_sub(END_LENGTH + COMMENT_LENGTH);
    let end = file[tail..].windows(END_MARK.len()).rposition(|window| window == END_MARK);
    let end = Record(&file[tail + end.ok_or(Error::Damaged)?..]);
    if end.u16(4)? != 0 || end.u16(6)? != 0 {
        return Err(Error::Unsupported);
    }
    let entry = first_file(file, end.u32(16)? as usize, end.u16(10)?)?;
    let (flags, method) = (entry.u16(8)?, entry.u16(10)?);
    let (sum, packed, length, offset) = (entry.u32(16)?, entry.u32(20)?, entry.u32(24)?, entry.u32(42)?);
    if flags & 1 != 0 || [packed, length, offset].contains(&u32::MAX) {
        return Err(Error::Unsupported);
    }
    let local = Record(file.get(offset as usize..).ok_or(Error::Damaged)?);
    if !local.0.starts_with(LOCAL_MARK) {
        return Err(Error::Damaged);
    }
    let start = 30 + usize::from(local.u16(26)?) + usize::from(local.u16(28)?);
    let data = local.0.get(start..start + packed as usize).ok_or(Error::Damaged)?;
    let (hasher, left) = (crc32fast::Hasher::new(), u64::from(length));
    match method {
        0 => Ok(Source::Stored(Checked { inner: data, hasher, left, sum })),
        8 => Ok(Source::Deflated(Checked { inner: DeflateDecoder::new(data), hasher, left, sum })),
        _ => Err(Error::Unsupported),
    }
}

/// The directory's first entry that is no folder.
fn first_file(file: &[u8], offset: usize, count: u16) -> Result<Record<'_>, Error> {
    let mut rest = file.get(offset..).ok_or(Error::Damaged)?;
    for _ in 0..count {
        let entry = Record(rest);
        if !rest.starts_with(DIRECTORY_MARK) {
            return Err(Error::Damaged);
        }
        let name_length = usize::from(entry.u16(28)?);
        let name = rest.get(46..46 + name_length).ok_or(Error::Damaged)?;
        if !name.ends_with(b"/") {
            return Ok(entry);
        }
        let length = 46 + name_length + usize::from(entry.u16(30)?) + usize::from(entry.u16(32)?);
        rest = rest.get(length..).ok_or(Error::Damaged)?;
    }
    Err(Error::Empty)
}

/// Little-endian numbers at fixed places.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn u16(&self, at: usize) -> Result<u16, Error> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Error::Damaged)?;
        Ok(u16::from_le_bytes(*bytes))
    }

    fn u32(&self, at: usize) -> Result<u32, Error> {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Error::Damaged)?;
        Ok(u32::from_le_bytes(*bytes))
    }
}

/// Packs a report with gzip; the same report always gives the same bytes.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::GzEncoder::new(content, flate2::Compression::best());
    let mut packed = Vec::new();
    encoder.read_to_end(&mut packed).expect("memory can be read and written");
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip file with a folder and one file.
    fn zip(content: &[u8], method: u16, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut packed = Vec::new();
        match method {
            0 => packed.extend_from_slice(content),
            _ => drop(
                flate2::read::DeflateEncoder::new(content, flate2::Compression::best())
                    .read_to_end(&mut packed),
            ),
        }
        let fields = |name: &[u8], method: u16, sum: u32, packed: usize, length: usize| {
            let mut bytes = vec![20, 0, 0, 0];
            bytes.extend_from_slice(&method.to_le_bytes());
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&sum.to_le_bytes());
            bytes.extend_from_slice(&(packed as u32).to_le_bytes());
            bytes.extend_from_slice(&(length as u32).to_le_bytes());
            bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(&[0, 0]);
            bytes
        };
        let mut file = LOCAL_MARK.to_vec();
        let sum = crc32fast::hash(content);
        let body = fields(b"r.xml", method, sum, packed.len(), content.len());
        file.extend([&body, b"r.xml".as_slice(), &packed].concat());
        let directory = file.len() as u32;
        for (name, body) in [(&b"d/"[..], fields(b"d/", 0, 0, 0, 0)), (b"r.xml", body)] {
            file.extend([DIRECTORY_MARK, &[20, 0], &body, &[0; 14], name].concat());
        }
        file.extend([END_MARK, &[0; 4], &[2, 0, 2, 0], &[0; 4], &directory.to_le_bytes(), &[0, 0]].concat());
        change(&mut file);
        file
    }

    #[test]
    fn all_kinds_unpack() {
        let content = b"<feedback/>".repeat(10);
        for file in [content.clone(), gzip(&content), zip(&content, 0, |_| ()), zip(&content, 8, |_| ())] {
            assert_eq!(unpack(&file), Ok(content.clone()));
        }
        assert_eq!(gzip(&content), gzip(&content));
        assert_eq!(unpack(b""), Ok(Vec::new()));
    }

    /// Attacks A19: wrong sums, cut files, directories that lie.
    #[test]
    fn damage_is_found() {
        let content = b"<feedback/>".repeat(100);
        let packed = gzip(&content);
        let mut wrong_sum = packed.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert_eq!(unpack(&wrong_sum), Err(Error::Damaged));
        for cut in 2..packed.len() {
            assert!(unpack(&packed[..cut]) == Err(Error::Damaged), "{cut}");
        }
        for method in [0, 8] {
            let whole = zip(&content, method, |_| ());
            // Only the length of the comment may be missing.
            for cut in 4..whole.len() - 2 {
                assert!(unpack(&whole[..cut]) == Err(Error::Damaged), "{cut}");
            }
            let flipped = zip(&content, method, |file| file[40] ^= 1);
            assert_eq!(unpack(&flipped), Err(Error::Damaged));
            let directory = whole.windows(4).rposition(|w| w == DIRECTORY_MARK).expect("it has one");
            for (at, error) in
                [(8, Error::Unsupported), (16, Error::Damaged), (24, Error::Damaged), (42, Error::Damaged)]
            {
                let lying = zip(&content, method, |file| file[directory + at] ^= 1);
                assert_eq!(unpack(&lying), Err(error), "{method} {at}");
            }
            let method_99 = zip(&content, method, |file| file[directory + 10] = 99);
            assert_eq!(unpack(&method_99), Err(Error::Unsupported));
            let end = whole.len() - END_LENGTH;
            assert_eq!(unpack(&zip(&content, method, |file| file[end + 10] = 0)), Err(Error::Empty));
            assert_eq!(unpack(&zip(&content, method, |file| file[end + 4] = 1)), Err(Error::Unsupported));
        }
    }

    /// Attacks A19, A32: a little that becomes a lot.
    #[test]
    fn bombs_are_refused() {
        let zeros = vec![b' '; 4_000_000];
        for bomb in [gzip(&zeros), zip(&zeros, 8, |_| ())] {
            assert!(bomb.len() < 6_000);
            assert_eq!(unpack(&bomb), Err(Error::Ratio));
        }
        let large = vec![b' '; limits::REPORT_LENGTH as usize + 1];
        assert_eq!(unpack(&large), Err(Error::TooLarge));
        assert_eq!(unpack(&zip(&large, 0, |_| ())), Err(Error::TooLarge));
        assert_eq!(unpack(&large[1..]).map(|content| content.len()), Ok(large.len() - 1));
        // A small report may be packed as tightly as it likes.
        assert!(unpack(&gzip(&zeros[..limits::REPORT_RATIO_FREE as usize])).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_refused(mut file in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), kind in 0..3) {
            let mark: &[u8] = [&[0x1f, 0x8b, 8, 0][..], b"PK\x03\x04", b""][kind as usize];
            file.splice(0..0, mark.iter().copied());
            file.extend_from_slice(&[END_MARK, &[0; 4], &[1, 0, 1, 0], &[0; 10]].concat());
            drop(unpack(&file));
        }
    }
}
