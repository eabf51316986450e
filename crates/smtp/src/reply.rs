//! Replies on the wire (RFC 5321 §4.2).

mod parse;

use mail::Reply;

pub(crate) use parse::{Error, Parser};

/// Bytes of text on one line: RFC 5321 §4.5.3.1.5 allows 512 with codes and CRLF.
const TEXT_LENGTH: usize = 480;

/// Appends a reply as it goes over the wire: one line per line of text, each with both codes (RFC 2034 §4).
///
/// Nothing in the text can end a line early: whatever is not printable ASCII becomes `?`.
pub fn encode(reply: &Reply, out: &mut Vec<u8>) {
    let mut lines = reply.text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let separator = if lines.peek().is_some() { '-' } else { ' ' };
        out.extend_from_slice(format!("{}{separator}", reply.code).as_bytes());
        if let Some(enhanced) = reply.enhanced {
            out.extend_from_slice(format!("{enhanced} ").as_bytes());
        }
        let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c as u8 } else { b'?' };
        out.extend(line.chars().take(TEXT_LENGTH).map(printable));
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use mail::EnhancedCode;

    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        encode(reply, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn replies_carry_their_codes_on_every_line() {
        let code = EnhancedCode(2, 0, 0);
        assert_eq!(wire(&Reply::plain(354, "go")), "354 go\r\n");
        assert_eq!(wire(&Reply::new(250, code, "ok")), "250 2.0.0 ok\r\n");
        assert_eq!(wire(&Reply::new(214, code, "a\nb")), "214-2.0.0 a\r\n214 2.0.0 b\r\n");
    }

    #[test]
    fn no_text_forges_a_line() {
        let reply = Reply { code: 550, enhanced: None, text: "a\r\u{85}\0é\tb\u{7f}".into() };
        assert_eq!(wire(&reply), "550 a?????b?\r\n");
        assert_eq!(wire(&Reply::plain(550, "x".repeat(9999))).len(), TEXT_LENGTH + 6);
    }
}
