//! What the parts are made of, and what has to be done about it.

use std::ops::Range;

use mail::BodyType;

use super::{Converter, Deed, Edit, Obstacle};
use crate::text::Encoding;
use crate::{Part, Summary, header};

/// Octets of a line without its end, beyond which a text is binary (RFC 2045 §2.8).
const LINE: u64 = 998;

/// Looks at a message whose structure is known.
#[derive(Debug)]
pub struct Survey {
    summary: Summary,
    /// Header sections and bodies of leaves, in the message's order, none within another.
    regions: Vec<Region>,
    /// The region at hand.
    current: usize,
    offset: u64,
}

#[derive(Debug)]
struct Region {
    range: Range<u64>,
    shape: Shape,
}

/// What some bytes are made of (RFC 2045 §2.7-2.9).
#[derive(Clone, Debug, Default)]
pub struct Shape {
    eight_bit: bool,
    binary: bool,
    /// Octets of the line at hand.
    line: u64,
    after_cr: bool,
}

impl Survey {
    /// Of the message that `summary` tells of.
    pub fn new(summary: Summary) -> Self {
        let mut regions = Vec::new();
        collect(&summary.root, &mut regions);
        Self { summary, regions, current: 0, offset: 0 }
    }

    /// Takes the next bytes of the message.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(region) = self.regions.get_mut(self.current) else { return };
            if region.range.end <= self.offset {
                self.current += 1;
                continue;
            }
            let inside = self.offset >= region.range.start;
            let edge = if inside { region.range.end } else { region.range.start };
            let length = usize::try_from(edge - self.offset).unwrap_or(usize::MAX).min(bytes.len());
            let (piece, rest) = bytes.split_at(length);
            if inside {
                region.shape.look(piece);
            }
            self.offset += length as u64;
            bytes = rest;
        }
    }

    /// Whether anything in the message is not lines of at most 998 octets that end in CRLF (RFC 2045 §2.9).
    pub fn is_binary(&self) -> bool {
        self.regions.iter().any(Region::is_binary)
    }

    /// How to write the message for a host that takes `target`.
    pub fn converter(self, target: BodyType) -> Result<Converter, Obstacle> {
        if self.summary.truncated {
            return Err(Obstacle("it is too large or too deep to be understood"));
        }
        let mut plan = Plan { survey: &self, target, edits: Vec::new(), region: 0 };
        plan.part(&self.summary.root, true)?;
        let edits = plan.edits;
        Ok(Converter::new(edits, self.summary.size, target == BodyType::SevenBit))
    }
}

/// The regions of a part and of those within, in the message's order. Depth is bounded by the parser.
fn collect(part: &Part, regions: &mut Vec<Region>) {
    regions.push(Region::new(&part.header));
    if part.children.is_empty() {
        regions.push(Region::new(&part.body));
    }
    part.children.iter().for_each(|child| collect(child, regions));
}

impl Region {
    fn new(range: &Range<u64>) -> Self {
        Self { range: range.clone(), shape: Shape::default() }
    }

    fn is_binary(&self) -> bool {
        self.shape.is_binary()
    }
}

impl Shape {
    /// Takes the next bytes.
    pub fn look(&mut self, bytes: &[u8]) {
        self.eight_bit |= !bytes.is_ascii();
        for &byte in bytes {
            self.binary |= byte == 0 || self.after_cr != (byte == b'\n');
            self.line = if byte == b'\n' { 0 } else { self.line + 1 };
            self.after_cr = byte == b'\r';
            self.binary |= self.line > LINE + u64::from(self.after_cr);
        }
    }

    /// Once all was looked at: a CR at the very end stands alone, too.
    fn is_binary(&self) -> bool {
        self.binary || self.after_cr
    }

    /// What a host must take to get them as they are, once all was looked at.
    pub fn needs(&self) -> BodyType {
        match self.eight_bit {
            _ if self.is_binary() => BodyType::BinaryMime,
            true => BodyType::EightBitMime,
            false => BodyType::SevenBit,
        }
    }
}

