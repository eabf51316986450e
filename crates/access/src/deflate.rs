//! Both ways of a compressed connection (RFC 4978): raw DEFLATE (RFC 1951), flushed after each write.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Bytes of compressed output at a time.
const PIECE: usize = 16 * 1024;

/// Both ways of one connection.
pub(crate) struct Deflate {
    /// About 300 KiB; only while the client is not silent.
    packer: Option<Compress>,
    /// About 45 KiB: what comes may refer to the last 32 KiB.
    expander: Decompress,
    /// What came and is not expanded yet.
    input: Vec<u8>,
    at: usize,
    /// The last look at the input gave all that was asked for: there may be more of it.
    full: bool,
    /// The client has ended its side (RFC 8437 §4.1).
    ended: bool,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            packer: None,
            expander: Decompress::new(false),
            input: Vec::new(),
            at: 0,
            full: false,
            ended: false,
        }
    }
}

impl Deflate {
    /// Compresses from the beginning of `rest`, and moves it on. The output is of bounded length; whether there is more.
    /// At the end all that was given can be expanded.
    pub(crate) fn pack(&mut self, rest: &mut &[u8]) -> io::Result<(Vec<u8>, bool)> {
        let packer = self.packer.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        let mut packed = Vec::with_capacity(PIECE);
        let before = packer.total_in();
        packer.compress_vec(rest, &mut packed, FlushCompress::Sync).map_err(io::Error::other)?;
        *rest = &rest[(packer.total_in() - before) as usize..];
        let more = packed.len() == packed.capacity();
        Ok((packed, more))
    }

    /// Forgets what was sent, which costs the next output some bytes: a new packer never refers to what an old one wrote,
    /// and after a flush one can follow the other.
    pub(crate) fn release(&mut self) {
        self.packer = None;
    }

    /// Takes bytes that came.
    pub(crate) fn take(&mut self, bytes: Vec<u8>) {
        debug_assert!(self.at == self.input.len(), "all that came before is expanded");
        (self.input, self.at) = (bytes, 0);
    }

    /// Whether there may be something to expand.
    pub(crate) fn has_input(&self) -> bool {
        self.full || self.at < self.input.len()
    }

    /// Expands what came, to at most `size` bytes. None if more must come first.
    pub(crate) fn expand(&mut self, size: usize) -> io::Result<Vec<u8>> {
        if !self.has_input() {
            return Ok(Vec::new());
        }
        if self.ended {
            return Err(behind_the_end());
        }
        let mut bytes = vec![0; size];
        let (read, written) = (self.expander.total_in(), self.expander.total_out());
        let status = self
            .expander
            .decompress(&self.input[self.at..], &mut bytes, FlushDecompress::None)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.at += (self.expander.total_in() - read) as usize;
        bytes.truncate((self.expander.total_out() - written) as usize);
        self.ended = status == Status::StreamEnd;
        self.full = bytes.len() == size && !self.ended;
        if self.at == self.input.len() {
            (self.input, self.at) = (Vec::new(), 0);
        } else if bytes.is_empty() && size > 0 {
            return Err(behind_the_end());
        }
        Ok(bytes)
    }

    /// What came behind the client's last compressed byte. Clients that mark the end do so with an empty block.
    pub(crate) fn end(&self) -> Vec<u8> {
        let rest = &self.input[self.at..];
        let rest = if self.ended { rest } else { rest.strip_prefix(EMPTY_LAST_BLOCK).unwrap_or(rest) };
        rest.to_vec()
    }
}

/// Nothing may follow it but what is read plainly, once that was agreed on.
fn behind_the_end() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "bytes follow the end of compression")
}

/// RFC 1951 §3.2.3: the last block, fixed codes, nothing but its end.
const EMPTY_LAST_BLOCK: &[u8] = &[3, 0];

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed(deflate: &mut Deflate, bytes: &[u8]) -> Vec<u8> {
        let (mut rest, mut all) = (bytes, Vec::new());
        loop {
            let (packed, more) = deflate.pack(&mut rest).expect("room");
            assert!(packed.len() <= 2 * PIECE, "{}", packed.len());
            all.extend(packed);
            if !more {
                return all;
            }
        }
    }

    /// Bytes that cannot be made smaller.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    /// RFC 1951: no header of any kind; and a packer may be given up after each write.
    #[test]
    fn others_read_what_is_written() {
        let mut deflate = Deflate::default();
        let (mut wire, mut meant) = (Vec::new(), Vec::new());
        for write in [b"* OK\r\n".to_vec(), noise(100_000), vec![b'x'; 300_000], Vec::new(), b"end".to_vec()]
        {
            wire.extend(packed(&mut deflate, &write));
            meant.extend(write);
            if meant.len() > 150_000 {
                deflate.release();
            }
        }
        let mut read = vec![0; meant.len()];
        flate2::read::DeflateDecoder::new(wire.as_slice()).read_exact(&mut read).expect("whole");
        assert!(read == meant);
    }

    #[test]
    fn no_more_is_expanded_than_is_asked_for() {
        for meant in [vec![0; 1 << 20], noise(10_000)] {
            let wire = packed(&mut Deflate::default(), &meant);
            for (piece, size) in [(wire.len(), 1000), (1, 300), (7, 1)] {
                let (mut deflate, mut read) = (Deflate::default(), Vec::new());
                for part in wire.chunks(piece) {
                    deflate.take(part.to_vec());
                    while deflate.has_input() {
                        let bytes = deflate.expand(size).expect("whole");
                        assert!(bytes.len() <= size);
                        read.extend(bytes);
                    }
                }
                assert!(read == meant, "{piece} {size}");
            }
        }
    }

    #[test]
    fn what_is_no_deflate_is_an_error() {
        let mut deflate = Deflate::default();
        deflate.take(b"a NOOP\r\n".to_vec());
        assert!(deflate.expand(100).is_err());
    }

    #[test]
    fn the_end_is_found() {
        let wire = packed(&mut Deflate::default(), b"a");
        for (behind, rest) in [(b"\x03\x00b".as_slice(), b"b".as_slice()), (b"\x03\x00", b"")] {
            let mut deflate = Deflate::default();
            deflate.take([&wire, behind].concat());
            assert_eq!(deflate.expand(100).expect("whole"), b"a");
            assert_eq!(deflate.end(), rest);
            assert_eq!(deflate.expand(100).is_err(), !rest.is_empty());
        }
        let mut deflate = Deflate::default();
        deflate.take(b"\x03\x00b".to_vec());
        assert!(deflate.expand(100).is_err(), "nothing came before the end");
    }
}
