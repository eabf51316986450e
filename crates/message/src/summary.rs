//! What the parser finds out about a message: all that IMAP's ENVELOPE and BODYSTRUCTURE, search and the journey
//! ask for, without the message's bytes.

use std::ops::Range;

use mail::Wall;

use crate::{DecodeError, codec, encoded_word, header, parameter};

/// One entry of an address list as RFC 3501 §7.4.2 shapes it.
///
/// A mailbox has `mailbox` and `host`. The start of a group has only `mailbox`, the group's name; its end has
/// nothing. Text is as in the message (encoded words stay encoded), quotes and comments removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name, encoded words kept raw.
    pub name: Option<String>,
    /// The source route, `@a,@b` (RFC 5322 §4.4 `obs-route`).
    pub route: Option<String>,
    /// The local-part as meant, without quotes; or a group's name.
    pub mailbox: Option<String>,
    /// The domain as written.
    pub host: Option<String>,
}

impl Address {
    /// Whether this begins or ends a group rather than naming a mailbox.
    pub fn is_group_mark(&self) -> bool {
        self.host.is_none()
    }

    /// `local@host` as an address of the envelope, if it is a valid one.
    pub fn to_mail(&self) -> Option<mail::Address> {
        mail::Address::new(self.mailbox.as_deref()?, self.host.as_deref()?.parse().ok()?).ok()
    }

    /// `local@host` as written; empty for group marks.
    pub fn spec(&self) -> String {
        match (&self.mailbox, &self.host) {
            (Some(mailbox), Some(host)) => format!("{mailbox}@{host}"),
            _ => String::new(),
        }
    }

    /// The display name with its encoded words decoded.
    pub fn decoded_name(&self) -> Option<String> {
        self.name.as_deref().map(|name| encoded_word::decode(name.as_bytes()))
    }
}

/// The fields of RFC 3501 §7.4.2 ENVELOPE. Text is unfolded; encoded words stay encoded; bytes that are not UTF-8
/// became U+FFFD. Where a field occurs more than once, the first counts (RFC 7103 §7.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Date, as written.
    pub date: Option<String>,
    /// Subject, as written.
    pub subject: Option<String>,
    /// From.
    pub from: Vec<Address>,
    /// Sender; the same as `from` where missing or empty, as IMAP demands.
    pub sender: Vec<Address>,
    /// Reply-To; the same as `from` where missing or empty, as IMAP demands.
    pub reply_to: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// In-Reply-To, as written.
    pub in_reply_to: Option<String>,
    /// Message-ID, as written.
    pub message_id: Option<String>,
}

/// A parameter of a MIME header field: name in lower case, value without quotes. Continuations
/// (RFC 2231 §3) are joined; a value in extended form (§4) keeps its charset prefix and percent encoding under a
/// name that ends in `*`.
pub type Parameter = (String, String);

/// Content-Disposition (RFC 2183).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    /// `inline`, `attachment` or other, in lower case.
    pub kind: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
}

/// One MIME part, the whole message being the root. Offsets count from the message's first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The type in lower case, `text`.
    pub kind: String,
    /// The subtype in lower case, `plain`.
    pub subtype: String,
    /// Parameters of Content-Type; see [`Parameter`].
    pub parameters: Vec<Parameter>,
    /// Content-ID.
    pub id: Option<String>,
    /// Content-Description.
    pub description: Option<String>,
    /// Content-Transfer-Encoding as written, `7bit` where missing.
    pub encoding: String,
    /// Content-MD5.
    pub md5: Option<String>,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Content-Language, one entry a tag.
    pub language: Vec<String>,
    /// Content-Location.
    pub location: Option<String>,
    /// The header section with the empty line that ends it.
    pub header: Range<u64>,
    /// The body: octets as IMAP counts them, encoded, without the line break before the next boundary.
    pub body: Range<u64>,
    /// Line ends in the body, as BODYSTRUCTURE counts lines.
    pub lines: u64,
    /// Parts of a multipart; the one message within message/rfc822 or message/global.
    pub children: Vec<Self>,
    /// The envelope of the message within message/rfc822 or message/global.
    pub envelope: Option<Box<Envelope>>,
}

