//! The fast path: blocks of a message in which nothing needs attention.

pub(super) const CR: u8 = b'\r';
pub(super) const LF: u8 = b'\n';

/// Bytes looked at together; a few lines, so that one dot does not slow down much of its neighbourhood.
const BLOCK: usize = 256;

/// How many bytes at the front of `bytes` can be copied as they are: no CR without LF, no LF without CR, and (with
/// `dots`) no dot behind an LF. The byte behind them has been looked at too.
///
/// The caller vouches that the first byte is neither an LF nor a dot that stands at the start of a line.
pub(super) fn plain_prefix(bytes: &[u8], dots: bool) -> usize {
    let mut plain = 0;
    while let Some(block) = bytes.get(plain..=plain + BLOCK) {
        if !is_plain(block, dots) {
            break;
        }
        plain += BLOCK;
    }
    plain
}

/// One pass without branches over neighbouring bytes, so that the compiler can use vector instructions.
fn is_plain(block: &[u8], dots: bool) -> bool {
    let dots = u8::from(dots);
    let mut bad = 0;
    for (a, b) in block.iter().zip(&block[1..]) {
        bad |= u8::from(*a == CR) ^ u8::from(*b == LF);
        bad |= u8::from(*a == LF) & u8::from(*b == b'.') & dots;
    }
    bad == 0
}

/// Where the next CR or LF is, looking only as far as one block.
pub(super) fn next_line_end(bytes: &[u8]) -> Option<usize> {
    bytes[..bytes.len().min(BLOCK)].iter().position(|b| *b == CR || *b == LF)
}

/// How far to go when [`next_line_end`] finds nothing.
pub(super) fn block_length(bytes: &[u8]) -> usize {
    bytes.len().min(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_plain_blocks_are_taken() {
        let line = b"just sixteen b\r\n";
        let text = line.repeat(64);
        assert_eq!(plain_prefix(&text, true), 768);
        assert_eq!(plain_prefix(&text[..BLOCK], true), 0);
        for (at, byte, with_dots, without) in
            [(300, b'\r', 256, 256), (300, b'\n', 256, 256), (512, b'.', 256, 768), (513, b'.', 768, 768)]
        {
            let mut odd = text.clone();
            odd[at] = byte;
            assert_eq!((plain_prefix(&odd, true), plain_prefix(&odd, false)), (with_dots, without), "{at}");
        }
    }
}
