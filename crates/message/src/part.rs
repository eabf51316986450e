//! What a header section says about its part, read within a budget. Of fields that must occur once, the first counts
//! (RFC 7103 §7.5.1).

use mail::limits;

use crate::address::parse_addresses;
use crate::header::{self, Field};
use crate::{Address, Disposition, Envelope, Part, Summary, date, parameter};

/// Text that one summary may still hold.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    /// Whether something had to be cut.
    pub(crate) exceeded: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: limits::SUMMARY_TEXT, exceeded: false }
    }
}

impl Budget {
    fn text(&mut self, mut text: String) -> String {
        if text.len() > self.left {
            self.exceeded = true;
            text.truncate(text.floor_char_boundary(self.left));
        }
        self.left -= text.len();
        text
    }

    fn value(&mut self, field: &Field<'_>) -> String {
        self.text(header::unfold(field.value))
    }

    fn parameters(&mut self, parameters: Vec<(String, String)>) -> Vec<(String, String)> {
        parameters.into_iter().map(|(name, value)| (self.text(name), self.text(value))).collect()
    }

    /// An address costs its text and its place; those that do not fit are left out.
    fn addresses(&mut self, mut addresses: Vec<Address>) -> Vec<Address> {
        let cost = |a: &Address| {
            8 + [&a.name, &a.route, &a.mailbox, &a.host].into_iter().flatten().map(String::len).sum::<usize>()
        };
        let mut left = self.left;
        let fits = addresses.iter().take_while(|a| {
            let enough = cost(a) <= left;
            left = left.saturating_sub(cost(a));
            enough
        });
        let count = fits.count();
        if count < addresses.len() {
            self.exceeded = true;
            addresses.truncate(count);
        }
        self.left -= addresses.iter().map(cost).sum::<usize>().min(self.left);
        addresses
    }
}

/// Reads one header section.
pub(crate) struct Reader<'a> {
    fields: Vec<Field<'a>>,
    budget: &'a mut Budget,
    /// Whether a limit cut something off.
    pub(crate) truncated: bool,
    /// Whether others may read it otherwise.
    pub(crate) ambiguous: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(section: &'a [u8], budget: &'a mut Budget) -> Self {
        let mut all = header::fields(section);
        let fields: Vec<_> = all.by_ref().take(limits::HEADER_FIELDS).collect();
        let ambiguous = fields.iter().any(|f| f.name.is_empty() && !is_mbox_line(f));
        Self { fields, budget, truncated: all.next().is_some(), ambiguous }
    }

    /// Fills in what the MIME fields say (RFC 2045 §3).
    pub(crate) fn read_part(&mut self, part: &mut Part, in_digest: bool) {
        if in_digest {
            // RFC 2046 §5.1.5
            set_type(part, "message", "rfc822");
        }
        let mut seen = 0u16;
        let fields = std::mem::take(&mut self.fields);
        for field in &fields {
            let Some(which) = position(&CONTENT_FIELDS, field) else { continue };
            if seen & 1 << which == 0 {
                self.read_content_field(part, CONTENT_FIELDS[which], field);
            } else {
                self.ambiguous = true;
            }
            seen |= 1 << which;
        }
        self.fields = fields;
    }

    fn read_content_field(&mut self, part: &mut Part, which: &str, field: &Field<'_>) {
        match which {
            "content-type" => self.read_type(part, field),
            "content-transfer-encoding" => {
                let value = header::unfold(field.value);
                part.encoding = self.budget.text(header::first_token(&value).to_owned());
                if part.encoding.is_empty() {
                    "7bit".clone_into(&mut part.encoding);
                }
            }
            "content-id" => part.id = Some(self.budget.value(field)),
            "content-description" => part.description = Some(self.budget.value(field)),
            "content-md5" => part.md5 = Some(self.budget.value(field)),
            "content-location" => part.location = Some(self.budget.value(field)),
            "content-language" => part.language = self.read_language(field),
            "content-disposition" => part.disposition = self.read_disposition(field),
            _ => {}
        }
    }

    /// A type that cannot be read counts as none (RFC 2045 §5.2).
    fn read_type(&mut self, part: &mut Part, field: &Field<'_>) {
        let value = header::unfold(field.value);
        let parsed = parameter::parse(&value);
        self.ambiguous |= parsed.doubled;
        self.truncated |= parsed.truncated;
        let token = |t: &str| !t.is_empty() && t.len() <= 127 && t.bytes().all(parameter::is_token_byte);
        match parsed.value.split_once('/').map(|(kind, sub)| (kind.trim(), sub.trim())) {
            Some((kind, sub)) if token(kind) && token(sub) => set_type(part, kind, sub),
            _ => {
                self.ambiguous = true;
                return;
            }
        }
        part.parameters = self.budget.parameters(parsed.parameters);
    }

    fn read_disposition(&mut self, field: &Field<'_>) -> Option<Disposition> {
        let value = header::unfold(field.value);
        let parsed = parameter::parse(&value);
        self.ambiguous |= parsed.doubled;
        self.truncated |= parsed.truncated;
        if parsed.value.is_empty() {
            return None;
        }
        let kind = self.budget.text(parsed.value.to_ascii_lowercase());
        Some(Disposition { kind, parameters: self.budget.parameters(parsed.parameters) })
    }

    fn read_language(&mut self, field: &Field<'_>) -> Vec<String> {
        let value = header::unfold(field.value);
        let tags = value.split(',').map(header::first_token).filter(|tag| !tag.is_empty());
        tags.take(limits::MIME_PARAMETERS).map(|tag| self.budget.text(tag.to_owned())).collect()
    }

    /// The fields of ENVELOPE.
    pub(crate) fn read_envelope(&mut self) -> Envelope {
        let mut envelope = Envelope::default();
        let mut seen = 0u16;
        let fields = std::mem::take(&mut self.fields);
        for field in &fields {
            let Some(which) = position(&ENVELOPE_FIELDS, field) else { continue };
            if seen & 1 << which == 0 {
                self.read_envelope_field(&mut envelope, ENVELOPE_FIELDS[which], field);
            }
            seen |= 1 << which;
        }
        self.fields = fields;
        // RFC 3501 §7.4.2: Sender and Reply-To are never empty when From is not.
        for list in [&mut envelope.sender, &mut envelope.reply_to] {
            if list.is_empty() {
                list.clone_from(&envelope.from);
            }
        }
        envelope
    }

    fn read_envelope_field(&mut self, envelope: &mut Envelope, name: &str, field: &Field<'_>) {
        match name {
            "date" => envelope.date = Some(self.budget.value(field)),
            "subject" => envelope.subject = Some(self.budget.value(field)),
            "in-reply-to" => envelope.in_reply_to = Some(self.budget.value(field)),
            "message-id" => envelope.message_id = Some(self.budget.value(field)),
            "from" => envelope.from = self.read_addresses(field),
            "sender" => envelope.sender = self.read_addresses(field),
            "reply-to" => envelope.reply_to = self.read_addresses(field),
            "to" => envelope.to = self.read_addresses(field),
            "cc" => envelope.cc = self.read_addresses(field),
            _ => envelope.bcc = self.read_addresses(field),
        }
    }

    fn read_addresses(&mut self, field: &Field<'_>) -> Vec<Address> {
        let (addresses, more) = parse_addresses(field.value);
        self.truncated |= more;
        self.budget.addresses(addresses)
    }

    /// What the message's own header section says.
    pub(crate) fn read_summary(&mut self, summary: &mut Summary) {
        summary.envelope = self.read_envelope();
        summary.date = summary.envelope.date.as_deref().and_then(date::parse);
        let count = |name| self.fields.iter().filter(|f| f.is(name)).count() as u32;
        (summary.received_count, summary.from_count) = (count("Received"), count("From"));
        let tls_required = self.fields.iter().find(|field| field.is("TLS-Required"));
        summary.tls_optional =
            tls_required.is_some_and(|field| field.value.trim_ascii().eq_ignore_ascii_case(b"no"));
        for field in &self.fields {
            if field.is("Delivered-To") {
                summary.delivered_to.push(self.budget.value(field));
            } else if field.is("Auto-Submitted") && summary.auto_submitted.is_none() {
                summary.auto_submitted = Some(self.budget.value(field));
            } else if field.is("References") && summary.references.is_empty() {
                let value = header::unfold(field.value);
                let ids: Vec<_> = header::message_ids(&value).collect();
                summary.references =
                    bounded_references(&ids).map(|id| self.budget.text(id.to_owned())).collect();
            }
        }
    }
}

