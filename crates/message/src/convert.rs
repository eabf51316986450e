//! Another form of the same message for a host that takes less: parts with 8-bit or binary bodies become
//! quoted-printable or base64 (RFC 6152 §3, RFC 3030 §3, RFC 2045 §6).
//!
//! The message is passed three times, chunk by chunk, and never held: [`Parser`](crate::Parser) finds its structure,
//! [`Survey`] looks at what each part is made of, and [`Converter`] writes the new form. Signatures over what changes
//! no longer hold; whoever converts says so.

mod rewrite;
mod survey;
mod writer;

pub use survey::{Shape, Survey};
pub use writer::Converter;

/// Why a message cannot be brought into a form that a host takes, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obstacle(pub &'static str);

/// What is to become of a range of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: std::ops::Range<u64>,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A header section gets another Content-Transfer-Encoding; that of a message may need more.
    Header { encoding: &'static str, message: bool },
    /// A body is encoded.
    Encode(crate::text::Encoding),
    /// Quoted-printable with bytes in it that have no place there: they are escaped.
    Escape,
    /// Base64 with bytes in it that mean nothing: they are left out.
    Drop,
}

#[cfg(test)]
mod tests;
