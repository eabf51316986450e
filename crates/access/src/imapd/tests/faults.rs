//! A store that fails: what is answered, and what goes on (promise P5, fault F14).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use mail::Id;
use store::{Batch, BlobId, BlobWriter, Error, Receipt, Snapshot, Statistics, Store, Topic, Watch};
use world::BoxFuture;

use super::House;

/// Fails the next commits, then works again.
pub(super) struct Faulty {
    inner: Arc<dyn Store>,
    /// What somebody else commits right before the next commit.
    first: std::sync::Mutex<Option<Batch>>,
    error: std::sync::Mutex<Error>,
    left: AtomicU32,
    /// Bytes of bodies from here on are damaged.
    damaged_from: AtomicU64,
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            first: std::sync::Mutex::default(),
            error: std::sync::Mutex::new(Error::Full),
            left: AtomicU32::new(0),
            damaged_from: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn fail(&self, error: Error, times: u32) {
        *self.error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = error;
        self.left.store(times, Ordering::SeqCst);
    }
}

impl Faulty {
    /// Has somebody else's change come right before the next one, when that has been prepared already.
    pub(super) fn slip_in(&self, batch: Batch) {
        *self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(batch);
    }
}

impl Store for Faulty {
    fn commit(&self, batch: Batch) -> BoxFuture<'static, Result<Receipt, Error>> {
        let first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(first) = first {
            let inner = Arc::clone(&self.inner);
            return Box::pin(async move {
                inner.commit(first).await?;
                inner.commit(batch).await
            });
        }
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            let error = self.error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            return Box::pin(std::future::ready(Err(error)));
        }
        self.inner.commit(batch)
    }

    fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    fn stage(&self) -> BlobWriter {
        self.inner.stage()
    }

    fn read_blob(
        &self,
        id: BlobId,
        offset: u64,
        length: usize,
    ) -> BoxFuture<'_, Result<bytes::Bytes, Error>> {
        if offset + length as u64 > self.damaged_from.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(Error::Damaged("a body".into()))));
        }
        self.inner.read_blob(id, offset, length)
    }

    fn next_id(&self) -> Id {
        self.inner.next_id()
    }

    fn watch(&self, topic: Topic) -> Watch {
        self.inner.watch(topic)
    }

    fn failed(&self) -> BoxFuture<'static, Error> {
        self.inner.failed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}

const FULL: &str = "NO [UNAVAILABLE] The disk is full; try again later";

#[tokio::test]
async fn a_full_disk_refuses_changes_and_reading_goes_on() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    client.run("STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    house.faulty.fail(Error::Full, u32::MAX);
    for command in [
        "CREATE x",
        "DELETE Trash",
        "RENAME Trash x",
        "RENAME INBOX x",
        "SUBSCRIBE Trash",
        "UNSUBSCRIBE Trash",
        "STORE 1 +FLAGS (\\Seen)",
        "COPY 1 Trash",
        "MOVE 1 Trash",
        "EXPUNGE",
        "UID EXPUNGE 1:*",
        "APPEND INBOX {3+}\r\nabc",
    ] {
        client.check(command, FULL).await;
    }
    client.check("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1\n)\nOK Fetched").await;
    client.check("SEARCH BODY body", "* SEARCH 1 2\nOK Searched").await;
    house.faulty.fail(Error::Poisoned("EIO".into()), 1);
    client.check("CREATE x", "NO [UNAVAILABLE] The store is not available; try again later").await;
    client.check("CREATE x", "OK [MAILBOXID (F000000400ygj7)] Mailbox created").await;
}

#[tokio::test]
async fn conflicts_are_tried_again_and_at_last_told() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    for command in ["CREATE x", "STORE 1 +FLAGS.SILENT (\\Deleted)", "RENAME x y"] {
        house.faulty.fail(Error::Conflict, 19);
        let reply = client.run(command).await;
        assert!(reply.starts_with("OK"), "{command}: {reply}");
        house.faulty.fail(Error::Conflict, 0);
    }
    for command in ["CREATE z", "EXPUNGE", "COPY 1 y", "DELETE y"] {
        house.faulty.fail(Error::Conflict, 100);
        client.check(command, "NO [INUSE] Others keep changing the same; try again").await;
        house.faulty.fail(Error::Conflict, 0);
    }
}

