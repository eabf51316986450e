//! Checksums of files: SHA-256, as `sha256sum` prints them.

use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use world::disk::File;

use super::STEP;
use crate::Error;
use crate::embedded::segment::failed;

/// A SHA-256.
pub(super) type Sum = [u8; 32];

/// A checksum in the making.
#[derive(Clone)]
pub(super) struct Summer(Context);

impl Summer {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn end(self) -> Sum {
        let mut sum = [0; 32];
        sum.copy_from_slice(self.0.finish().as_ref());
        sum
    }
}

/// Of some bytes.
pub(super) fn of(bytes: &[u8]) -> Sum {
    let mut summer = Summer::new();
    summer.add(bytes);
    summer.end()
}

/// In hexadecimal digits.
pub(super) fn hex(sum: &Sum) -> String {
    use std::fmt::Write as _;
    sum.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// From hexadecimal digits.
pub(super) fn parse(text: &str) -> Option<Sum> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut sum = [0; 32];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

/// Reads `from..to` of a file, whose path errors name, in bounded steps and gives each to `each` with where it begins.
pub(super) fn steps(
    file: &dyn File,
    path: &Path,
    from: u64,
    to: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = vec![0; (STEP as u64).min(to.saturating_sub(from)) as usize];
    let mut at = from;
    while at < to {
        let part = &mut buffer[..(STEP as u64).min(to - at) as usize];
        file.read_exact_at(part, at).map_err(|error| failed(&error, path))?;
        each(at, part)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// The checksum of the first `length` bytes, to be gone on with.
pub(super) fn of_start(file: &dyn File, path: &Path, length: u64) -> Result<Summer, Error> {
    let mut summer = Summer::new();
    steps(file, path, 0, length, |_, bytes| {
        summer.add(bytes);
        Ok(())
    })?;
    Ok(summer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standard_and_come_back() {
        // FIPS 180-4, as NIST's examples give it.
        let sum = of(b"abc");
        assert_eq!(hex(&sum), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(parse(&hex(&sum)), Some(sum));
        for bad in ["", "xx", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(parse(bad), None);
        }
    }
}
