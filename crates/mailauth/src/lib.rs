//! Who a message really is from.
//!
//! SPF (RFC 7208) says whether a host may send for a domain, DKIM (RFC 6376) who signed the message, ARC (RFC 8617)
//! what earlier receivers found, and DMARC (RFC 9989) whether any of it speaks for the author's domain. Their findings
//! become one Authentication-Results field (RFC 8601).
//!
//! The other way round, [`sts`] and [`dane`] read what a domain says of the TLS of its mail hosts.
//!
//! This crate asks names through [`world::Dns`] and nothing else; what to do with a finding is decided by the flow
//! of mail.

pub mod arc;
mod canonical;
pub mod dane;
pub mod dkim;
pub mod dmarc;
pub mod iprev;
pub mod report;
pub mod results;
pub mod spf;
pub mod srs;
pub mod sts;
pub mod tag_list;
mod text;

#[cfg(test)]
mod zones;
