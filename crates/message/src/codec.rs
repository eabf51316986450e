//! The compact form of a summary in the store: a version byte, then the fields in a fixed order. Numbers are LEB128,
//! text has its length in front, a missing value is 0 where a present one has its length plus one.

use std::fmt;
use std::ops::Range;

use mail::{Wall, limits};

use crate::{Address, Disposition, Envelope, Parameter, Part, Summary};

const VERSION: u8 = 1;

/// Levels of parts that a decoded tree may have: the parser makes no more.
const DEPTH: usize = limits::MIME_DEPTH + 2;

/// The bytes are not a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError;

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored message summary is damaged or of an unknown version")
    }
}

impl std::error::Error for DecodeError {}

pub(crate) fn encode(summary: &Summary) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(512));
    out.0.push(VERSION);
    out.0.push(
        u8::from(summary.truncated)
            | u8::from(summary.ambiguous) << 1
            | u8::from(summary.date.is_some()) << 2
            | u8::from(summary.tls_optional) << 3,
    );
    out.number(summary.size);
    if let Some(date) = summary.date {
        out.0.extend_from_slice(&date.millis().to_be_bytes());
    }
    out.number(summary.received_count.into());
    out.number(summary.from_count.into());
    out.option(summary.auto_submitted.as_deref());
    out.list(&summary.delivered_to, |out, text| out.text(text));
    out.list(&summary.references, |out, text| out.text(text));
    out.envelope(&summary.envelope);
    out.part(&summary.root);
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            None => self.number(0),
            Some(text) => {
                self.number(text.len() as u64 + 1);
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn list<T>(&mut self, list: &[T], each: impl Fn(&mut Self, &T)) {
        self.number(list.len() as u64);
        for item in list {
            each(self, item);
        }
    }

    fn range(&mut self, range: &Range<u64>) {
        self.number(range.start);
        self.number(range.end.saturating_sub(range.start));
    }

    fn envelope(&mut self, envelope: &Envelope) {
        for text in [&envelope.date, &envelope.subject, &envelope.in_reply_to, &envelope.message_id] {
            self.option(text.as_deref());
        }
        // Sender and Reply-To are mostly those of From: a flag says so.
        let same = [&envelope.sender, &envelope.reply_to].map(|list| *list == envelope.from);
        self.0.push(u8::from(same[0]) | u8::from(same[1]) << 1);
        self.addresses(&envelope.from);
        for (list, same) in [&envelope.sender, &envelope.reply_to].into_iter().zip(same) {
            if !same {
                self.addresses(list);
            }
        }
        for list in [&envelope.to, &envelope.cc, &envelope.bcc] {
            self.addresses(list);
        }
    }

    fn addresses(&mut self, addresses: &[Address]) {
        self.list(addresses, |out, a| {
            for text in [&a.name, &a.route, &a.mailbox, &a.host] {
                out.option(text.as_deref());
            }
        });
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        self.list(parameters, |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
    }

    fn part(&mut self, part: &Part) {
        self.text(&part.kind);
        self.text(&part.subtype);
        self.parameters(&part.parameters);
        self.text(&part.encoding);
        for text in [&part.id, &part.description, &part.md5, &part.location] {
            self.option(text.as_deref());
        }
        self.option(part.disposition.as_ref().map(|d| d.kind.as_str()));
        if let Some(disposition) = &part.disposition {
            self.parameters(&disposition.parameters);
        }
        self.list(&part.language, |out, text| out.text(text));
        self.range(&part.header);
        self.range(&part.body);
        self.number(part.lines);
        self.0.push(u8::from(part.envelope.is_some()));
        if let Some(envelope) = &part.envelope {
            self.envelope(envelope);
        }
        self.list(&part.children, Self::part);
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Summary, DecodeError> {
    let mut input = Reader(bytes);
    if input.byte()? != VERSION {
        return Err(DecodeError);
    }
    let flags = input.byte()?;
    let size = input.number()?;
    let date = if flags & 4 != 0 { Some(Wall::from_millis(input.millis()?)) } else { None };
    let summary = Summary {
        size,
        date,
        truncated: flags & 1 != 0,
        ambiguous: flags & 2 != 0,
        tls_optional: flags & 8 != 0,
        received_count: input.number()? as u32,
        from_count: input.number()? as u32,
        auto_submitted: input.option()?,
        delivered_to: input.list(Reader::text)?,
        references: input.list(Reader::text)?,
        envelope: input.envelope()?,
        root: input.part(DEPTH)?,
    };
    if input.0.is_empty() { Ok(summary) } else { Err(DecodeError) }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.bytes(1)?[0])
    }

    fn millis(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.bytes(8)?.try_into().map_err(|_| DecodeError)?))
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let mut n = 0;
        for shift in (0..63).step_by(7) {
            let b = self.byte()?;
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return Ok(n);
            }
        }
        Err(DecodeError)
    }

    fn text_of(&mut self, length: u64) -> Result<String, DecodeError> {
        let bytes = self.bytes(usize::try_from(length).map_err(|_| DecodeError)?)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let length = self.number()?;
        self.text_of(length)
    }

    fn option(&mut self) -> Result<Option<String>, DecodeError> {
        match self.number()? {
            0 => Ok(None),
            more => self.text_of(more - 1).map(Some),
        }
    }

    /// Every item takes at least a byte, so a count beyond what is left is damage, found before memory is taken.
    fn list<T>(&mut self, each: impl Fn(&mut Self) -> Result<T, DecodeError>) -> Result<Vec<T>, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError)?;
        if count > self.0.len() {
            return Err(DecodeError);
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn range(&mut self) -> Result<Range<u64>, DecodeError> {
        let start = self.number()?;
        Ok(start..start.checked_add(self.number()?).ok_or(DecodeError)?)
    }

    fn envelope(&mut self) -> Result<Envelope, DecodeError> {
        let (date, subject) = (self.option()?, self.option()?);
        let (in_reply_to, message_id) = (self.option()?, self.option()?);
        let same = self.byte()?;
        let from = self.addresses()?;
        let sender = if same & 1 != 0 { from.clone() } else { self.addresses()? };
        let reply_to = if same & 2 != 0 { from.clone() } else { self.addresses()? };
        let (to, cc, bcc) = (self.addresses()?, self.addresses()?, self.addresses()?);
        Ok(Envelope { date, subject, from, sender, reply_to, to, cc, bcc, in_reply_to, message_id })
    }

    fn addresses(&mut self) -> Result<Vec<Address>, DecodeError> {
        self.list(|input| {
            Ok(Address {
                name: input.option()?,
                route: input.option()?,
                mailbox: input.option()?,
                host: input.option()?,
            })
        })
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>, DecodeError> {
        self.list(|input| Ok((input.text()?, input.text()?)))
    }

    /// Goes no deeper than `depth` levels, whatever the bytes say.
    fn part(&mut self, depth: usize) -> Result<Part, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError)?;
        Ok(Part {
            kind: self.text()?,
            subtype: self.text()?,
            parameters: self.parameters()?,
            encoding: self.text()?,
            id: self.option()?,
            description: self.option()?,
            md5: self.option()?,
            location: self.option()?,
            disposition: self.disposition()?,
            language: self.list(Self::text)?,
            header: self.range()?,
            body: self.range()?,
            lines: self.number()?,
            envelope: if self.byte()? == 0 { None } else { Some(Box::new(self.envelope()?)) },
            children: self.list(|input| input.part(depth))?,
        })
    }

    fn disposition(&mut self) -> Result<Option<Disposition>, DecodeError> {
        match self.option()? {
            None => Ok(None),
            Some(kind) => Ok(Some(Disposition { kind, parameters: self.parameters()? })),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Parser, Summary};

    const MESSAGE: &[u8] = b"Received: x\r\nFrom: A <a@b>\r\nSender: c@d\r\nDate: 1 Nov 2026 00:00 +0100\r\n\
        Auto-Submitted: no\r\nReferences: <1@x> <2@x>\r\nDelivered-To: q@r\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\
        Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A5\r\nContent-Language: en, de\r\n\r\n\
        Subject: x\r\n\r\ny\r\n--b--\r\n";

    #[test]
    fn summaries_come_back() {
        let summary = Parser::parse(MESSAGE);
        assert_eq!(Summary::decode(&summary.encode()), Ok(summary));
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_survived() {
        let encoded = Parser::parse(MESSAGE).encode();
        for end in 0..encoded.len() {
            assert!(Summary::decode(&encoded[..end]).is_err(), "cut at {end}");
            for flip in [1, 0x80, 0xff] {
                let mut damaged = encoded.clone();
                damaged[end] ^= flip;
                drop(Summary::decode(&damaged));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_decodes_or_fails(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..200)) {
            bytes[0] = super::VERSION;
            drop(Summary::decode(&bytes));
        }
    }
}
