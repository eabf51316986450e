//! What the session writes.

use std::io::Write as _;

use mail::limits;

use super::{Event, Listing, OUTPUT, Session, TlsOffer, Waiting};
use crate::maildrop::{Maildrop, Message};

impl Session {
    /// A positive response of one line, or the first of several.
    pub(super) fn ok(&mut self, text: &str) {
        self.line(format_args!("+OK {text}"));
    }

    /// A negative response. A text that begins with `[` begins with a response code (RFC 2449 §8).
    pub(super) fn error(&mut self, text: &str) {
        self.line(format_args!("-ERR {text}"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        write!(self.output, "{text}\r\n").expect("a Vec takes everything");
    }

    /// Refuses a command that makes no sense; after too many the session ends.
    pub(super) fn bad(&mut self, text: &str) -> Option<Event> {
        self.error(text);
        self.errors += 1;
        if self.errors >= limits::IMAP_ERRORS {
            self.error("Too many errors");
            self.close();
        }
        None
    }

    pub(super) fn no_such_message(&mut self) -> Option<Event> {
        self.error("There is no such message");
        None
    }

    /// RFC 2449 §5. Ways of logging in are told only where they work. RFC 6856 §2.2: names and passwords may be UTF-8.
    pub(super) fn capabilities(&mut self) {
        self.ok("Capabilities follow");
        for capability in
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8 USER", "LANG"]
        {
            self.line(format_args!("{capability}"));
        }
        if self.maildrop.is_none() && self.config.tls == TlsOffer::Offered {
            self.line(format_args!("STLS"));
        }
        if self.may_log_in() {
            if self.takes_passwords() {
                self.line(format_args!("USER"));
            }
            let mechanisms = self.config.mechanisms.join(" ");
            if !mechanisms.is_empty() {
                self.line(format_args!("SASL {mechanisms}"));
            }
        }
        self.line(format_args!("IMPLEMENTATION Posthouse"));
        self.line(format_args!("."));
    }

    /// RFC 6856 §3.2: there is one language. A range means it as RFC 4647 §3.3.1 says.
    pub(super) fn language(&mut self, range: Option<&str>) {
        match range {
            None => {
                self.ok("Languages follow");
                self.line(format_args!("en English"));
                self.line(format_args!("."));
            }
            Some(range) if range == "*" || range.eq_ignore_ascii_case("en") => self.ok("en Language chosen"),
            Some(_) => self.error("There is only English"),
        }
    }

    /// AUTH alone: what older clients ask instead of CAPA.
    pub(super) fn list_mechanisms(&mut self) {
        self.ok("Mechanisms follow");
        for mechanism in self.config.mechanisms.clone() {
            self.line(format_args!("{mechanism}"));
        }
        self.line(format_args!("."));
    }

    fn totals(&self) -> (usize, u64) {
        self.maildrop.as_ref().map_or((0, 0), Maildrop::totals)
    }

    pub(super) fn summary(&self) -> String {
        let (count, size) = self.totals();
        format!("{count} messages ({size} octets)")
    }

    pub(super) fn stat(&mut self) {
        let (count, size) = self.totals();
        self.line(format_args!("+OK {count} {size}"));
    }

    pub(super) fn message(&self, number: u32) -> Option<Message> {
        self.maildrop.as_ref()?.get(number)
    }

    pub(super) fn list_one(&mut self, listing: Listing, number: u32) {
        let Some(maildrop) = &self.maildrop else { return };
        match (maildrop.get(number), listing) {
            (None, _) => drop(self.no_such_message()),
            (Some(message), Listing::Sizes) => self.line(format_args!("+OK {number} {}", message.size)),
            (Some(message), Listing::UniqueIds) => {
                let id = maildrop.unique_id(message);
                self.line(format_args!("+OK {number} {id}"));
            }
        }
    }

    pub(super) fn begin_listing(&mut self, listing: Listing) {
        let summary = self.summary();
        self.ok(&summary);
        self.waiting = Waiting::Room { listing, next: 1 };
    }

    /// As many lines as the output has room for: a listing of a huge maildrop costs one buffer.
    pub(super) fn list_some(&mut self, listing: Listing, next: u32) {
        let Some(maildrop) = &self.maildrop else { return };
        for (number, message) in maildrop.iter_from(next) {
            if self.output.len() >= OUTPUT {
                self.waiting = Waiting::Room { listing, next: number };
                return;
            }
            match listing {
                Listing::Sizes => write!(self.output, "{number} {}\r\n", message.size),
                Listing::UniqueIds => write!(self.output, "{number} {}\r\n", maildrop.unique_id(message)),
            }
            .expect("a Vec takes everything");
        }
        self.line(format_args!("."));
        self.waiting = Waiting::Command;
    }

    pub(super) fn delete(&mut self, number: u32) {
        if self.maildrop.as_mut().is_some_and(|maildrop| maildrop.delete(number)) {
            self.ok("Will be removed at QUIT");
        } else {
            self.no_such_message();
        }
    }

    pub(super) fn reset(&mut self) {
        if let Some(maildrop) = &mut self.maildrop {
            maildrop.reset();
        }
        let summary = self.summary();
        self.ok(&summary);
    }
}
