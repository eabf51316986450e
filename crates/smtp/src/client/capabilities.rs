//! What a peer offers in its reply to EHLO.

/// The extensions that this client uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "extensions are independent of each other")]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_codes: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// SIZE (RFC 1870): offered, with the limit if one was named.
    pub size: Option<Option<u64>>,
    /// AUTH mechanisms, in capitals (RFC 4954).
    pub auth: Vec<String>,
    /// LIMITS RCPTMAX (RFC 9422): recipients of one transaction.
    pub rcpt_max: Option<u64>,
}
