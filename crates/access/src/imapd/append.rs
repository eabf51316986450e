//! APPEND (RFC 3501 §6.3.11, RFC 4315): the message goes to the store as it arrives.

use std::io;

use bytes::Bytes;
use imap::command::Append;
use imap::{Code, Completion};
use journey::{Accepted, Event, What};
use mail::{MailboxId, MailboxName, ModSeq, ReversePath, Uid, limits};
use mailbox::NewEmail;
use message::{Parser, Summary};
use store::{Batch, BlobWriter};

use super::connection::Connection;
use super::stop::{Done, Stop};
use super::sync::Moment;

/// A message that is coming in.
pub(crate) struct Appending {
    append: Append,
    target: MailboxId,
    name: MailboxName,
    writer: BlobWriter,
    parser: Parser,
}

impl Connection<'_> {
    /// Says whether the message may come. A client that waits for that does not send it in vain.
    pub(super) async fn append_start(&mut self, append: Append) -> io::Result<()> {
        let room = self.parts().store.check_room(0).map_err(Stop::from);
        let target = match room {
            Ok(()) => self.append_target(&append).await,
            Err(stop) => Err(stop),
        };
        match target {
            Ok((target, name)) => {
                let writer = self.parts().store.stage();
                let parser = Parser::new();
                self.appending = Some(Box::new(Appending { append, target, name, writer, parser }));
                self.session.accept_append();
                Ok(())
            }
            Err(Stop::Answer(refusal)) => {
                self.session.complete(refusal);
                Ok(())
            }
            Err(Stop::Gone(error)) => Err(error),
        }
    }

    /// Where to, if there is room for it: a client that waits does not send what is refused.
    async fn append_target(&self, append: &Append) -> Result<(MailboxId, MailboxName), Stop> {
        let target = self.target(append.mailbox.clone()).await?;
        self.demand_room(&mut Batch::new(), 1, append.size).await?;
        Ok(target)
    }

    pub(super) async fn append_data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(appending) = self.appending.as_mut() else { return Ok(()) };
        appending.parser.feed(bytes);
        if let Err(error) = appending.writer.write(bytes).await {
            self.appending = None;
            if let Stop::Answer(refusal) = error.into() {
                self.session.complete(refusal);
            }
        }
        Ok(())
    }

    pub(super) async fn append_end(&mut self) -> io::Result<()> {
        let done = match self.appending.take() {
            Some(appending) => self.append_commit(*appending).await,
            None => Err(Stop::no(Code::ServerBug, "The message was lost")),
        };
        self.finish(done, Moment::NumbersMay).await
    }

    async fn append_commit(&mut self, appending: Appending) -> Done {
        let Appending { append, target, name, writer, parser } = appending;
        let summary = parser.finish();
        let staged = writer.finish().await?;
        let id = self.parts().store.next_id();
        let mut batch = Batch::new();
        let blob_length = staged.len();
        let email = NewEmail {
            prefix: Bytes::new(),
            blob: batch.blob(staged),
            blob_length,
            internal_date: append.date.unwrap_or_else(|| self.world().clock.wall()),
            flags: append.flags,
            summary: summary.encode().into(),
            id,
        };
        self.demand_room(&mut batch, 1, blob_length).await?;
        debug_assert!(email.flags.keywords().len() <= limits::KEYWORDS, "the grammar bounds keywords");
        let appended = self.mailboxes().append(&mut batch, self.account(), target, &email);
        self.parts().journeys.record(&mut batch, id, &self.append_events(&summary, &name, blob_length));
        let receipt = match self.commit(batch).await {
            // The conflicts an append can have: others took the room, or the mailbox was deleted meanwhile.
            Err(store::Error::Conflict) => {
                self.demand_room(&mut Batch::new(), 1, blob_length).await?;
                return Err(Stop::no(Code::TryCreate, "The mailbox was deleted; create it first"));
            }
            receipt => receipt?,
        };
        let modseq = ModSeq(receipt.number(appended.modseq) as u64);
        self.own_messages_came(target, 1, modseq).await;
        let uid = u32::try_from(receipt.number(appended.uid)).ok().and_then(Uid::new);
        match (uid, self.mailboxes().info(self.account(), target).await) {
            (Some(uid), Ok(Some(info))) => {
                Ok(Completion::ok_with(Code::AppendUid(info.uid_validity, uid), "Appended"))
            }
            _ => Self::done("Appended"),
        }
    }

    fn append_events(&self, summary: &Summary, name: &MailboxName, size: u64) -> [Event; 2] {
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
