//! Replies on the wire (RFC 5321 §4.2).
