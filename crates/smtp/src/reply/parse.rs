//! A remote server's replies, read strictly and within bounds (promise F9).

use mail::{EnhancedCode, Reply, limits};

use crate::input::{Input, Line};

/// Why what came is no reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Error {
    /// Not `code SP text`, or the code changes within one reply.
    Syntax,
    /// More bytes or lines than the limits.
    TooLong,
}

/// Collects the lines of one reply.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    code: u16,
    enhanced: Option<EnhancedCode>,
    text: String,
    lines: usize,
    bytes: usize,
}

impl Parser {
    /// Whether a reply of several lines has begun and not ended.
    pub(crate) fn has_begun(&self) -> bool {
        self.lines > 0
    }

    /// Takes the next whole reply from `input`, if it is there.
    pub(crate) fn next(&mut self, input: &mut Input) -> Result<Option<Reply>, Error> {
        loop {
            let line = match input.take_line(limits::SMTP_REPLY_LENGTH) {
                Line::Incomplete => return Ok(None),
                // Quirk: a reply line may end in LF alone; nothing can hide behind it, as every line stands for itself.
                Line::Complete(line) | Line::BareLf(line) => line,
                Line::TooLong | Line::Endless => return Err(Error::TooLong),
            };
            self.bytes += line.len() + 2;
            self.lines += 1;
            if self.bytes > limits::SMTP_REPLY_LENGTH || self.lines > limits::SMTP_REPLY_LINES {
                return Err(Error::TooLong);
            }
            if self.take(&line)? {
                let whole = std::mem::take(self);
                return Ok(Some(Reply { code: whole.code, enhanced: whole.enhanced, text: whole.text }));
            }
        }
    }

    /// RFC 5321 §4.2 `Reply-line`; says whether it was the last line of its reply.
    fn take(&mut self, line: &[u8]) -> Result<bool, Error> {
        let (code, rest) = line.split_at_checked(3).ok_or(Error::Syntax)?;
        let code = match code {
            [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
            }
            _ => return Err(Error::Syntax),
        };
        let (last, text) = match rest.split_first() {
            // §4.2: a code alone is a whole reply.
            None => (true, &[][..]),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(Error::Syntax),
        };
        if self.lines > 1 {
            if code != self.code {
                return Err(Error::Syntax);
            }
            self.text.push('\n');
        }
        self.code = code;
        self.take_text(&String::from_utf8_lossy(text));
        Ok(last)
    }

    fn take_text(&mut self, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        // RFC 2034 §4: the class agrees with the code's first digit, else it is no enhanced code.
        let enhanced = word.parse::<EnhancedCode>().ok().filter(|e| u16::from(e.0) == self.code / 100);
        let words = if enhanced.is_some() { rest } else { text };
        if self.lines == 1 {
            self.enhanced = enhanced;
        }
        self.text.extend(words.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<Reply>, Error> {
        let mut input = Input::default();
        input.push(bytes);
        Parser::default().next(&mut input)
    }

    #[test]
    fn good_replies() {
        for (wire, shown) in [
            ("250 ok\r\n", "250 ok"),
            ("250\r\n", "250 "),
            ("250 2.1.0 ok\r\n", "250 2.1.0 ok"),
            ("250-2.1.0 a\r\n250 2.1.0 b\r\n", "250 2.1.0 a b"),
            ("550 5.1.1\r\n", "550 5.1.1 "),
            ("450 5.1.1 odd\r\n", "450 5.1.1 odd"),
            ("250 lf\n", "250 lf"),
            ("250 a\x1b[2J\r\n", "250 a [2J"),
        ] {
            let reply = parse(wire.as_bytes()).expect(wire).expect(wire);
            assert_eq!(reply.to_string(), shown);
        }
        assert_eq!(parse(b"450 5.1.1 odd\r\n").expect("a reply").expect("whole").enhanced, None);
    }

    #[test]
    fn what_is_no_reply() {
        let endless = "250-x\r\n".repeat(limits::SMTP_REPLY_LINES + 1);
        let long = format!("250 {}\r\n", "x".repeat(limits::SMTP_REPLY_LENGTH));
        for (wire, error) in [
            ("hello\r\n", Error::Syntax),
            ("25\r\n", Error::Syntax),
            ("\r\n", Error::Syntax),
            ("150 x\r\n", Error::Syntax),
            ("650 x\r\n", Error::Syntax),
            ("2500 x\r\n", Error::Syntax),
            ("25O x\r\n", Error::Syntax),
            ("250-a\r\n251 b\r\n", Error::Syntax),
            ("250_x\r\n", Error::Syntax),
            (&endless, Error::TooLong),
            (&long, Error::TooLong),
        ] {
            assert_eq!(parse(wire.as_bytes()), Err(error), "{wire:.40}");
        }
        assert_eq!(parse(b"250-a\r\n250"), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn anything_is_bounded(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..4000)) {
            let (mut input, mut parser) = (Input::default(), Parser::default());
            for chunk in bytes.chunks(97) {
                input.push(chunk);
                while let Ok(Some(reply)) = parser.next(&mut input) {
                    proptest::prop_assert!((200..600).contains(&reply.code));
                    proptest::prop_assert!(!reply.text.chars().any(|c| c != '\n' && c.is_control()));
                }
            }
        }
    }
}
