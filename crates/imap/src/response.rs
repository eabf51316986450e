//! Writes responses (RFC 3501 §7 and §9), straight into the bytes that go out.

use mail::{Flag, Flags, MailboxName, Wall};

use crate::grammar::{is_astring_char, month_name};
use crate::{Code, Text, utf7};

/// Strings up to this length are quoted where that is possible; longer ones are literals.
const QUOTED_LENGTH: usize = 1000;

/// Appends to the output, in what the client understands. Costs no allocation of its own.
pub struct Writer<'a>(pub &'a mut Vec<u8>, pub Text);

impl Writer<'_> {
    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Text as it is.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.raw(text.as_bytes())
    }

    /// CRLF.
    pub fn end(&mut self) -> &mut Self {
        self.raw(b"\r\n")
    }

    /// `number`
    pub fn number(&mut self, mut number: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.raw(&digits[at..])
    }

    /// `string = quoted / literal`. NUL, which neither may hold, is left out.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() <= QUOTED_LENGTH && self.may_quote(bytes) {
            return self.quoted(bytes);
        }
        if bytes.contains(&0) {
            let without: Vec<u8> = bytes.iter().copied().filter(|&b| b != 0).collect();
            return self.literal(without.len() as u64).raw(&without);
        }
        self.literal(bytes.len() as u64).raw(bytes)
    }

    /// RFC 9051 Appendix A, RFC 9755 §3: UTF-8 is quoted only for who has enabled it.
    fn may_quote(&self, bytes: &[u8]) -> bool {
        let good = match self.1 {
            Text::Ascii => bytes.is_ascii(),
            Text::Utf8 => std::str::from_utf8(bytes).is_ok(),
        };
        good && !bytes.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
    }

    fn quoted(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.push(b'"');
        for &b in bytes {
            if matches!(b, b'"' | b'\\') {
                self.0.push(b'\\');
            }
            self.0.push(b);
        }
        self.0.push(b'"');
        self
    }

    /// `nstring = string / nil`
    pub fn nstring(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.string(bytes),
            None => self.raw(b"NIL"),
        }
    }

    /// `astring`: a field name or the like, without quotes where it needs none.
    pub fn astring(&mut self, bytes: &[u8]) -> &mut Self {
        if !bytes.is_empty() && bytes.iter().all(|&b| is_astring_char(b)) {
            return self.raw(bytes);
        }
        self.string(bytes)
    }

    /// `value = nstring / literal8` (RFC 5464 §5): NUL is kept.
    pub fn value(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) if bytes.contains(&0) => self.raw(b"~").literal_of(bytes),
            other => self.nstring(other),
        }
    }

    /// A literal with its bytes.
    pub fn literal_of(&mut self, bytes: &[u8]) -> &mut Self {
        self.literal(bytes.len() as u64).raw(bytes)
    }

    /// The beginning of a literal of `length` bytes, which the caller writes next.
    pub fn literal(&mut self, length: u64) -> &mut Self {
        self.raw(b"{").number(length).raw(b"}\r\n")
    }

    /// A mailbox's name in its wire form, quoted.
    pub fn mailbox(&mut self, name: &MailboxName) -> &mut Self {
        self.mailbox_text(name.as_str())
    }

    /// As [`Writer::mailbox`], for names that are only part of other names.
    pub fn mailbox_text(&mut self, name: &str) -> &mut Self {
        match self.1 {
            Text::Ascii => self.quoted(utf7::encode(name).as_bytes()),
            Text::Utf8 => self.quoted(name.as_bytes()),
        }
    }

    /// `FLAGS (...)` with \Recent where it holds.
    pub fn flags(&mut self, flags: &Flags, recent: bool) -> &mut Self {
        self.system_flags(flags.bits(), recent);
        let mut first = flags.bits() == 0 && !recent;
        for keyword in flags.keywords() {
            self.keyword(keyword.as_str(), &mut first);
        }
        self.flags_end()
    }

    /// Begins `FLAGS (` with the system flags of `bits` (the values of [`Flag`]) and \Recent.
    pub fn system_flags(&mut self, bits: u8, recent: bool) -> &mut Self {
        self.raw(b"FLAGS (");
        let mut first = true;
        for flag in Flag::ALL {
            if bits & flag as u8 != 0 {
                self.keyword(flag.name(), &mut first);
            }
        }
        if recent {
            self.keyword("\\Recent", &mut first);
        }
        self
    }

    /// One more word of a list; a space before all but the first.
    pub fn keyword(&mut self, word: &str, first: &mut bool) -> &mut Self {
        if !std::mem::take(first) {
            self.0.push(b' ');
        }
        self.text(word)
    }

    /// Ends what [`Writer::system_flags`] began.
    pub fn flags_end(&mut self) -> &mut Self {
        self.raw(b")")
    }

    /// `date-time`, in UTC.
    pub fn date_time(&mut self, wall: Wall) -> &mut Self {
        let c = wall.civil();
        let two = |n: u8| [b'0' + n / 10, b'0' + n % 10];
        let day = if c.day < 10 { [b' ', b'0' + c.day] } else { two(c.day) };
        let year = c.year.clamp(0, 9999) as u64;
        self.raw(b"\"").raw(&day).raw(b"-").text(month_name(c.month)).raw(b"-");
        self.raw(&two((year / 100) as u8)).raw(&two((year % 100) as u8)).raw(b" ");
        self.raw(&two(c.hour)).raw(b":").raw(&two(c.minute)).raw(b":").raw(&two(c.second)).raw(b" +0000\"")
    }

    /// `* OK [code] text` and its like; `status` is `OK`, `NO`, `BAD` or `BYE`.
    pub fn untagged(&mut self, status: &str, code: Option<&Code>, text: &str) -> &mut Self {
        self.condition("*", status, code, text)
    }

    /// `tag OK [code] text`
    pub(crate) fn condition(
        &mut self,
        tag: &str,
        status: &str,
        code: Option<&Code>,
        text: &str,
    ) -> &mut Self {
        self.text(tag).raw(b" ").text(status).raw(b" ");
        if let Some(code) = code {
            self.raw(b"[").text(&code.to_string()).raw(b"] ");
        }
        // RFC 3501 §9 `text`: no line ends; nothing of a peer's may forge a line (attack A31).
        for c in text.chars() {
            let c = if c.is_ascii() && !c.is_ascii_control() { c as u8 } else { b'?' };
            self.0.push(c);
        }
        self.end()
    }

    /// `* 12 EXISTS` and its like.
    pub fn counted(&mut self, number: u64, word: &str) -> &mut Self {
        self.raw(b"* ").number(number).raw(b" ").text(word).end()
    }
}

