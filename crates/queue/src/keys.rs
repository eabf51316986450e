//! The keys of this crate.