/// Promise P4.
#[tokio::test]
async fn damaged_bytes_are_not_served() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    house.faulty.damaged_from.store(0, Ordering::SeqCst);
    client.check("FETCH 1:2 BODY.PEEK[]", "NO [CORRUPTION] Some messages are damaged").await;
    client.check("UID FETCH 1 (BODY.PEEK[TEXT] FLAGS)", "NO [CORRUPTION] Some messages are damaged").await;
    client
        .check(
            "FETCH 1 (ENVELOPE UID)",
            "* 1 FETCH (ENVELOPE (NIL \"1\" NIL NIL NIL NIL NIL NIL NIL NIL) UID 1)\nOK Fetched",
        )
        .await;
    client.check("SEARCH BODY body", "* SEARCH\nOK Searched").await;
}

/// RFC 3501 §6.4.5: \Seen was set, so the client hears of it even if the bytes never came.
#[tokio::test]
async fn flags_set_by_a_fetch_that_fails_are_told() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    house.faulty.damaged_from.store(0, Ordering::SeqCst);
    client
        .check(
            "FETCH 1:2 BODY[]",
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\n* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\n\
             NO [CORRUPTION] Some messages are damaged",
        )
        .await;
    client.check("NOOP", "OK Nothing done").await;
}

/// What the client counts on is not filled up with something else.
#[tokio::test]
async fn a_message_that_breaks_off_ends_the_connection() {
    let house = House::new().await;
    let body = "one line of it\r\n".repeat(20_000);
    house.deliver("INBOX", &format!("Subject: x\r\n\r\n{body}"), mail::Flags::new()).await;
    let mut client = house.in_inbox().await;
    house.faulty.damaged_from.store(100_000, Ordering::SeqCst);
    client.send(b"a FETCH 1 BODY.PEEK[]\r\n").await;
    let mut lines = 0;
    loop {
        let line = client.line().await;
        assert!(!line.starts_with("a "), "no completion: {line}");
        lines += 1;
        if line.is_empty() && lines > 3 {
            break;
        }
    }
    assert!(lines < 8000, "{lines} lines");
}

/// P4, RFC 4469 §4.1: damage is not a URL that means nothing. RFC 8508 §3.4: nothing is half done, and what was changed meanwhile
/// is not taken away.
#[tokio::test]
async fn appending_from_what_is_damaged_or_changing() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    let view = house.parts.mailboxes.view(house.account, mailbox::INBOX).await.expect("a mailbox");
    let mut flagged = Batch::new();
    let flags = [mail::Flag::Flagged].into_iter().collect();
    let entries = [*view.get(1).expect("a message")];
    let change = mailbox::FlagChange::Add;
    house.parts.mailboxes.store_flags(&mut flagged, &view, &entries, change, &flags).expect("few keywords");
    house.faulty.slip_in(flagged);
    client
        .check(
            "REPLACE 1 Sent {1+}\r\nx",
            "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))\nNO [INUSE] Others keep changing the same; try again",
        )
        .await;
    let mut deleted = Batch::new();
    let name = mail::MailboxName::new("Sent").expect("a good name");
    let now = house.parts.world.clock.wall();
    house.parts.mailboxes.delete(&mut deleted, house.account, &name, now).await.expect("a mailbox");
    house.faulty.slip_in(deleted);
    client
        .check("APPEND Sent {1+}\r\nx {1+}\r\nx", "NO [TRYCREATE] The mailbox was deleted; create it first")
        .await;
    house.faulty.damaged_from.store(0, Ordering::SeqCst);
    client
        .check(
            "APPEND INBOX {1+}\r\nx CATENATE (URL ;UID=1 TEXT {1}",
            "NO [CORRUPTION] The stored message is damaged",
        )
        .await;
    client
        .check("REPLACE 1 INBOX CATENATE (URL ;UID=1)", "NO [CORRUPTION] The stored message is damaged")
        .await;
    client.check("UID SEARCH ALL", "* SEARCH 1 2\nOK Searched").await;
}
