//! A message as it arrives, by DATA or BDAT.
//!
//! Only CRLF.CRLF ends DATA (RFC 5321 §4.1.1.4). Where a CR or an LF stands alone, readers of a message disagree on
//! where its lines and the message end, which is how messages were smuggled (attacks A1); so the message is either
//! refused or, from our own users, repaired before anything is looked at.

use mail::limits;

use super::scan::{CR, LF, plain_prefix};

/// What a message may look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A lone CR or LF becomes CRLF; otherwise it is a fault.
    pub(crate) repair: bool,
    /// Chunks may hold any bytes, not only lines (RFC 3030 §3).
    pub(crate) binary: bool,
    /// Bytes.
    pub(crate) max_size: u64,
}

/// Why a message is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A CR or an LF stands alone.
    BareNewline,
    /// Larger than allowed.
    TooLarge,
    /// A line longer than [`limits::MESSAGE_LINE_LENGTH`].
    LineTooLong,
}

/// What became of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fed {
    /// Bytes used; fewer than given only at the end of DATA.
    pub(crate) used: usize,
    /// The final dot was read.
    pub(crate) end: bool,
}

/// What stands before the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    /// The message, or the CRLF of a line.
    LineStart,
    /// A dot at the start of a line, not passed on.
    Dot,
    /// A dot and a CR at the start of a line, not passed on.
    DotCr,
    /// A CR, not passed on yet.
    Cr,
    /// Anything else.
    Inside,
}

/// Decodes one message from chunks of any size.
#[derive(Debug)]
pub(crate) struct Decoder {
    rules: Rules,
    edge: Edge,
    /// Bytes of the current line so far.
    line: usize,
    /// Bytes of the message so far, refused ones too.
    size: u64,
    fault: Option<Fault>,
}

impl Decoder {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, edge: Edge::LineStart, line: 0, size: 0, fault: None }
    }

    /// Why the message will be refused; nothing is passed on from there on.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// So far beyond the limit that it is not worth waiting for the end.
    pub(crate) fn is_absurd(&self) -> bool {
        self.fault.is_some() && self.size > self.rules.max_size.saturating_mul(2).saturating_add(1 << 20)
    }

    /// Takes a part of DATA: removes stuffed dots and finds the end.
    pub(crate) fn feed_data(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        self.feed(input, true, out)
    }

    /// Takes a part of a BDAT chunk: dots mean nothing there (RFC 3030 §2).
    pub(crate) fn feed_chunk(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if self.rules.binary {
            return self.pass_binary(input, out);
        }
        self.feed(input, false, out);
    }

    /// The last BDAT chunk is over. A message may end without a line end, but not in half of one.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.edge == Edge::Cr {
            self.lone_newline(out);
        }
    }

    fn feed(&mut self, input: &[u8], dots: bool, out: &mut Vec<u8>) -> Fed {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match (self.edge, byte) {
                (Edge::LineStart, b'.') if dots => self.go(Edge::Dot, &mut at),
                (Edge::Dot, CR) => self.go(Edge::DotCr, &mut at),
                (Edge::DotCr, LF) => return Fed { used: at + 1, end: true },
                (Edge::Cr, LF) => {
                    self.pass(b"\r\n", out);
                    self.go(Edge::LineStart, &mut at);
                }
                // The byte after a lone CR is looked at again, as the start of a line that is not one on the wire.
                (Edge::Cr | Edge::DotCr, _) => self.lone_newline(out),
                (Edge::LineStart | Edge::Dot | Edge::Inside, _) => at += self.run(&input[at..], dots, out),
            }
        }
        Fed { used: at, end: false }
    }

    fn go(&mut self, edge: Edge, at: &mut usize) {
        self.edge = edge;
        *at += 1;
    }

    /// Passes on what stands within lines, up to the next byte that needs attention; uses at least one byte.
    fn run(&mut self, input: &[u8], dots: bool, out: &mut Vec<u8>) -> usize {
        self.edge = Edge::Inside;
        if input[0] == LF {
            self.lone_newline(out);
            return 1;
        }
        self.pass_plain(&input[..plain_prefix(input, dots)], out)
    }

    /// Whole lines and parts of them in one copy.
    fn pass_plain(&mut self, plain: &[u8], out: &mut Vec<u8>) -> usize {
        match plain {
            [text @ .., CR] => {
                self.pass(text, out);
                self.edge = Edge::Cr;
            }
            [.., LF] => {
                self.pass(plain, out);
                self.edge = Edge::LineStart;
            }
            _ => self.pass(plain, out),
        }
        plain.len()
    }

    fn lone_newline(&mut self, out: &mut Vec<u8>) {
        if self.rules.repair {
            self.pass(b"\r\n", out);
        } else {
            self.fault.get_or_insert(Fault::BareNewline);
        }
        self.edge = Edge::Inside;
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.measure_lines(bytes);
        self.pass_binary(bytes, out);
    }

    fn pass_binary(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.size += bytes.len() as u64;
        if self.size > self.rules.max_size {
            self.fault.get_or_insert(Fault::TooLarge);
        }
        if self.fault.is_none() {
            out.extend_from_slice(bytes);
        }
    }

    fn measure_lines(&mut self, bytes: &[u8]) {
        // With the CR, which is counted as part of its line.
        let longest = limits::MESSAGE_LINE_LENGTH + 1;
        if self.line + bytes.len() > longest {
            let first = bytes.iter().position(|b| *b == LF).unwrap_or(bytes.len());
            let later = bytes[first..].split(|b| *b == LF).map(<[u8]>::len).max().unwrap_or(0);
            if self.line + first > longest || later > longest {
                self.fault.get_or_insert(Fault::LineTooLong);
            }
        }
        match bytes.iter().rposition(|b| *b == LF) {
            Some(last) => self.line = bytes.len() - last - 1,
            None => self.line = self.line.saturating_add(bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests;