/// The first id, which names the thread, and the last ones.
fn bounded_references<'a>(ids: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let last = ids.len().saturating_sub(limits::REFERENCES - 1).max(1).min(ids.len());
    ids.iter().take(1).chain(&ids[last..]).copied()
}

const CONTENT_FIELDS: [&str; 8] = [
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-id",
    "content-description",
    "content-language",
    "content-location",
    "content-md5",
];

const ENVELOPE_FIELDS: [&str; 10] =
    ["date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id"];

/// Which of `names` the field has.
fn position(names: &[&str], field: &Field<'_>) -> Option<usize> {
    names.iter().position(|name| field.is(name))
}

/// `From ` as mail files of the Unix kind begin messages.
fn is_mbox_line(field: &Field<'_>) -> bool {
    field.value.starts_with(b"From ") || field.value.starts_with(b">From ")
}

fn set_type(part: &mut Part, kind: &str, subtype: &str) {
    part.kind = kind.to_ascii_lowercase();
    part.subtype = subtype.to_ascii_lowercase();
}

impl Part {
    /// Whether its parts are messages unless they say otherwise (RFC 2046 §5.1.5).
    pub(crate) fn is_digest(&self) -> bool {
        self.is_multipart() && self.subtype == "digest"
    }

    /// Whether its type is one that holds a whole message (RFC 2046 §5.2.1, RFC 6532 §3.7).
    pub(crate) fn is_message_type(&self) -> bool {
        self.kind == "message" && (self.subtype == "rfc822" || self.subtype == "global")
    }

    /// A usable boundary. Trailing space cannot be part of one (RFC 2046 §5.1.1).
    pub(crate) fn boundary(&self) -> Option<Vec<u8>> {
        let text = self.parameter("boundary")?;
        let text = text.trim_end();
        (1..=limits::MIME_BOUNDARY_LENGTH).contains(&text.len()).then(|| text.as_bytes().to_vec())
    }
}
