//! The streaming parser: lines in, a tree of parts out. It looks at each byte once, for line ends; lines that begin
//! with `--` are compared with the open boundaries; header sections are collected up to a limit and read when they end.
//!
//! A header section ends at the empty line or at a boundary; a line in it that is no field is passed over
//! (RFC 7103 §7.2). A boundary matches where a line begins with it (RFC 2046 §5.1.2), the longest first, and ends all
//! parts inside its own.

use mail::limits;

use crate::part::{self, Budget};
use crate::{Part, Summary, scan};

/// Bytes of a line's beginning that decide whether it is a boundary: two dashes before and behind it.
const LINE_HEAD: usize = limits::MIME_BOUNDARY_LENGTH + 4;

/// Takes a message chunk by chunk and sums it up. Memory: the header section at hand (bounded) and the result.
#[derive(Debug)]
pub struct Parser {
    /// Bytes taken, without those of the unfinished line.
    offset: u64,
    /// Line ends taken.
    line_ends: u64,
    /// Bytes of the line end before `offset`: 1 or 2, or 0 at the very beginning.
    last_line_end: u64,
    line: UnfinishedLine,
    /// The header section being collected, unless a body is being passed.
    header: Option<Vec<u8>>,
    /// Where in `header` the line at hand begins.
    header_line: usize,
    frames: Vec<Frame>,
    boundaries: Vec<Boundary>,
    parts: usize,
    budget: Budget,
    summary: Summary,
}

/// What came of a line whose end has not come yet.
#[derive(Debug, Default)]
struct UnfinishedLine {
    head: Vec<u8>,
    length: u64,
    ends_in_cr: bool,
}

/// A part that has begun and not ended; the one inside it follows.
#[derive(Debug)]
struct Frame {
    part: Part,
    /// Line ends before the body.
    line_ends: u64,
    /// Whether what is inside is one message.
    holds_message: bool,
}

/// A multipart whose closing delimiter has not come.
#[derive(Debug)]
struct Boundary {
    frame: usize,
    text: Vec<u8>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// For one message.
    pub fn new() -> Self {
        let mut parser = Self {
            offset: 0,
            line_ends: 0,
            last_line_end: 0,
            line: UnfinishedLine::default(),
            header: None,
            header_line: 0,
            frames: Vec::new(),
            boundaries: Vec::new(),
            parts: 0,
            budget: Budget::default(),
            summary: Summary::default(),
        };
        parser.begin_part();
        parser
    }

    /// Sums up a message that is in memory.
    pub fn parse(message: &[u8]) -> Summary {
        let mut parser = Self::new();
        parser.feed(message);
        parser.finish()
    }

