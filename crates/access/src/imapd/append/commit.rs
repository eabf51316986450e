//! The end of APPEND and REPLACE: all messages in one commit, or none.

use bytes::Bytes;
use imap::{Code, Completion, Numbers};
use journey::{Accepted, Event, What};
use mail::{ModSeq, ReversePath, Uid, limits};
use mailbox::{Appended, NewEmail};
use message::Summary;
use store::{Batch, Receipt};

use super::super::connection::Connection;
use super::super::place::{At, Place};
use super::super::stop::{Done, Stop};
use super::super::sync::Moment;
use super::{Appending, Whole};

impl Connection<'_> {
    pub(super) async fn append_commit(&mut self, appending: Appending) -> Done {
        let Appending { target, supplied, replaced, frees, whole, .. } = appending;
        let mut batch = Batch::new();
        let messages = whole.len() as u64 - frees.0;
        let bytes: u64 = whole.iter().map(|whole| whole.staged.len()).sum();
        let bytes = bytes.saturating_sub(frees.1);
        self.demand_room(&mut batch, target.owner, messages, bytes).await?;
        let appended: Vec<Appended> =
            whole.into_iter().map(|whole| self.add_whole(&mut batch, &target, whole)).collect();
        if let Some(uid) = replaced {
            self.add_removal(&mut batch, uid).await?;
        }
        let receipt = match self.commit(batch).await {
            Err(store::Error::Conflict) => {
                // Others took the room.
                self.demand_room(&mut Batch::new(), target.owner, messages, bytes).await?;
                return Err(self.append_conflict(target.at()).await);
            }
            receipt => receipt?,
        };
        if let Some(newest) = appended.last() {
            let modseq = ModSeq(receipt.number(newest.modseq) as u64);
            self.own_messages_came(target.at(), appended.len() as u32, modseq).await;
        }
        if let Some(supplied) = &supplied {
            self.tell_supplied(&target.shown, supplied).await?;
        }
        self.appended(target.at(), &appended, &receipt, replaced.is_some()).await
    }

    fn add_whole(&self, batch: &mut Batch, target: &Place, whole: Whole) -> Appended {
        let Whole { message, staged, summary, events } = whole;
        let (id, now) = (self.parts().store.next_id(), self.world().clock.wall());
        let blob_length = staged.len();
        let email = NewEmail {
            prefix: Bytes::new(),
            blob: batch.blob(staged),
            blob_length,
            internal_date: message.date.unwrap_or(now),
            saved: now,
            // RFC 4314 §4.
            flags: target.rights.permitted(&message.flags),
            summary,
            id,
            content: self.parts().store.next_id(),
        };
        debug_assert!(email.flags.keywords().len() <= limits::KEYWORDS, "the grammar bounds keywords");
        self.parts().journeys.record(batch, id, &events);
        self.mailboxes().append(batch, target.owner, target.mailbox, &email)
    }

    /// RFC 8508 §3.4: the message goes in the same commit, whether or not it has \Deleted.
    async fn add_removal(&self, batch: &mut Batch, uid: Uid) -> Result<(), Stop> {
        let view = self.latest().await?;
        let Some((_, entry)) = view.by_uid(uid) else {
            return Err(Stop::no(Code::ExpungeIssued, "The message no longer exists"));
        };
        self.mailboxes().expunge(batch, &view, &[*entry], self.world().clock.wall());
        self.record_expunged(batch, &view, &[*entry]).await
    }

    /// The only conflict that an append can have is that the mailbox was deleted meanwhile; a REPLACE can also meet a change
    /// of the message that goes.
    async fn append_conflict(&self, target: At) -> Stop {
        match self.mailboxes().info(target.0, target.1).await {
            Ok(None) => Stop::no(Code::TryCreate, "The mailbox was deleted; create it first"),
            Ok(Some(_)) => store::Error::Conflict.into(),
            Err(error) => error.into(),
        }
    }

    async fn appended(
        &mut self,
        target: At,
        appended: &[Appended],
        receipt: &Receipt,
        replaces: bool,
    ) -> Done {
        let uids: Numbers = appended.iter().map(|it| receipt.number(it.uid) as u32).collect();
        let code = match self.mailboxes().info(target.0, target.1).await {
            Ok(Some(info)) => Some(Code::AppendUid(info.uid_validity, uids)),
            // Deleted right after: nobody will look for them.
            _ => None,
        };
        if !replaces {
            return Ok(Completion { code, ..Completion::ok("Appended") });
        }
        // RFC 8508 §4.3, and the order of §3.2: where the new message is, that it is there, and then that the old one is not.
        if let Some(code) = code {
            self.session.out().untagged("OK", Some(&code), "Replacement ready");
        }
        self.sync(Moment::NumbersStay).await?;
        self.expunged("Replaced").await
    }

    pub(super) fn append_events(&self, summary: &Summary, target: &Place, size: u64) -> [Event; 2] {
        let at = self.world().clock.wall();
        let stream = self.stream().ok();
        let accepted = Accepted {
            service: "imap".into(),
            client: stream.map(|s| s.peer().ip()),
            helo: String::new(),
            tls: stream.and_then(|s| s.tls()).map(|facts| journey::Tls {
                version: facts.version.into(),
                cipher: facts.cipher.clone(),
                verified: journey::Verified::No,
            }),
            account: Some(self.address()),
            reverse_path: ReversePath::default(),
            recipients: Vec::new(),
            size,
            subject: summary.subject(),
            message_id: summary.message_id().map(str::to_owned),
        };
        let delivered = What::Delivered {
            recipient: target.address.clone(),
            account: target.address.clone(),
            mailbox: target.name.to_string(),
            uid: None,
        };
        [Event { at, what: What::Accepted(Box::new(accepted)) }, Event { at, what: delivered }]
    }
}
