//! The fast path: blocks of a message in which nothing needs attention.

pub(super) const CR: u8 = b'\r';
pub(super) const LF: u8 = b'\n';

/// Bytes looked at together; a few lines, so that one dot does not slow down much of its neighbourhood.
const BLOCK: usize = 256;

/// How many bytes at the front of `bytes`, which is not empty, can be copied as they are: among them stands no CR
/// without LF, no LF without CR, and (with `dots`) no dot behind an LF. The last of them may be a CR or an LF.
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
    let rest = &bytes[plain..bytes.len().min(plain + BLOCK + 1)];
    let odd = rest.windows(2).position(|pair| !is_plain(pair, dots));
    plain + odd.map_or(rest.len(), |at| at + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_ends_before_what_is_odd() {
        let text = b"just sixteen b\r\n".repeat(64);
        for length in [1, 15, 16, 17, 256, 257, 258, 1000, 1024] {
            assert_eq!(plain_prefix(&text[..length], true), length);
        }
        for at in [16, 240, 256, 272, 512, 1008] {
            // A dot behind an LF; a CR before something else; an LF behind something else.
            for (index, byte, with_dots, without) in [
                (at, b'.', at, 1024),
                (at + 3, b'\r', at + 4, at + 4),
                (at + 3, b'\n', at + 3, at + 3),
                (at + 15, b'x', at + 15, at + 15),
                (at + 14, b'x', at + 15, at + 15),
            ] {
                let mut odd = text.clone();
                odd[index] = byte;
                let prefixes = (plain_prefix(&odd, true), plain_prefix(&odd, false));
                assert_eq!(prefixes, (with_dots, without), "{byte} at {index}");
            }
        }
    }
}