/// Goes through the parts and decides on each.
struct Plan<'a> {
    survey: &'a Survey,
    target: BodyType,
    edits: Vec<Edit>,
    /// The next part's header section in `survey.regions`.
    region: usize,
}

impl Plan<'_> {
    fn part(&mut self, part: &Part, message: bool) -> Result<(), Obstacle> {
        let head = &self.survey.regions[self.region];
        if head.shape.eight_bit && self.target == BodyType::SevenBit {
            return Err(Obstacle("its header has bytes beyond ASCII"));
        }
        if part.children.is_empty() {
            let body = &self.survey.regions[self.region + 1];
            self.region += 2;
            return self.leaf(part, body.shape.eight_bit, body.is_binary(), message);
        }
        if part.kind == "message" && part.subtype == "global" && self.is_beyond(part) {
            self.region += count(part);
            return self.encode(part, Encoding::Base64, message);
        }
        self.region += 1;
        self.relabel(part, message);
        let holds_message = part.is_message();
        part.children.iter().try_for_each(|child| self.part(child, holds_message))
    }

    /// Whether anything within a part is more than the host takes.
    fn is_beyond(&self, part: &Part) -> bool {
        let inside = &self.survey.regions[self.region + 1..self.region + count(part)];
        inside
            .iter()
            .any(|region| region.is_binary() || (region.shape.eight_bit && self.target == BodyType::SevenBit))
    }

    fn leaf(&mut self, part: &Part, eight_bit: bool, binary: bool, message: bool) -> Result<(), Obstacle> {
        let eight_bit = eight_bit && self.target == BodyType::SevenBit;
        if !eight_bit && !binary {
            self.relabel(part, message);
            return Ok(());
        }
        match (Encoding::from_name(&part.encoding), &*part.kind) {
            // What is encoded already has no such bytes, unless it is broken.
            (Encoding::QuotedPrintable, _) => self.push(&part.body, Deed::Escape),
            (Encoding::Base64, _) => self.push(&part.body, Deed::Drop),
            (Encoding::Identity, "multipart") => {
                return Err(Obstacle("it has a multipart without its boundary"));
            }
            // RFC 2046 §5.2: these may not be encoded; those of RFC 6533 may.
            (Encoding::Identity, "message") if !part.subtype.starts_with("global") => {
                return Err(Obstacle("it has a message part that may not be encoded"));
            }
            (Encoding::Identity, "text") => return self.encode(part, Encoding::QuotedPrintable, message),
            (Encoding::Identity, _) => return self.encode(part, Encoding::Base64, message),
        }
        Ok(())
    }

    fn encode(&mut self, part: &Part, encoding: Encoding, message: bool) -> Result<(), Obstacle> {
        if part.header.is_empty() && !message {
            return Err(Obstacle("it has a part without a header section"));
        }
        let name = if encoding == Encoding::Base64 { "base64" } else { "quoted-printable" };
        self.push(&part.header, Deed::Header { encoding: name, message });
        self.push(&part.body, Deed::Encode(encoding));
        Ok(())
    }

    /// What a part says of itself must be true of the new form, too.
    fn relabel(&mut self, part: &Part, message: bool) {
        let said = header::first_token(&part.encoding).to_ascii_lowercase();
        let encoding = match (said.as_str(), self.target) {
            ("8bit" | "binary", BodyType::SevenBit) => "7bit",
            ("binary", BodyType::EightBitMime) => "8bit",
            _ => return,
        };
        self.push(&part.header, Deed::Header { encoding, message });
    }

    fn push(&mut self, range: &Range<u64>, deed: Deed) {
        self.edits.push(Edit { range: range.clone(), deed });
    }
}

/// Regions of a part and of all within.
fn count(part: &Part) -> usize {
    let own = if part.children.is_empty() { 2 } else { 1 };
    own + part.children.iter().map(count).sum::<usize>()
}
