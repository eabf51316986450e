//! The demo's letters.

use mail::Wall;

/// One letter, with words by which it is known again.
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: &'static str,
    /// A line of its text, made for it alone.
    pub(super) token: String,
    pub(super) text: &'static str,
}

impl Letter {
    /// As RFC 5322 wants it. Non-ASCII text goes as it is, in 8BITMIME.
    pub(super) fn to_bytes(&self, now: Wall) -> Vec<u8> {
        let date = message::date::format_rfc5322(now);
        let domain = self.from.rsplit_once('@').map_or("", |(_, domain)| domain);
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\n\
             Message-ID: <{token}@{domain}>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             {text}\r\n\r\n.A line that begins with a dot, and one that is only a dot:\r\n.\r\n\r\n{token}\r\n",
            from = self.from,
            to = self.to,
            subject = self.subject,
            token = self.token,
            text = self.text,
        )
        .into_bytes()
    }

    /// The part that must arrive byte for byte: everything below the header.
    pub(super) fn body(bytes: &[u8]) -> &[u8] {
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        &bytes[at..]
    }
}
