//! A body's canonical form, piece by piece (RFC 6376 §3.4.3, §3.4.4).

use super::Canonicalization;

/// Takes a body in chunks of any size and passes its canonical form on. Keeps nothing but counts: what empty lines at
/// the end and white space at a line's end come to is known only when something follows.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    form: Canonicalization,
    /// Line ends that have come and not been passed on.
    lines: u64,
    /// White space since the last thing passed on; relaxed only.
    white: bool,
    /// A CR that may be half of a line end.
    cr: bool,
    /// Something has been passed on.
    begun: bool,
}

/// Line ends to pass on in one piece.
const LINE_ENDS: [u8; 128] = {
    let mut bytes = [b'\r'; 128];
    let mut at = 1;
    while at < bytes.len() {
        bytes[at] = b'\n';
        at += 2;
    }
    bytes
};

impl Body {
    pub(crate) fn new(form: Canonicalization) -> Self {
        Self { form, lines: 0, white: false, cr: false, begun: false }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        match self.form {
            Canonicalization::Simple => self.simple(chunk, sink),
            Canonicalization::Relaxed => self.relaxed(chunk, sink),
        }
    }

    /// Ends the body: one line end after the last line that is not empty. An empty body is CRLF in simple form and
    /// nothing in relaxed form.
    pub(crate) fn finish(mut self, sink: &mut impl FnMut(&[u8])) {
        self.release_cr(sink);
        if self.begun || self.form == Canonicalization::Simple {
            sink(b"\r\n");
        }
    }

    fn simple(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut rest = chunk;
        if self.cr && !rest.is_empty() {
            match rest.strip_prefix(b"\n") {
                Some(behind) => {
                    (self.cr, rest) = (false, behind);
                    self.lines += 1;
                }
                None => self.release_cr(sink),
            }
        }
        let Some(without_cr) = rest.strip_suffix(b"\r").or(Some(rest)).filter(|_| !rest.is_empty()) else {
            return;
        };
        let ends_in_cr = without_cr.len() < rest.len();
        let (mut content, mut lines) = (without_cr, 0);
        while let Some(before) = content.strip_suffix(b"\r\n") {
            content = before;
            lines += 1;
        }
        if !content.is_empty() {
            self.pass(content, sink);
        }
        self.lines += lines;
        self.cr = ends_in_cr;
    }

    fn relaxed(&mut self, chunk: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            let mut taken = 1;
            match byte {
                b'\n' if self.cr => {
                    (self.cr, self.white) = (false, false);
                    self.lines += 1;
                }
                b'\r' => {
                    self.release_cr(sink);
                    self.cr = true;
                }
                b' ' | b'\t' => {
                    self.release_cr(sink);
                    self.white = true;
                }
                _ => {
                    self.release_cr(sink);
                    taken = unchanged(rest);
                    self.pass(&rest[..taken], sink);
                }
            }
            rest = &rest[taken..];
        }
    }

    /// A CR that no LF followed was content.
    fn release_cr(&mut self, sink: &mut impl FnMut(&[u8])) {
        if self.cr {
            self.cr = false;
            self.pass(b"\r", sink);
        }
    }

    /// Passes on what was held back, then `content`.
    fn pass(&mut self, content: &[u8], sink: &mut impl FnMut(&[u8])) {
        let mut bytes = self.lines.saturating_mul(2);
        while bytes > 0 {
            let piece = bytes.min(LINE_ENDS.len() as u64);
            sink(&LINE_ENDS[..piece as usize]);
            bytes -= piece;
        }
        if self.white {
            sink(b" ");
        }
        sink(content);
        (self.lines, self.white, self.begun) = (0, false, true);
    }
}

/// How many bytes of `bytes`, of which the first is neither white space nor CR, stay as they are in relaxed form: up to
/// what may be a line's end, and white space that is not one space between words.
fn unchanged(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\r' | b'\t' => break,
            b' ' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\t' | b'\r')) => break,
            _ => at += 1,
        }
    }
    at
}
