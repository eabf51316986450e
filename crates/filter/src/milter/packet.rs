//! Packets: a length of four bytes, a command of one, and data; and the strings within.

use std::fmt;

use mail::limits;

/// What a filter did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A packet longer than any there is.
    TooLong(u32),
    /// An answer that nobody can expect here.
    Unexpected(char),
    /// Data that is not of its command's form.
    Malformed(char),
    /// It speaks a version that we do not.
    Version(u32),
    /// It wants to do what was not offered.
    NotOffered,
    /// It changes more than we keep.
    TooMuch,
    /// It gives up.
    GaveUp,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(f, "it sent a packet of {length} bytes"),
            Self::Unexpected(code) => write!(f, "it answered {code:?}, which has no place here"),
            Self::Malformed(code) => write!(f, "its answer {code:?} is not of the right form"),
            Self::Version(version) => write!(f, "it speaks version {version} of the protocol"),
            Self::NotOffered => f.write_str("it wants to do what was not offered"),
            Self::TooMuch => f.write_str("it changes more than a message can have"),
            Self::GaveUp => f.write_str("it says that it cannot go on"),
        }
    }
}

/// Writes a packet.
pub(super) fn packet(command: u8, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32 + 1;
    [&length.to_be_bytes(), [command].as_slice(), data].concat()
}

/// Text and the zero byte that ends it. Zero bytes within would end it early.
pub(super) fn push_text(data: &mut Vec<u8>, text: &[u8]) {
    data.extend(text.iter().filter(|byte| **byte != 0));
    data.push(0);
}

/// Bytes that were read and not understood yet.
#[derive(Debug, Default)]
pub(super) struct Input(Vec<u8>);

impl Input {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub(super) fn take(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let Some((length, rest)) = self.0.split_first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        if length == 0 || length as usize > limits::MILTER_PACKET {
            return Err(Error::TooLong(length));
        }
        let Some((&[command, ref data @ ..], rest)) = rest.split_at_checked(length as usize) else {
            return Ok(None);
        };
        let found = (command, data.to_vec());
        self.0 = rest.to_vec();
        Ok(Some(found))
    }
}

/// Reads data from its front.
pub(super) struct Data<'a> {
    command: u8,
    rest: &'a [u8],
}

impl<'a> Data<'a> {
    pub(super) fn new(command: u8, rest: &'a [u8]) -> Self {
        Self { command, rest }
    }

    pub(super) fn malformed(&self) -> Error {
        Error::Malformed(self.command.into())
    }

    pub(super) fn number(&mut self) -> Result<u32, Error> {
        let (number, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*number))
    }

    /// Up to a zero byte.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Error> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or_else(|| self.malformed())?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// Up to a zero byte or the end: some filters leave the last one out.
    pub(super) fn last_text(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| *byte == 0).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        text
    }

    /// Everything that is left.
    pub(super) fn all(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
