//! A message's header and text as people read them, for searching.

use imap::grammar::Day;
use mail::{Wall, limits};
use mailbox::Entry;
use message::text::{Encoding, decode_body, to_utf8};
use message::{Part, date, header};

use super::super::connection::Connection;
use super::super::stop::Stop;
use super::plan::fold;

/// Bytes of one message's texts that are searched; what follows is not.
const TEXT_LENGTH: usize = 16 << 20;
/// Most header sections come with one read of this.
const FIRST_READ: usize = 16 * 1024;

/// A header section: names, and values unfolded, decoded and folded to lower case.
pub(super) struct HeaderText {
    fields: Vec<(String, String)>,
    /// The day of Date, as written (RFC 3501 §6.4.4 disregards time and zone).
    pub(super) sent: Option<Day>,
}

impl HeaderText {
    fn new(section: &[u8]) -> Self {
        let field = |f: header::Field<'_>| {
            let value = header::decode_rfc2047(header::unfold(f.value).as_bytes());
            (String::from_utf8_lossy(f.name).into_owned(), fold(&value))
        };
        let sent = header::first(section, "Date")
            .and_then(|f| date::parse_zoned(&header::unfold(f.value)))
            .map(date::Zoned::local_day)
            .map(|(year, month, day)| Day::of(Wall::from_civil(year, month, day, 0, 0, 0)));
        Self { fields: header::fields(section).map(field).collect(), sent }
    }

    /// Whether a field of that name contains the text; an empty text only asks for the field.
    pub(super) fn contains(&self, name: &str, text: &str) -> bool {
        self.fields.iter().any(|(n, value)| n.eq_ignore_ascii_case(name) && value.contains(text))
    }

    /// Whether the text is anywhere in the header section, also across a field's name and value.
    pub(super) fn contains_anywhere(&self, text: &str) -> bool {
        self.fields.iter().any(|(name, value)| fold(&format!("{name}: {value}")).contains(text))
    }
}

/// The end of the header section, if it is within these bytes.
fn header_end(bytes: &[u8]) -> Option<usize> {
    let empty_line = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    empty_line.or_else(|| bytes.windows(2).position(|w| w == b"\n\n").map(|at| at + 2))
}

impl Connection<'_> {
    pub(super) async fn header_text(&self, entry: &Entry) -> Result<HeaderText, Stop> {
        let mut length = FIRST_READ;
        loop {
            let bytes = self.read_range(entry, 0..entry.size(), length).await?;
            let whole = bytes.len() < length || length >= limits::HEADER_SECTION_LENGTH;
            match header_end(&bytes) {
                Some(end) => return Ok(HeaderText::new(&bytes[..end])),
                None if whole => return Ok(HeaderText::new(&bytes)),
                None => length = (length * 8).min(limits::HEADER_SECTION_LENGTH),
            }
        }
    }

    /// The text parts, decoded and folded; and the headers of messages within the message.
    pub(super) async fn body_text(&self, entry: &Entry) -> Result<Vec<String>, Stop> {
        let summary = self.summary(entry).await?;
        let mut texts = Vec::new();
        let mut budget = TEXT_LENGTH;
        let mut parts = vec![&summary.root];
        while let Some(part) = parts.pop() {
            parts.extend(part.children.iter().rev());
            if part.kind == "text" {
                texts.push(self.part_text(entry, part, &mut budget).await?);
            } else if part.is_message()
                && let Some(inner) = part.children.first()
            {
                let section = self.read_range(entry, inner.header.clone(), budget).await?;
                budget = budget.saturating_sub(section.len());
                texts.extend(HeaderText::new(&section).fields.into_iter().map(|(_, value)| value));
            }
        }
        Ok(texts)
    }

    async fn part_text(&self, entry: &Entry, part: &Part, budget: &mut usize) -> Result<String, Stop> {
        let bytes = self.read_range(entry, part.body.clone(), *budget).await?;
        *budget = budget.saturating_sub(bytes.len());
        let decoded = decode_body(Encoding::from_name(&part.encoding), &bytes);
        let charset = part.parameter("charset").unwrap_or_else(|| "us-ascii".into());
        Ok(fold(&to_utf8(&charset, &decoded)))
    }
}
