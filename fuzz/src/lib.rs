//! What the targets share.

/// Cuts `bytes` into pieces of 1 to 64 bytes, the same way for the same `seed`; seed 0 gives single bytes.
pub fn cuts(seed: u8, bytes: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest, mut state) = (Vec::new(), bytes, u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(seed) * 2 + 1);
        let length = if seed == 0 { 1 } else { 1 + (state >> 26) as usize };
        let (piece, behind) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Occurrences of `needle` in `hay`, overlapping ones too.
pub fn count(hay: &[u8], needle: &[u8]) -> usize {
    hay.windows(needle.len()).filter(|window| *window == needle).count()
}

/// Whether a CR or LF stands alone.
pub fn has_bare_line_end(bytes: &[u8]) -> bool {
    let crlf = count(bytes, b"\r\n");
    count(bytes, b"\r") != crlf || count(bytes, b"\n") != crlf
}

/// A message as it should arrive: NUL dropped, every line end CRLF, the last line ended.
pub fn canonical(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut bytes = message.iter().copied().filter(|b| *b != 0).peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                out.extend_from_slice(b"\r\n");
            }
            _ => out.push(byte),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Where the most careless reader sees a message end: a dot alone on a line, lines ending in CR, LF or CRLF.
pub fn careless_ends(wire: &[u8]) -> usize {
    let lines: Vec<&[u8]> = wire.split(|b| matches!(b, b'\r' | b'\n')).collect();
    lines.iter().filter(|line| line.iter().filter(|b| **b != 0).eq(b".")).count()
}
