//! What a URL of CATENATE means (RFC 4469 §3, RFC 5092): bytes of a message that the client may read, as FETCH BODY.PEEK has them.

use imap::command::SectionWhat;
use imap::url::{MessageUrl, Server};
use imap::{Code, Completion};
use mail::{Right, limits};
use mailbox::Entry;
use message::section;

use super::super::connection::{Connection, WRITE_AT};
use super::super::fetch;
use super::super::place::At;
use super::super::selected::Selected;
use super::super::stop::Stop;

/// A part of a message.
struct Part {
    mailbox: At,
    entry: Entry,
    bytes: Bytes,
}

/// Its bytes.
enum Bytes {
    /// Those of the message from here to there.
    Range(std::ops::Range<u64>),
    /// Header fields by name, which need not stand together.
    Fields(Vec<u8>),
}

impl Connection<'_> {
    /// Puts what the URL means at the end of the message that is coming in.
    pub(super) async fn append_part(&mut self, url: &str) -> Result<(), Stop> {
        let bad =
            || Stop::Answer(Completion::no(Code::BadUrl(url.to_owned()), "That URL means nothing here"));
        let part = match MessageUrl::parse(url) {
            Some(parsed) => self.part_of(parsed).await,
            None => Ok(None),
        };
        let Part { mailbox, entry, bytes } = match part {
            Ok(part) => part.ok_or_else(bad)?,
            Err(stop) => return Err(if is_gone(&stop) { bad() } else { stop }),
        };
        let range = match bytes {
            Bytes::Fields(bytes) => {
                self.room_in_message(bytes.len() as u64)?;
                return self.append_bytes(&bytes).await;
            }
            Bytes::Range(range) => range,
        };
        self.room_in_message(range.end - range.start)?;
        let mut at = range.start;
        while at < range.end {
            let length = usize::try_from(range.end - at).unwrap_or(WRITE_AT).min(WRITE_AT);
            let chunk = match self.mailboxes().read(mailbox.0, mailbox.1, &entry, at, length).await {
                Err(mailbox::Error::NoSuchMessage) => return Err(bad()),
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Err(Stop::no(Code::Corruption, "A message is shorter than it should be"));
            }
            at += chunk.len() as u64;
            self.append_bytes(&chunk).await?;
        }
        Ok(())
    }

    /// `None` where there is no such part.
    async fn part_of(&self, url: MessageUrl) -> Result<Option<Part>, Stop> {
        if url.server.as_ref().is_some_and(|server| !self.is_here(server)) {
            return Ok(None);
        }
        let mailbox = match &url.mailbox {
            Some(name) => {
                let place = self.place(name.clone()).await?;
                place.filter(|place| place.rights.has(Right::Read)).map(|place| place.at())
            }
            None => self.selected.as_ref().map(Selected::at),
        };
        let Some(mailbox) = mailbox else { return Ok(None) };
        let view = self.mailboxes().view(mailbox.0, mailbox.1).await?;
        if url.uid_validity.is_some_and(|expected| expected != view.uid_validity().0.get()) {
            return Ok(None);
        }
        let Some((_, entry)) = view.by_uid(url.uid) else { return Ok(None) };
        let bytes = self.bytes_of(mailbox, entry, &url).await?;
        Ok(bytes.map(|bytes| Part { mailbox, entry: *entry, bytes }))
    }

    async fn bytes_of(&self, mailbox: At, entry: &Entry, url: &MessageUrl) -> Result<Option<Bytes>, Stop> {
        let (offset, count) = url.partial.unwrap_or((0, None));
        let cut = |length: u64| {
            let start = offset.min(length);
            start..count.map_or(length, |count| start.saturating_add(count).min(length))
        };
        if url.section.part.is_empty() && url.section.what == SectionWhat::All {
            return Ok(Some(Bytes::Range(cut(entry.size()))));
        }
        let summary = self.summary_in(mailbox, entry).await?;
        let Some(range) = section::locate(&summary, &fetch::spec(&url.section)) else { return Ok(None) };
        let (names, not) = match &url.section.what {
            SectionWhat::HeaderFields(names) => (names, false),
            SectionWhat::HeaderFieldsNot(names) => (names, true),
            _ => {
                let part = cut(range.end - range.start);
                return Ok(Some(Bytes::Range(range.start + part.start..range.start + part.end)));
            }
        };
        let header = self.read_range_in(mailbox, entry, range, limits::HEADER_SECTION_LENGTH).await?;
        let fields = section::select_fields(&header, names, not);
        let part = cut(fields.len() as u64);
        Ok(Some(Bytes::Fields(fields[part.start as usize..part.end as usize].to_vec())))
    }

    /// Whether that is this server, and who is logged in.
    fn is_here(&self, server: &Server) -> bool {
        let address = self.login.as_ref().map(|login| login.address.to_string()).unwrap_or_default();
        let is_user = server.user.as_ref().is_none_or(|user| user.eq_ignore_ascii_case(&address));
        is_user && server.host.eq_ignore_ascii_case(&self.parts().settings.hostname.to_string())
    }
}

/// Deleted or expunged while it was looked at.
fn is_gone(stop: &Stop) -> bool {
    matches!(stop, Stop::Answer(Completion { code: Some(Code::ExpungeIssued | Code::NonExistent), .. }))
}
