//! Mail that looks like mail: the same letter for the same number, on every machine and for every server.

use std::fmt::Write as _;

/// Words there are. They are used by rank, as in any language: the second half as often as the first, and so on.
const WORDS: u64 = 20_000;
/// Every letter has it in its body but not in its subject.
pub(crate) const FREQUENT: &str = "verily";

/// Numbers that look random (SplitMix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// The letter with this number, lines ended by CRLF: three of five plain, the others with HTML or an attachment.
pub(crate) fn letter(number: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(number + 1);
    let (subject, body) = (sentence(&mut numbers, 5), text(&mut numbers));
    let (from, to) = (numbers.below(500), numbers.below(50));
    let (day, hour, minute) = (1 + number / 100 % 28, number / 60 % 24, number % 60);
    let mut letter = format!(
        "Return-Path: <p{from}@side.test>\r\nReceived: from mx{0}.side.test (mx{0}.side.test [192.0.2.{0}])\r\n\tby mx.alpha.test \
         with ESMTPS id {number:08x};\r\n\tMon, {day:02} Nov 2026 {hour:02}:{minute:02}:00 +0000\r\n\
         From: \"{1} {2}\" <p{from}@side.test>\r\nTo: u{to}@alpha.test\r\nSubject: {subject}\r\n\
         Date: Mon, {day:02} Nov 2026 {hour:02}:{minute:02}:00 +0000\r\nMessage-ID: <{number:08x}.{from}@side.test>\r\n",
        from % 250,
        word(from),
        word(from * 7),
    );
    if number > 10 && numbers.percent(60) {
        let before = number - 1 - numbers.below(10);
        let _ = write!(
            letter,
            "In-Reply-To: <{before:08x}@side.test>\r\nReferences: <{before:08x}@side.test>\r\n"
        );
    }
    letter.push_str("MIME-Version: 1.0\r\n");
    let plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n";
    let content = match numbers.below(10) {
        0..6 => format!("{plain}{body}"),
        6..9 => {
            let html = body.replace("\r\n\r\n", "</p>\r\n<p>");
            format!(
                "Content-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\n{plain}{body}\r\n--=_b\r\n\
                 Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>{html}</p></body></html>\r\n--=_b--\r\n"
            )
        }
        _ => {
            let file = base64(&mut numbers);
            format!(
                "Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n{plain}{body}\r\n--=_b\r\n\
                 Content-Type: application/pdf; name=\"{subject}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
                 Content-Disposition: attachment; filename=\"{subject}.pdf\"\r\n\r\n{file}--=_b--\r\n"
            )
        }
    };
    letter.push_str(&content);
    letter.into_bytes()
}

fn text(numbers: &mut Numbers) -> String {
    let mut text = format!("{FREQUENT} ");
    for _ in 0..2 + numbers.below(6) {
        for _ in 0..=numbers.below(6) {
            text += &sentence(numbers, 11);
            text.push_str(".\r\n");
        }
        text.push_str("\r\n");
    }
    text
}

fn sentence(numbers: &mut Numbers, words: u64) -> String {
    let count = 1 + numbers.below(words);
    let chosen: Vec<String> = (0..count).map(|_| word(rank(numbers))).collect();
    chosen.join(" ")
}

/// A rank by Zipf's law: each doubling of the rank is as likely as the one before.
fn rank(numbers: &mut Numbers) -> u64 {
    let doublings = numbers.below(u64::from(WORDS.ilog2()) + 1);
    ((1 << doublings) + numbers.below(1 << doublings)).min(WORDS)
}

/// The word of a rank: syllables, more for rarer words.
pub(crate) fn word(mut rank: u64) -> String {
    const FIRST: &[u8] = b"bcdfghjklmnprstvwz";
    const SECOND: &[u8] = b"aeiou";
    let mut word = String::new();
    loop {
        let first = usize::try_from(rank % 18).unwrap_or(0);
        let second = usize::try_from(rank / 18 % 5).unwrap_or(0);
        word.push(char::from(FIRST[first]));
        word.push(char::from(SECOND[second]));
        rank /= 90;
        if rank == 0 {
            return word;
        }
    }
}

fn base64(numbers: &mut Numbers) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut lines = String::new();
    for _ in 0..50 + numbers.below(200) {
        for _ in 0..8 {
            let bits = numbers.next();
            lines.extend((0..9).map(|at| char::from(ALPHABET[(bits >> (6 * at) & 63) as usize])));
        }
        lines.push_str("\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_the_same_each_time_and_unlike_the_next() {
        assert_eq!(letter(7), letter(7));
        assert_ne!(letter(7), letter(8));
        let sizes: usize = (0..1000).map(|number| letter(number).len()).sum();
        assert!((2_000_000..8_000_000).contains(&sizes), "{sizes}");
    }

    #[test]
    fn lines_end_in_crlf() {
        for number in 0..50 {
            let text = String::from_utf8_lossy(&letter(number)).into_owned();
            assert!(text.split("\r\n").all(|line| !line.contains(['\r', '\n']) && line.len() < 998));
        }
    }
}
