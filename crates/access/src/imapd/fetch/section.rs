//! `BODY[section]<partial>` (RFC 3501 §6.4.5), streamed: a 50 MB message costs one buffer.

use std::io;
use std::ops::Range;

use imap::Code;
use imap::command::{FetchSection, Label, Section, SectionWhat};
use imap::response::Writer;
use mail::limits;
use mailbox::Entry;
use message::{Summary, section};

use super::super::connection::{Connection, WRITE_AT};
use super::super::place::At;
use super::super::stop::Stop;
use super::Told;
use crate::damage;

/// Whether a section is all of the message, so that no structure is needed to find it.
pub(super) fn is_whole(wanted: &FetchSection) -> bool {
    wanted.section.part.is_empty() && wanted.section.what == SectionWhat::All
}

impl Connection<'_> {
    pub(super) async fn write_section(
        &mut self,
        told: &Told,
        wanted: &FetchSection,
        summary: Option<&Summary>,
    ) -> Result<(), Stop> {
        let range = match summary {
            Some(summary) if !is_whole(wanted) => section::locate(summary, &spec(&wanted.section)),
            _ => Some(0..told.entry.size()),
        };
        label(&mut self.session.out(), wanted);
        match (range, &wanted.section.what) {
            // A section that the message does not have is empty (RFC 3501 §6.4.5 leaves it open; NIL is safest).
            (None, _) => drop(self.session.out().text("NIL")),
            (Some(header), SectionWhat::HeaderFields(names)) => {
                self.write_fields(told, header, names, false, wanted.partial).await?;
            }
            (Some(header), SectionWhat::HeaderFieldsNot(names)) => {
                self.write_fields(told, header, names, true, wanted.partial).await?;
            }
            (Some(range), _) => self.write_range(told, cut(range, wanted.partial)).await?,
        }
        Ok(())
    }

    /// Header fields by name: the header section is bounded, so it is read as a whole.
    async fn write_fields(
        &mut self,
        told: &Told,
        header: Range<u64>,
        names: &[String],
        not: bool,
        partial: Option<(u64, u64)>,
    ) -> Result<(), Stop> {
        let bytes = self.read_range(&told.entry, header, limits::HEADER_SECTION_LENGTH).await?;
        let selected = section::select_fields(&bytes, names, not);
        let range = cut(0..selected.len() as u64, partial);
        self.session.out().literal_of(&selected[range.start as usize..range.end as usize]);
        Ok(())
    }

    /// Reads up to `most` bytes of a range of a message.
    pub(in super::super) async fn read_range(
        &self,
        entry: &Entry,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u8>, Stop> {
        let selected = self.selected.as_ref().ok_or(Stop::no(Code::ClientBug, "Select a mailbox first"))?;
        self.read_range_in(selected.at(), entry, range, most).await
    }

    /// The same of a message of any mailbox.
    pub(in super::super) async fn read_range_in(
        &self,
        (owner, mailbox): At,
        entry: &Entry,
        range: Range<u64>,
        most: usize,
    ) -> Result<Vec<u8>, Stop> {
        let end = range.end.min(range.start + most as u64);
        let mut bytes = Vec::new();
        let mut at = range.start;
        while at < end {
            let length = ((end - at) as usize).min(WRITE_AT);
            let chunk = self.mailboxes().read(owner, mailbox, entry, at, length).await?;
            if chunk.is_empty() {
                break;
            }
            at += chunk.len() as u64;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Streams a range as a literal. Nothing is announced before its first bytes are there, those of the body too;
    /// after that, what cannot be read ends the connection, because the client counts on the length (as F7 for SMTP).
    /// What is known to be damaged is not begun: a client that comes back for it hears NO, and goes on (P4).
    async fn write_range(&mut self, told: &Told, range: Range<u64>) -> Result<(), Stop> {
        let (mut at, mut first) = (range.start, Vec::new());
        while at < range.end && at - range.start < WRITE_AT as u64 {
            let chunk = self.next_chunk(told, at, range.end).await?;
            at += chunk.len() as u64;
            first.push(chunk);
        }
        if at < range.end {
            damage::check(&self.parts().store, told.entry.blob).await?;
        }
        self.session.out().literal(range.end - range.start);
        for chunk in first {
            self.session.out().raw(&chunk);
        }
        while at < range.end {
            if self.session.output_length() >= WRITE_AT {
                self.flush().await?;
            }
            let chunk = match self.next_chunk(told, at, range.end).await {
                Ok(chunk) => chunk,
                Err(stop) => return Err(self.broke_off(&told.entry, stop).await),
            };
            self.session.out().raw(&chunk);
            at += chunk.len() as u64;
        }
        Ok(())
    }

    /// In the middle of a literal only the end of the connection tells the truth. The next one will know before.
    pub(super) async fn broke_off(&self, entry: &Entry, stop: Stop) -> Stop {
        if matches!(&stop, Stop::Answer(answer) if answer.code == Some(imap::Code::Corruption)) {
            damage::note(&self.parts().store, &self.parts().world, entry.blob).await;
        }
        broken(stop)
    }

    pub(super) async fn next_chunk(&self, told: &Told, at: u64, end: u64) -> Result<bytes::Bytes, Stop> {
        let length = usize::try_from(end - at).unwrap_or(WRITE_AT).min(WRITE_AT);
        let chunk = self.read_email(&told.entry, at, length).await?;
        if chunk.is_empty() {
            return Err(Stop::no(imap::Code::Corruption, "The message is shorter than it should be"));
        }
        Ok(chunk)
    }
}

fn broken(stop: Stop) -> Stop {
    match stop {
        Stop::Answer(answer) => Stop::Gone(io::Error::other(format!("a message broke off: {}", answer.text))),
        gone @ Stop::Gone(_) => gone,
    }
}

/// RFC 3501 §6.4.5: a partial beyond the end is cut; one that begins there is empty.
pub(super) fn cut(range: Range<u64>, partial: Option<(u64, u64)>) -> Range<u64> {
    let Some((offset, count)) = partial else { return range };
    let start = range.start.saturating_add(offset).min(range.end);
    start..start.saturating_add(count).min(range.end)
}

/// What a section is called where it is located.
pub(in super::super) fn spec(wanted: &Section) -> section::Section {
    let what = match &wanted.what {
        SectionWhat::All => section::What::Whole,
        SectionWhat::Text => section::What::Text,
        SectionWhat::Mime => section::What::Mime,
        _ => section::What::Header,
    };
    section::Section { path: wanted.part.clone(), what }
}

/// `BODY[1.HEADER.FIELDS (To)]<0> ` and its like, as RFC 3501 §7.4.2 wants them back.
fn label(out: &mut Writer<'_>, wanted: &FetchSection) {
    match wanted.label {
        Label::Rfc822 => drop(out.text("RFC822 ")),
        Label::Rfc822Header => drop(out.text("RFC822.HEADER ")),
        Label::Rfc822Text => drop(out.text("RFC822.TEXT ")),
        Label::Body => body_label(out, wanted),
    }
}

fn body_label(out: &mut Writer<'_>, wanted: &FetchSection) {
    let path: Vec<String> = wanted.section.part.iter().map(u32::to_string).collect();
    let dot = if path.is_empty() || wanted.section.what == SectionWhat::All { "" } else { "." };
    out.text("BODY[").text(&path.join(".")).text(dot);
    match &wanted.section.what {
        SectionWhat::All => {}
        SectionWhat::Header => drop(out.text("HEADER")),
        SectionWhat::Text => drop(out.text("TEXT")),
        SectionWhat::Mime => drop(out.text("MIME")),
        SectionWhat::HeaderFields(names) => field_names(out.text("HEADER.FIELDS "), names),
        SectionWhat::HeaderFieldsNot(names) => field_names(out.text("HEADER.FIELDS.NOT "), names),
    }
    out.text("]");
    if let Some((offset, _)) = wanted.partial {
        out.text("<").number(offset).text(">");
    }
    out.text(" ");
}

fn field_names(out: &mut Writer<'_>, names: &[String]) {
    for (i, name) in names.iter().enumerate() {
        out.text(if i == 0 { "(" } else { " " });
        out.astring(name.as_bytes());
    }
    out.text(")");
}
