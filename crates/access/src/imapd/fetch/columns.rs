//! FETCH of what the view holds in columns: no store read, and nothing allocated per message (performance §3).

use imap::Text;
use imap::command::FetchItem;
use imap::response::Writer;
use mailbox::{Entry, View};

use super::super::connection::{Connection, WRITE_AT};
use super::super::limited::Limited;
use super::super::object::email_id;
use super::super::selected::Selected;
use super::super::stop::Stop;
use super::super::sync::{begin_message, write_modseq};

/// Messages of a FETCH that goes downwards, between two writes.
const PIECE: u32 = 512;

/// Whether a view's columns hold all that is asked.
pub(super) fn suffice(items: &[FetchItem]) -> bool {
    use FetchItem::{EmailId, Flags, InternalDate, ModSeq, Rfc822Size, SaveDate, ThreadId, Uid};
    let is_column = |item: &FetchItem| {
        matches!(item, Flags | Uid | InternalDate | Rfc822Size | ModSeq | SaveDate | EmailId | ThreadId)
    };
    items.iter().all(is_column)
}

/// `FLAGS (...)` of each set of flags in use, written once.
struct Rendered(Vec<[Vec<u8>; 2]>);

impl Rendered {
    fn new(view: &View, form: Text) -> Self {
        let render = |flags: &mail::Flags, recent| {
            let mut text = Vec::new();
            Writer(&mut text, form).flags(flags, recent);
            text
        };
        Self(view.flag_sets().iter().map(|flags| [render(flags, false), render(flags, true)]).collect())
    }
}

impl Connection<'_> {
    pub(in super::super) async fn fetch_columns(
        &mut self,
        limited: &Limited,
        items: &[FetchItem],
    ) -> Result<(), Stop> {
        let Some(selected) = self.selected.take() else { return Ok(()) };
        let told = self.tell_columns(&selected, limited, items).await;
        self.selected = Some(selected);
        told
    }

    async fn tell_columns(
        &mut self,
        selected: &Selected,
        limited: &Limited,
        items: &[FetchItem],
    ) -> Result<(), Stop> {
        let rendered = Rendered::new(&selected.view, self.session.text());
        let uid_only = self.session.enabled().uid_only;
        if limited.reached.is_some() {
            for (low, high) in limited.pieces(PIECE) {
                let some: Vec<_> = selected.view.range(low, high).collect();
                for (number, entry) in some.into_iter().rev() {
                    let mut out = self.session.out();
                    write_columns(&mut out, selected, &rendered, uid_only, number, entry, items);
                }
                self.flush().await?;
            }
            return Ok(());
        }
        for &(low, high) in &limited.ranges {
            let mut next = low;
            while next <= high {
                for (number, entry) in selected.view.range(next, high) {
                    next = number + 1;
                    let mut out = self.session.out();
                    write_columns(&mut out, selected, &rendered, uid_only, number, entry, items);
                    if out.0.len() >= WRITE_AT {
                        break;
                    }
                }
                if self.session.output_length() < WRITE_AT {
                    break;
                }
                self.flush().await?;
            }
        }
        Ok(())
    }
}

fn write_columns(
    out: &mut Writer<'_>,
    selected: &Selected,
    rendered: &Rendered,
    uid_only: bool,
    number: u32,
    entry: &Entry,
    items: &[FetchItem],
) {
    begin_message(out, uid_only, number, entry);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.raw(b" ");
        }
        if !write_column(out, entry, item) {
            let recent = selected.is_recent(entry.uid);
            match rendered.0.get(entry.flags.0 as usize) {
                Some(texts) => out.raw(&texts[usize::from(recent)]),
                None => out.flags(selected.view.flags(entry.flags), recent),
            };
        }
    }
    out.raw(b")\r\n");
}

/// Writes an item that an entry holds by itself. `false` if it is not such a one.
pub(super) fn write_column(out: &mut Writer<'_>, entry: &Entry, item: &FetchItem) -> bool {
    match item {
        FetchItem::Uid => drop(out.raw(b"UID ").number(u64::from(entry.uid.get()))),
        FetchItem::InternalDate => drop(out.raw(b"INTERNALDATE ").date_time(entry.internal_date)),
        FetchItem::Rfc822Size => drop(out.raw(b"RFC822.SIZE ").number(entry.size())),
        FetchItem::ModSeq => write_modseq(out, entry.modseq),
        FetchItem::SaveDate => match entry.saved.wall() {
            Some(saved) => drop(out.raw(b"SAVEDATE ").date_time(saved)),
            // RFC 8514 §4.2: of what came before save dates were kept.
            None => drop(out.raw(b"SAVEDATE NIL")),
        },
        FetchItem::EmailId => drop(out.raw(b"EMAILID (").text(&email_id(entry.content)).raw(b")")),
        // RFC 8474 §5.2: NIL for each message where there are none.
        FetchItem::ThreadId => drop(out.raw(b"THREADID NIL")),
        _ => return false,
    }
    true
}
