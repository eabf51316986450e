//! The grammar of commands (RFC 5321 §4.1, and of the extensions).

pub(crate) mod command;
pub(crate) mod parameters;
pub(crate) mod path;
pub(crate) mod wishes;
pub(crate) mod xclient;
pub(crate) mod xtext;