impl Default for Part {
    /// What a part without header fields is (RFC 2045 §5.2), empty.
    fn default() -> Self {
        Self {
            kind: "text".into(),
            subtype: "plain".into(),
            parameters: Vec::new(),
            id: None,
            description: None,
            encoding: "7bit".into(),
            md5: None,
            disposition: None,
            language: Vec::new(),
            location: None,
            header: 0..0,
            body: 0..0,
            lines: 0,
            children: Vec::new(),
            envelope: None,
        }
    }
}

impl Part {
    /// Whether this is multipart/*. One without usable boundary is a leaf of type multipart with no children.
    pub fn is_multipart(&self) -> bool {
        self.kind == "multipart"
    }

    /// Whether this holds a message: message/rfc822 or message/global (RFC 6532 §3.7).
    pub fn is_message(&self) -> bool {
        self.envelope.is_some()
    }

    /// Octets of the body, as in BODYSTRUCTURE.
    pub fn size(&self) -> u64 {
        self.body.end - self.body.start
    }

    /// A parameter of Content-Type, decoded (RFC 2231).
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter::find(&self.parameters, name)
    }

    /// The file name by Content-Disposition, else by Content-Type `name`, decoded.
    pub fn file_name(&self) -> Option<String> {
        let by_disposition =
            self.disposition.as_ref().and_then(|d| parameter::find(&d.parameters, "filename"));
        by_disposition.or_else(|| self.parameter("name"))
    }
}

/// What there is to know about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Octets of the message.
    pub size: u64,
    /// ENVELOPE.
    pub envelope: Envelope,
    /// The tree of parts.
    pub root: Part,
    /// Date as a point in time, where it can be read.
    pub date: Option<Wall>,
    /// Received fields, for loop detection (RFC 5321 §6.3).
    pub received_count: u32,
    /// From fields; anything but 1 is suspicious (attacks A15).
    pub from_count: u32,
    /// Values of Delivered-To, in order.
    pub delivered_to: Vec<String>,
    /// The value of Auto-Submitted (RFC 3834 §5).
    pub auto_submitted: Option<String>,
    /// Message ids of References, oldest first.
    pub references: Vec<String>,
    /// The header field `TLS-Required: No` (RFC 8689 §3).
    pub tls_optional: bool,
    /// Some limit cut the analysis short; the bytes themselves are whole.
    pub truncated: bool,
    /// Other software may see another structure: doubled MIME fields, a missing boundary (attacks A14).
    pub ambiguous: bool,
}

impl Summary {
    /// The Message-ID with its angle brackets and nothing around them.
    pub fn message_id(&self) -> Option<&str> {
        header::message_ids(self.envelope.message_id.as_deref()?).next()
    }

    /// The subject as people read it, encoded words decoded.
    pub fn subject(&self) -> Option<String> {
        self.envelope.subject.as_deref().map(|s| encoded_word::decode(s.as_bytes()))
    }

    /// Whether there is a Date field.
    pub fn has_date(&self) -> bool {
        self.envelope.date.is_some()
    }

    /// Whether there is a From field.
    pub fn has_from(&self) -> bool {
        self.from_count > 0
    }

    /// The mailboxes of From that are valid addresses.
    pub fn from_addresses(&self) -> Vec<mail::Address> {
        self.envelope.from.iter().filter_map(Address::to_mail).collect()
    }

    /// Whether it says that no person sent it (RFC 3834 §5).
    pub fn is_auto_submitted(&self) -> bool {
        self.auto_submitted.as_deref().is_some_and(|v| !header::first_token(v).eq_ignore_ascii_case("no"))
    }

    /// Accounts for whole header fields put in front of the message: moves all offsets and takes in the Received
    /// and Delivered-To fields among them. Fields that occur in both places keep the message's own value.
    pub fn prepend(&mut self, fields: &[u8]) {
        let by = fields.len() as u64;
        self.size += by;
        self.root.header.end += by;
        let mut parts = vec![&mut self.root];
        while let Some(part) = parts.pop() {
            part.body = part.body.start + by..part.body.end + by;
            for child in &mut part.children {
                child.header = child.header.start + by..child.header.end + by;
                parts.push(child);
            }
        }
        let mut delivered_to = Vec::new();
        for field in header::fields(fields) {
            match () {
                () if field.is("Received") => self.received_count += 1,
                () if field.is("Delivered-To") => delivered_to.push(header::unfold(field.value)),
                () => {}
            }
        }
        self.delivered_to.splice(0..0, delivered_to);
    }

    /// In a compact form of its own, versioned.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// From [`Summary::encode`]'s form. Damaged bytes are an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes)
    }
}