    /// Takes the next bytes. Any division into chunks gives the same summary.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = scan::find(b'\n', rest) {
            let (piece, behind) = rest.split_at(at + 1);
            rest = behind;
            self.collect(piece);
            if self.line.length == 0 {
                self.take_line(piece, piece.len() as u64, if piece.ends_with(b"\r\n") { 2 } else { 1 });
            } else {
                self.end_split_line(piece);
            }
        }
        if !rest.is_empty() {
            self.collect(rest);
            self.line.keep(rest);
        }
    }

    /// Ends the message.
    pub fn finish(mut self) -> Summary {
        if self.line.length > 0 {
            let line = std::mem::take(&mut self.line);
            self.take_line(&line.head, line.length, 0);
        }
        self.end_header_sections(self.offset);
        while self.frames.len() > 1 {
            self.end_part(self.offset, self.line_ends);
        }
        let root = self.frames.pop().expect("the root is ended here only");
        self.summary.root = root.ended(self.offset, self.line_ends);
        self.summary.size = self.offset;
        self.summary.truncated |= self.budget.exceeded;
        self.summary
    }

    /// Puts bytes of a header section aside, as far as its limit allows.
    fn collect(&mut self, piece: &[u8]) {
        let Some(header) = &mut self.header else { return };
        let room = limits::HEADER_SECTION_LENGTH - header.len();
        header.extend_from_slice(&piece[..room.min(piece.len())]);
        self.summary.truncated |= piece.len() > room;
    }

    fn end_split_line(&mut self, piece: &[u8]) {
        let cr = if piece.len() > 1 { piece.ends_with(b"\r\n") } else { self.line.ends_in_cr };
        self.line.keep(piece);
        let mut line = std::mem::take(&mut self.line);
        self.take_line(&line.head, line.length, if cr { 2 } else { 1 });
        line.head.clear();
        self.line.head = line.head;
    }

    /// One whole line of `length` bytes, `line_end` of them its end; `head` is at least its first [`LINE_HEAD`] bytes.
    fn take_line(&mut self, head: &[u8], length: u64, line_end: u64) {
        let text_length = (length - line_end).min(LINE_HEAD as u64) as usize;
        if head.starts_with(b"--") && self.take_boundary(&head[2..text_length.max(2)], length, line_end) {
            return;
        }
        self.pass_line(length, line_end);
        if let Some(header) = &self.header {
            self.header_line = header.len();
            if length == line_end {
                self.end_header_section(self.offset);
            }
        }
    }

    fn pass_line(&mut self, length: u64, line_end: u64) {
        self.offset += length;
        self.line_ends += u64::from(line_end > 0);
        self.last_line_end = line_end;
    }

    /// A line that begins with two dashes and `text`: if that is an open boundary, ends the parts inside it and begins
    /// the next (RFC 2046 §5.1.1).
    fn take_boundary(&mut self, text: &[u8], length: u64, line_end: u64) -> bool {
        let Some(found) = longest_match(&self.boundaries, text) else { return false };
        let behind = &text[self.boundaries[found].text.len()..];
        let frame = self.boundaries[found].frame;
        if self.parts >= limits::MIME_PARTS {
            self.summary.truncated = true;
            self.boundaries.clear();
            return false;
        }
        let end = self.offset - self.last_line_end;
        if let Some(header) = &mut self.header {
            header.truncate(self.header_line);
        }
        self.end_header_sections(end);
        let line_ends = self.line_ends - u64::from(self.last_line_end > 0);
        while self.frames.len() > frame + 1 {
            self.end_part(end, line_ends);
        }
        self.pass_line(length, line_end);
        let closing = behind.starts_with(b"--");
        self.boundaries.truncate(if closing { found } else { found + 1 });
        let padding = if closing { &behind[2..] } else { behind };
        self.summary.ambiguous |= !padding.trim_ascii().is_empty();
        if !closing {
            self.begin_part();
        }
        true
    }

    fn begin_part(&mut self) {
        let part = Part { header: self.offset..self.offset, ..Part::default() };
        self.frames.push(Frame { part, line_ends: 0, holds_message: false });
        self.header = Some(Vec::new());
        self.header_line = 0;
        self.parts += 1;
    }

    /// Ends the header section at hand and those of empty messages inside it, where no empty line did.
    fn end_header_sections(&mut self, end: u64) {
        while self.header.is_some() {
            self.end_header_section(end);
        }
    }

    /// Reads the header section at hand, which ends at `end`; what follows is its body, or the header section of the
    /// message within.
    fn end_header_section(&mut self, end: u64) {
        let header = self.header.take().unwrap_or_default();
        let depth = self.frames.len();
        let in_digest = depth > 1 && self.frames[depth - 2].part.is_digest();
        let in_message = depth > 1 && self.frames[depth - 2].holds_message;
        let is_root = depth == 1;
        let mut reader = part::Reader::new(&header, &mut self.budget);
        let frame = self.frames.last_mut().expect("a header section belongs to a part");
        let start = frame.part.header.start;
        let end = end.max(start);
        reader.read_part(&mut frame.part, in_digest);
        (frame.part.header, frame.part.body) = (start..end, end..end);
        frame.line_ends = self.line_ends;
        if is_root {
            reader.read_summary(&mut self.summary);
        }
        let envelope = in_message.then(|| reader.read_envelope());
        self.summary.truncated |= reader.truncated;
        self.summary.ambiguous |= reader.ambiguous;
        if let Some(envelope) = envelope {
            self.frames[depth - 2].part.envelope = Some(Box::new(envelope));
        }
        self.look_inside(depth - 1);
    }

    /// Prepares for what the part that has just begun its body is made of.
    fn look_inside(&mut self, at: usize) {
        let part = &self.frames[at].part;
        let composite = part.is_multipart() || part.is_message_type();
        if composite && (self.frames.len() >= limits::MIME_DEPTH || self.parts >= limits::MIME_PARTS) {
            self.summary.truncated = true;
        } else if part.is_message_type() {
            self.frames[at].holds_message = true;
            self.begin_message();
        } else if part.is_multipart() {
            match part.boundary() {
                Some(text) => self.boundaries.push(Boundary { frame: at, text }),
                None => self.summary.ambiguous = true,
            }
        }
    }

    fn begin_message(&mut self) {
        let start = self.frames.last().expect("the message part").part.body.start;
        self.begin_part();
        self.frames.last_mut().expect("just begun").part.header = start..start;
    }

    /// Ends the innermost part at `end` and gives it to the one around it.
    fn end_part(&mut self, end: u64, line_ends: u64) {
        let frame = self.frames.pop().expect("the caller counts");
        let part = frame.ended(end, line_ends);
        let outer = self.frames.last_mut().expect("the root is never ended here");
        outer.part.children.push(part);
    }
}

impl UnfinishedLine {
    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..room]);
        self.length += piece.len() as u64;
        self.ends_in_cr = piece.ends_with(b"\r");
    }
}

impl Frame {
    fn ended(self, end: u64, line_ends: u64) -> Part {
        let mut part = self.part;
        // Where a header section's blank line is the line end before the boundary, the section keeps it; a message around
        // such a section holds it whole.
        let inner = part.children.last().map_or(part.body.start, |child| child.body.end);
        part.body.end = end.max(part.body.start).max(inner);
        part.lines = line_ends.saturating_sub(self.line_ends);
        part
    }
}

/// Which boundary `text` begins with: the longest, and of equal ones the innermost.
fn longest_match(boundaries: &[Boundary], text: &[u8]) -> Option<usize> {
    let matching = boundaries.iter().enumerate().filter(|(_, b)| text.starts_with(&b.text));
    matching.max_by_key(|(_, b)| b.text.len()).map(|(at, _)| at)
}

#[cfg(test)]
mod tests;
