//! Bringing a client up to date that comes back (RFC 7162 §3.2.5, §3.2.6): what is gone, then what has changed.

use imap::Numbers;
use imap::command::{FetchItem, Resync};
use mail::ModSeq;

use super::connection::Connection;
use super::limited::Limited;
use super::stop::Stop;

impl Connection<'_> {
    /// What has happened in the selected mailbox since the client left it; nothing if its UIDs are other ones now.
    pub(super) async fn resync(&mut self, resync: &Resync) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        if selected.view.uid_validity().0.get() != resync.uid_validity {
            return Ok(());
        }
        let since = ModSeq(resync.modseq);
        let known = resync.known.as_ref().map(|set| selected.uids_ever(set));
        let ranges = match &known {
            Some(uids) => selected.ranges_of_uids(uids),
            None => vec![(1, selected.count())],
        };
        let changed = selected.changed_since(&ranges, since);
        self.tell_vanished_earlier(since, known.as_ref()).await?;
        // RFC 9586 §3.3: UIDFETCH has the UID in front.
        let items = [FetchItem::Uid, FetchItem::Flags, FetchItem::ModSeq];
        let from = usize::from(self.session.enabled().uid_only);
        let changed = Limited { ranges: changed, reached: None };
        self.fetch_columns(&changed, &items[from..]).await
    }

    /// `* VANISHED (EARLIER) 41,43:116`: of these UIDs, those expunged since `modseq`.
    pub(super) async fn tell_vanished_earlier(
        &mut self,
        since: ModSeq,
        of: Option<&Numbers>,
    ) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        let vanished = self.mailboxes().vanished_since(&selected.view, since).await?;
        let asked = vanished.iter().map(|uid| uid.get()).filter(|uid| of.is_none_or(|of| of.contains(*uid)));
        let uids: Numbers = asked.collect();
        if !uids.is_empty() {
            self.session.out().text("* VANISHED (EARLIER) ").text(&uids.to_string()).end();
        }
        Ok(())
    }
}
