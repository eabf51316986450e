//! Finding a byte, eight at a time.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where `needle` first stands in `bytes`.
pub(crate) fn find(needle: u8, bytes: &[u8]) -> Option<usize> {
    let pattern = u64::from(needle) * LOW;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        // A byte of `different` is zero where the needle stands; the lowest such byte is found exactly.
        let different = u64::from_le_bytes(word.try_into().expect("chunks of eight")) ^ pattern;
        let zero = different.wrapping_sub(LOW) & !different & HIGH;
        if zero != 0 {
            return Some(at + zero.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|&b| b == needle).map(|rest| at + rest)
}

#[cfg(test)]
mod tests {
    proptest::proptest! {
        #[test]
        fn finds_what_position_finds(bytes in proptest::collection::vec(9u8..12, 0..40)) {
            assert_eq!(super::find(10, &bytes), bytes.iter().position(|&b| b == 10));
        }
    }
}
