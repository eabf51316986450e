//! How text outside of ASCII stands on the wire.

/// What a client understands besides ASCII. It says so by ENABLE IMAP4rev2 (RFC 9051 §5.1) or ENABLE UTF8=ACCEPT (RFC 9755
/// §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// Nothing: names of mailboxes are in modified UTF-7 (RFC 3501 §5.1.3), other strings in literals.
    #[default]
    Ascii,
    /// UTF-8 in quoted strings, names of mailboxes too.
    Utf8,
}
