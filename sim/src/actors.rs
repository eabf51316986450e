//! The people and servers around an office: each is an async function over the doors of a host of its own.
//!
//! Each takes its decisions from its own doors, and writes what it was told and what it took into the
//! [`Ledger`](crate::oracle::ledger::Ledger). They speak by their own small text code, not with the product's, so that a
//! mistake cannot cancel itself out.

pub mod imap;
pub mod letter;
pub mod lines;
pub mod operator;
pub mod pop3;
pub mod remote;
pub mod submitter;
pub mod web;