#[cfg(test)]
mod tests {
    use mail::Keyword;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Writer(&mut out, Text::Ascii));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn strings_take_the_simplest_form() {
        for (bytes, wire) in [
            (b"a b".as_slice(), "\"a b\""),
            (b"", "\"\""),
            (b"a\"\\", r#""a\"\\""#),
            (b"a\r\nb", "{4}\r\na\r\nb"),
            (b"a\0b", "{2}\r\nab"),
            ("ü".as_bytes(), "{2}\r\nü"),
        ] {
            assert_eq!(
                written(|w| {
                    w.string(bytes);
                }),
                wire
            );
        }
        assert_eq!(
            written(|w| {
                w.nstring(None);
            }),
            "NIL"
        );
    }

    /// RFC 9051 §9 `quoted`: UTF-8 stands in quotes, what is none in literals.
    #[test]
    fn strings_in_utf8() {
        for (bytes, wire) in [
            ("ü\"".as_bytes(), b"\"\xc3\xbc\\\"\"".as_slice()),
            (b"\xfc", b"{1}\r\n\xfc"),
            ("ü\n".as_bytes(), b"{3}\r\n\xc3\xbc\n"),
        ] {
            let mut out = Vec::new();
            Writer(&mut out, Text::Utf8).string(bytes);
            assert_eq!(out, wire);
        }
        let name = MailboxName::new("a&ü").expect("a good name");
        for (text, wire) in [(Text::Utf8, "\"a&ü\""), (Text::Ascii, "\"a&-&APw-\"")] {
            let mut out = Vec::new();
            Writer(&mut out, text).mailbox(&name);
            assert_eq!(out, wire.as_bytes());
        }
    }

    #[test]
    fn flags_dates_numbers() {
        let flags = Flags::from_parts(1 | 8, Keyword::new("$Junk"));
        assert_eq!(
            written(|w| {
                w.flags(&flags, true);
            }),
            "FLAGS (\\Deleted \\Seen \\Recent $Junk)"
        );
        assert_eq!(
            written(|w| {
                w.flags(&Flags::from_parts(0, Keyword::new("k")), false);
            }),
            "FLAGS (k)"
        );
        assert_eq!(
            written(|w| {
                w.flags(&Flags::new(), false);
            }),
            "FLAGS ()"
        );
        let wall = Wall::from_civil(2026, 2, 3, 4, 5, 6);
        assert_eq!(
            written(|w| {
                w.date_time(wall);
            }),
            "\" 3-Feb-2026 04:05:06 +0000\""
        );
        assert_eq!(
            written(|w| {
                w.number(u64::MAX);
            }),
            u64::MAX.to_string()
        );
        assert_eq!(
            written(|w| {
                w.untagged("NO", Some(&Code::Alert), "a\r\nb");
            }),
            "* NO [ALERT] a??b\r\n"
        );
    }
}
