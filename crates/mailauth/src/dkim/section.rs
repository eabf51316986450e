//! A header section whose fields are picked by name, from the bottom up.

use std::collections::BTreeMap;
use std::ops::Range;

use mail::limits;
use message::header::{self, Field};

/// A header section that is kept as long as its signatures are checked.
#[derive(Debug)]
pub(crate) struct Section {
    bytes: Box<[u8]>,
    fields: Vec<Range<usize>>,
    /// Names in lower case, and where their fields are, from the top.
    names: BTreeMap<Box<[u8]>, Vec<usize>>,
}

impl Section {
    /// `None` if it is longer than [`limits::HEADER_SECTION_LENGTH`] or has more than [`limits::HEADER_FIELDS`].
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > limits::HEADER_SECTION_LENGTH {
            return None;
        }
        let mut section = Self { bytes: bytes.into(), fields: Vec::new(), names: BTreeMap::new() };
        let mut start = 0;
        for field in header::fields(bytes) {
            let at = section.fields.len();
            if at == limits::HEADER_FIELDS {
                return None;
            }
            section.fields.push(start..start + field.raw.len());
            section.names.entry(field.name.to_ascii_lowercase().into()).or_default().push(at);
            start += field.raw.len();
        }
        Some(section)
    }

    /// The field at that place, counted from the top.
    pub(crate) fn field(&self, at: usize) -> Field<'_> {
        let raw = &self.bytes[self.fields[at].clone()];
        header::fields(raw).next().unwrap_or(Field { name: b"", value: b"", raw })
    }

    /// Whether the first line would continue a field that is put in front of it.
    pub(crate) fn begins_with_white(&self) -> bool {
        matches!(self.bytes.first(), Some(b' ' | b'\t'))
    }

    /// Where the fields of a name (in lower case) are, from the top.
    pub(crate) fn named(&self, name: &str) -> &[usize] {
        self.names.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// The fields that a list of names (in lower case) means: each name the lowest field of it that has not been taken
    /// yet; nothing where there is none (RFC 6376 §5.4.2). `except` is the signature itself.
    pub(crate) fn select(&self, names: &[String], except: Option<usize>) -> Vec<usize> {
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        let mut selected = Vec::new();
        for name in names {
            let places = self.named(name);
            let used = taken.entry(name).or_default();
            let next = places.iter().rev().filter(|at| Some(**at) != except).nth(*used);
            if let Some(at) = next {
                *used += 1;
                selected.push(*at);
            }
        }
        selected
    }
}
