//! A message's header and text as people read them, for searching.

use imap::grammar::Day;
use mail::{Wall, limits};
use mailbox::Entry;
use message::text::{Encoding, decode_body, html_to_text, to_utf8};
use message::{Part, date, header};
use search::Zones;

use super::super::connection::Connection;
use super::super::place::At;
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
    pub(super) fn new(section: &[u8]) -> Self {
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

    /// Names and values, and where they stand.
    pub(super) fn zones(&self) -> impl Iterator<Item = (Zones, String)> + '_ {
        let both = |(name, value): &(String, String)| {
            [(Zones::NAME, fold(name)), (Zones::of_field(name), value.clone())]
        };
        self.fields.iter().flat_map(both)
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

/// A text as the message has it, to be decoded where there is time for that.
pub(super) struct RawText {
    bytes: Vec<u8>,
    form: Form,
}

enum Form {
    /// The header section of a message within the message.
    Header,
    /// The body of a part.
    Part { encoding: Encoding, charset: String, html: bool },
}

impl RawText {
    fn of_part(part: &Part, bytes: Vec<u8>) -> Self {
        let charset = part.parameter("charset").unwrap_or_else(|| "us-ascii".into());
        let encoding = Encoding::from_name(&part.encoding);
        Self { bytes, form: Form::Part { encoding, charset, html: part.subtype == "html" } }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What people read of it, folded.
    pub(super) fn read(self) -> Vec<String> {
        let Form::Part { encoding, charset, html } = self.form else {
            return HeaderText::new(&self.bytes).fields.into_iter().map(|(_, value)| value).collect();
        };
        let text = to_utf8(&charset, &decode_body(encoding, &self.bytes));
        vec![fold(&if html { html_to_text(&text) } else { text })]
    }
}

impl Connection<'_> {
    pub(super) async fn header_text(&self, at: At, entry: &Entry) -> Result<HeaderText, Stop> {
        Ok(HeaderText::new(&self.raw_header(at, entry).await?))
    }

    /// The header section.
    pub(super) async fn raw_header(&self, at: At, entry: &Entry) -> Result<Vec<u8>, Stop> {
        let mut length = FIRST_READ;
        loop {
            let mut bytes = self.read_range_in(at, entry, 0..entry.size(), length).await?;
            let whole = bytes.len() < length || length >= limits::HEADER_SECTION_LENGTH;
            match header_end(&bytes) {
                Some(end) => bytes.truncate(end),
                None if whole => {}
                None => {
                    length = (length * 8).min(limits::HEADER_SECTION_LENGTH);
                    continue;
                }
            }
            return Ok(bytes);
        }
    }

    /// What [`RawText::read`] makes of each of [`Self::raw_texts`].
    pub(super) async fn body_text(&self, at: At, entry: &Entry) -> Result<Vec<String>, Stop> {
        Ok(self.raw_texts(at, entry).await?.into_iter().flat_map(RawText::read).collect())
    }

    /// The text parts, and the headers of messages within the message.
    pub(super) async fn raw_texts(&self, at: At, entry: &Entry) -> Result<Vec<RawText>, Stop> {
        let summary = self.summary_in(at, entry).await?;
        let mut texts = Vec::new();
        let mut budget = TEXT_LENGTH;
        let mut parts = vec![&summary.root];
        while let Some(part) = parts.pop() {
            parts.extend(part.children.iter().rev());
            if part.kind == "text" {
                let bytes = self.read_range_in(at, entry, part.body.clone(), budget).await?;
                budget = budget.saturating_sub(bytes.len());
                texts.push(RawText::of_part(part, bytes));
            } else if part.is_message()
                && let Some(inner) = part.children.first()
            {
                let bytes = self.read_range_in(at, entry, inner.header.clone(), budget).await?;
                budget = budget.saturating_sub(bytes.len());
                texts.push(RawText { bytes, form: Form::Header });
            }
        }
        Ok(texts)
    }
}
