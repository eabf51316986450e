//! The compact form of a summary in the store.

use std::fmt;

use crate::Summary;

/// The bytes are not a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError;

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored message summary is damaged or of an unknown version")
    }
}

impl std::error::Error for DecodeError {}

pub(crate) fn encode(summary: &Summary) -> Vec<u8> {
    let _ = summary;
    todo!()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Summary, DecodeError> {
    let _ = bytes;
    todo!()
}
