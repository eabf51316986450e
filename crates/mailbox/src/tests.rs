//! Tests over the store in memory.

mod emails;
mod epoch;
mod model;
mod names;
mod views;

use std::sync::Arc;

use bytes::Bytes;
use mail::{AccountId, Flags, Id, Keyword, MailboxId, MailboxName, Uid, Wall};
use store::{Batch, Receipt, Store};

use crate::{Entry, Mailboxes, NewEmail, View};

pub(crate) const ANN: AccountId = AccountId(1);

/// An account with its mailboxes, in memory.
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mailboxes: Mailboxes,
}

pub(crate) fn name(text: &str) -> MailboxName {
    MailboxName::new(text).expect("a good name")
}

pub(crate) fn uid(n: u32) -> Uid {
    Uid::new(n).expect("not zero")
}

/// Flags from bits and a keyword.
pub(crate) fn flags(bits: u8, keyword: Option<&str>) -> Flags {
    Flags::from_parts(bits, keyword.map(|k| Keyword::new(k).expect("an atom")))
}

impl House {
    pub(crate) async fn new() -> Self {
        let world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        let store = store::memory::open(&world);
        let house = Self { mailboxes: Mailboxes::new(store.clone()), store };
        let mut batch = Batch::new();
        house.mailboxes.provision(&mut batch, ANN);
        house.commit(batch).await;
        house
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Receipt {
        self.store.commit(batch).await.expect("no conflict")
    }

    /// Adds a message to a batch: `body` behind a header that only this recipient sees.
    pub(crate) async fn add(&self, batch: &mut Batch, mailbox: MailboxId, flags: Flags, body: &[u8]) {
        let mut writer = self.store.stage();
        writer.write(body).await.expect("space");
        let staged = writer.finish().await.expect("space");
        let blob_length = staged.len();
        let email = NewEmail {
            prefix: Bytes::from_static(b"X: y\r\n"),
            blob: batch.blob(staged),
            blob_length,
            internal_date: Wall::from_secs(1_000_000),
            flags,
            summary: Bytes::copy_from_slice(body),
            id: Id(77),
        };
        self.mailboxes.append(batch, ANN, mailbox, &email);
    }

    pub(crate) async fn append(&self, mailbox: MailboxId, flags: Flags, body: &[u8]) {
        let mut batch = Batch::new();
        self.add(&mut batch, mailbox, flags, body).await;
        self.commit(batch).await;
    }

    pub(crate) async fn view(&self, mailbox: MailboxId) -> Arc<View> {
        self.mailboxes.view(ANN, mailbox).await.expect("a mailbox")
    }

    pub(crate) async fn mailbox(&self, text: &str) -> MailboxId {
        self.mailboxes.named(ANN, &name(text)).await.expect("a healthy store").expect("a mailbox")
    }

    /// The whole message.
    pub(crate) async fn read(&self, mailbox: MailboxId, email: &Entry) -> Result<Vec<u8>, crate::Error> {
        let mut bytes = Vec::new();
        loop {
            let more = self.mailboxes.read(ANN, mailbox, email, bytes.len() as u64, 4).await?;
            if more.is_empty() {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&more);
        }
    }
}

pub(crate) fn uids(view: &View) -> Vec<u32> {
    view.iter().map(|(_, entry)| entry.uid.get()).collect()
}
