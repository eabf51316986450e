//! The end of APPEND and REPLACE: all messages in one commit, or none.

use bytes::Bytes;
use imap::{Code, Completion, Numbers};
use journey::{Accepted, Event, What};
use mail::{MailboxId, MailboxName, ModSeq, ReversePath, Uid, limits};
use mailbox::{Appended, NewEmail};
use message::Summary;
use store::{Batch, Receipt};

use super::super::connection::Connection;
use super::super::stop::{Done, Stop};
use super::super::sync::Moment;
use super::{Appending, Whole};

impl Connection<'_> {
    pub(super) async fn append_commit(&mut self, appending: Appending) -> Done {
        let Appending { target, name, supplied, replaced, replaced_size, whole, .. } = appending;
        let mut batch = Batch::new();
        let messages = whole.len() as u64 - u64::from(replaced.is_some());
        let bytes: u64 = whole.iter().map(|whole| whole.staged.len()).sum();
        let bytes = bytes.saturating_sub(replaced_size);
        self.demand_room(&mut batch, messages, bytes).await?;
        let appended: Vec<Appended> =
            whole.into_iter().map(|whole| self.add_whole(&mut batch, target, whole)).collect();
        if let Some(uid) = replaced {
            self.add_removal(&mut batch, uid).await?;
        }
        let receipt = match self.commit(batch).await {
            Err(store::Error::Conflict) => {
                // Others took the room.
                self.demand_room(&mut Batch::new(), messages, bytes).await?;
                return Err(self.append_conflict(target).await);
            }
            receipt => receipt?,
        };
        if let Some(newest) = appended.last() {
            let modseq = ModSeq(receipt.number(newest.modseq) as u64);
            self.own_messages_came(target, appended.len() as u32, modseq).await;
        }
        if let Some(supplied) = &supplied {
            self.tell_supplied(&name, supplied).await?;
        }
        self.appended(target, &appended, &receipt, replaced.is_some()).await
    }

    fn add_whole(&self, batch: &mut Batch, target: MailboxId, whole: Whole) -> Appended {
        let Whole { message, staged, summary, events } = whole;
        let (id, now) = (self.parts().store.next_id(), self.world().clock.wall());
        let blob_length = staged.len();
        let email = NewEmail {
            prefix: Bytes::new(),
            blob: batch.blob(staged),
            blob_length,
            internal_date: message.date.unwrap_or(now),
            saved: now,
            flags: message.flags,
            summary,
            id,
            content: self.parts().store.next_id(),
        };
        debug_assert!(email.flags.keywords().len() <= limits::KEYWORDS, "the grammar bounds keywords");
        self.parts().journeys.record(batch, id, &events);
        self.mailboxes().append(batch, self.account(), target, &email)
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
    async fn append_conflict(&self, target: MailboxId) -> Stop {
        match self.mailboxes().info(self.account(), target).await {
            Ok(None) => Stop::no(Code::TryCreate, "The mailbox was deleted; create it first"),
            Ok(Some(_)) => store::Error::Conflict.into(),
            Err(error) => error.into(),
        }
    }

    async fn appended(
        &mut self,
        target: MailboxId,
        appended: &[Appended],
        receipt: &Receipt,
        replaces: bool,
    ) -> Done {
        let uids: Numbers = appended.iter().map(|it| receipt.number(it.uid) as u32).collect();
        let code = match self.mailboxes().info(self.account(), target).await {
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

    pub(super) fn append_events(&self, summary: &Summary, name: &MailboxName, size: u64) -> [Event; 2] {
        let at = self.world().clock.wall();
        let address = self.login.as_ref().expect("the session asks for login first").address.clone();
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
            account: Some(address.clone()),
            reverse_path: ReversePath::default(),
            recipients: Vec::new(),
            size,
            subject: summary.subject(),
            message_id: summary.message_id().map(str::to_owned),
        };
        let delivered = What::Delivered {
            recipient: address.clone(),
            account: address,
            mailbox: name.to_string(),
            uid: None,
        };
        [Event { at, what: What::Accepted(Box::new(accepted)) }, Event { at, what: delivered }]
    }
}
