//! The new form, written while the old one passes by.

use std::collections::VecDeque;

use mail::limits;

use super::rewrite::rewrite;
use super::{Deed, Edit};
use crate::text::{Encoder, Encoding};

/// Writes the new form of one message. Each division into chunks gives the same.
#[derive(Clone, Debug)]
pub struct Converter {
    edits: VecDeque<Edit>,
    offset: u64,
    size: u64,
    /// Outside of all parts nothing above 127 may stay.
    ascii: bool,
    /// A header section being collected.
    header: Vec<u8>,
    encoder: Encoder,
}

impl Converter {
    pub(super) fn new(edits: Vec<Edit>, size: u64, ascii: bool) -> Self {
        let (edits, header) = (edits.into(), Vec::new());
        Self { edits, offset: 0, size, ascii, header, encoder: Encoder::new(Encoding::Identity) }
    }

    /// Whether it changes anything at all.
    pub fn changes(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Takes the next bytes of the message, adds their new form to `out`.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        self.end_edits(out);
        while !bytes.is_empty() {
            let edge = match self.edits.front() {
                Some(edit) if edit.range.start > self.offset => edit.range.start,
                Some(edit) => edit.range.end,
                None => u64::MAX,
            };
            let length = usize::try_from(edge - self.offset).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(length);
            self.pass(piece, out);
            self.offset += length as u64;
            bytes = rest;
            self.end_edits(out);
        }
    }

    fn pass(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let inside = self.edits.front().filter(|edit| edit.range.start <= self.offset);
        match inside.map(|edit| (edit.deed, edit.range.start)) {
            None if self.ascii => out.extend(piece.iter().map(|&b| if b.is_ascii() { b } else { b'?' })),
            None => out.extend_from_slice(piece),
            // Never longer than the parser looks at; the plan refuses what was cut.
            Some((Deed::Header { .. }, _)) => {
                let room = limits::HEADER_SECTION_LENGTH.saturating_sub(self.header.len());
                self.header.extend_from_slice(&piece[..room.min(piece.len())]);
            }
            Some((Deed::Encode(encoding), start)) => {
                if start == self.offset {
                    self.encoder = Encoder::new(encoding);
                }
                self.encoder.feed(piece, out);
            }
            Some((Deed::Escape, _)) => piece.iter().for_each(|&byte| escape(byte, out)),
            Some((Deed::Drop, _)) => out.extend(piece.iter().copied().filter(|b| b.is_ascii() && *b != 0)),
        }
    }

    /// Finishes what ends here; edits of nothing, too.
    fn end_edits(&mut self, out: &mut Vec<u8>) {
        while self.edits.front().is_some_and(|edit| edit.range.end <= self.offset) {
            let Some(edit) = self.edits.pop_front() else { return };
            match edit.deed {
                Deed::Header { encoding, message } => {
                    rewrite(&std::mem::take(&mut self.header), encoding, message, out);
                }
                Deed::Encode(_) => {
                    std::mem::replace(&mut self.encoder, Encoder::new(Encoding::Identity)).finish(out);
                    // Before a boundary stands the line end that belongs to it.
                    if edit.range.end == self.size && !out.ends_with(b"\n") {
                        out.extend_from_slice(b"\r\n");
                    }
                }
                Deed::Escape | Deed::Drop => {}
            }
        }
    }
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    if byte.is_ascii() && byte != 0 {
        out.push(byte);
    } else {
        out.extend_from_slice(format!("={byte:02X}").as_bytes());
    }
}
