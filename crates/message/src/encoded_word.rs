//! Encoded words in header text (RFC 2047).

/// Text with its encoded words decoded; what is none, or is broken, stays as it is. Never more than a few times
/// as long as `text`.
pub fn decode(text: &[u8]) -> String {
    let _ = text;
    todo!()
}

/// Text fit for an unstructured header field: itself if it is printable ASCII, else as encoded words in UTF-8,
/// folded.
pub fn encode(text: &str) -> String {
    let _ = text;
    todo!()
}
