//! Creating, renaming, deleting, subscribing.

use store::Batch;

use super::{ANN, House, NOW, flags, name, uids};
use crate::{Error, INBOX, Mailboxes};

impl House {
    async fn create(&self, text: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.mailboxes.create(&mut batch, ANN, &name(text), None).await?;
        self.commit(batch).await;
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.mailboxes.rename(&mut batch, ANN, &name(from), &name(to)).await?;
        self.commit(batch).await;
        Ok(())
    }

    async fn delete(&self, text: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.mailboxes.delete(&mut batch, ANN, &name(text), NOW).await?;
        self.commit(batch).await;
        Ok(())
    }

    /// Names other than those of a new account.
    async fn names(&self) -> String {
        let list = self.mailboxes.list(ANN).await.expect("a healthy store");
        let own = list.iter().filter(|m| m.special_use.is_none() && !m.name.is_inbox());
        own.map(|m| m.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    async fn validity(&self, text: &str) -> u32 {
        let list = self.mailboxes.list(ANN).await.expect("a healthy store");
        list.iter().find(|m| m.name == name(text)).expect("a mailbox").uid_validity.0.get()
    }

    async fn object(&self, text: &str) -> u32 {
        let mailbox = self.mailbox(text).await;
        let status = self.mailboxes.status(ANN, mailbox).await.expect("a mailbox");
        assert_eq!(self.view(mailbox).await.object(), status.object);
        status.object
    }
}

/// RFC 3501 §6.3.3-§6.3.5.
#[tokio::test]
async fn trees_are_made_moved_and_pruned() {
    let house = House::new().await;
    house.create("a/b/c").await.expect("a free name");
    assert_eq!(house.names().await, "a a/b a/b/c");
    assert_eq!(house.create("a/b").await, Err(Error::AlreadyExists(name("a/b"))));
    assert_eq!(house.create("INBOX").await, Err(Error::AlreadyExists(name("INBOX"))));
    house.rename("a/b", "x/y").await.expect("a free name");
    assert_eq!(house.names().await, "a x x/y x/y/c");
    assert!(matches!(house.rename("x", "x/y/z").await, Err(Error::NotPossible(_))));
    assert!(matches!(house.rename("INBOX", "old").await, Err(Error::NotPossible(_))));
    assert_eq!(house.rename("x", "a").await, Err(Error::AlreadyExists(name("a"))));
    assert_eq!(house.rename("q", "r").await, Err(Error::NoSuchMailbox("q".into())));
    house.delete("x/y").await.expect("a mailbox");
    assert_eq!(house.names().await, "a x x/y/c", "what is below stays");
    assert_eq!(house.delete("x/y").await, Err(Error::NoSuchMailbox("x/y".into())));
    assert!(matches!(house.delete("INBOX").await, Err(Error::NotPossible(_))));
    let mut batch = Batch::new();
    house.mailboxes.delete_tree(&mut batch, ANN, &name("x"), NOW).await.expect("a tree");
    house.commit(batch).await;
    assert_eq!(house.names().await, "a");
}

/// F28.
#[tokio::test]
async fn a_name_never_gets_an_old_uidvalidity() {
    let house = House::new().await;
    house.create("a").await.expect("a free name");
    house.create("b").await.expect("a free name");
    let mut last = house.validity("b").await;
    for _ in 0..3 {
        house.delete("b").await.expect("a mailbox");
        house.create("b").await.expect("a free name");
        let now = house.validity("b").await;
        assert!(now > last);
        last = now;
    }
    house.delete("b").await.expect("a mailbox");
    house.rename("a", "b").await.expect("a free name");
    assert!(house.validity("b").await > last, "an older mailbox under this name");
}

/// RFC 8474 §4: a rename keeps what names the mailbox; INBOX's goes to nobody else; no number is used twice.
#[tokio::test]
async fn a_mailbox_is_the_same_after_a_rename() {
    let house = House::new().await;
    house.create("a").await.expect("a free name");
    let before = house.object("a").await;
    house.rename("a", "b").await.expect("a free name");
    assert_eq!(house.object("b").await, before);
    house.create("a").await.expect("a free name");
    assert_ne!(house.object("a").await, before);
    let inbox = house.object("INBOX").await;
    let mut batch = Batch::new();
    house.mailboxes.rename_inbox(&mut batch, ANN, &name("old"), NOW).await.expect("a free name");
    house.commit(batch).await;
    assert_eq!(house.object("INBOX").await, inbox);
    let mut all: Vec<u32> =
        house.mailboxes.list(ANN).await.expect("a healthy store").iter().map(|info| info.object).collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|two| two[0] < two[1]), "{all:?}");
}

#[tokio::test]
async fn creating_twice_at_once_conflicts() {
    let house = House::new().await;
    let (mut first, mut second) = (Batch::new(), Batch::new());
    for (batch, text) in [(&mut first, "a"), (&mut second, "b")] {
        house.mailboxes.create(batch, ANN, &name(text), None).await.expect("a free name");
    }
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await, Err(store::Error::Conflict));
}

/// RFC 3501 §6.3.5: INBOX stays, and its messages go.
#[tokio::test]
async fn renaming_inbox_moves_its_messages() {
    let house = House::new().await;
    house.create("INBOX/below").await.expect("a free name");
    for body in [b"1", b"2", b"3"] {
        house.append(INBOX, flags(1, Some("k")), body).await;
    }
    let mut batch = Batch::new();
    let target = house.mailboxes.rename_inbox(&mut batch, ANN, &name("old/mail"), NOW).await;
    house.commit(batch).await;
    let target = target.expect("a free name").target;
    assert_eq!(house.names().await, "INBOX/below old old/mail");
    let inbox = house.view(INBOX).await;
    assert_eq!((uids(&inbox), inbox.uid_next().get()), (vec![], 4));
    let view = house.view(target).await;
    assert_eq!((uids(&view), view.unseen()), (vec![1, 2, 3], 0));
    let entry = *view.get(2).expect("a message");
    assert_eq!(house.read(target, &entry).await.as_deref(), Ok(&b"X: y\r\n2"[..]));
}

/// One commit must not grow with the mailbox.
#[tokio::test]
async fn a_full_inbox_is_renamed_in_several_commits() {
    const PAGE: usize = Mailboxes::MOVED_AT_ONCE;
    let house = House::new().await;
    let mut batch = Batch::new();
    for _ in 0..2 * PAGE + 10 {
        house.add(&mut batch, INBOX, flags(0, None), b"old").await;
    }
    house.commit(batch).await;
    let mut batch = Batch::new();
    let renamed =
        house.mailboxes.rename_inbox(&mut batch, ANN, &name("old"), NOW).await.expect("a free name");
    house.commit(batch).await;
    house.append(INBOX, flags(0, None), b"came meanwhile").await;
    for left in [PAGE + 11, 11, 1] {
        assert_eq!(house.view(INBOX).await.len(), left);
        let mut batch = Batch::new();
        let more = house.mailboxes.rename_inbox_on(&mut batch, ANN, &renamed, NOW).await;
        assert_eq!(more, Ok(left > 1));
        if left > 1 {
            house.commit(batch).await;
        }
    }
    let view = house.view(renamed.target).await;
    assert_eq!((view.len(), view.unseen()), (2 * PAGE + 10, 2 * PAGE + 10));
    let inbox = house.view(INBOX).await;
    assert_eq!(uids(&inbox), [2 * PAGE as u32 + 11], "new mail stays");
}

#[tokio::test]
async fn subscriptions_are_of_names() {
    let house = House::new().await;
    house.create("a").await.expect("a free name");
    let mut batch = Batch::new();
    house.mailboxes.subscribe(&mut batch, ANN, &name("a"));
    house.mailboxes.subscribe(&mut batch, ANN, &name("Grüße"));
    house.mailboxes.unsubscribe(&mut batch, ANN, &name("Junk"));
    house.commit(batch).await;
    house.delete("a").await.expect("a mailbox");
    let names = house.mailboxes.subscriptions(ANN).await.expect("a healthy store");
    let names: Vec<&str> = names.iter().map(mail::MailboxName::as_str).collect();
    assert_eq!(names, ["Archive", "Drafts", "Grüße", "INBOX", "Sent", "Trash", "a"]);
}

/// RFC 9051 §5.1: one name is one mailbox, in whichever normal form it comes.
#[tokio::test]
async fn names_in_other_normal_forms() {
    let house = House::new().await;
    // As names were kept before they were brought into a normal form.
    for old in ["Ka\u{308}se/Bru\u{308}n", "o\u{308}", "\u{f6}"] {
        house.create(old).await.expect("a free name");
    }
    for (called, known) in [
        // What is there by just that name, in its own form.
        ("Ka\u{308}se", "Ka\u{308}se"),
        ("o\u{308}", "o\u{308}"),
        ("\u{f6}", "\u{f6}"),
        // In another one.
        ("K\u{e4}se", "Ka\u{308}se"),
        ("K\u{e4}se/Bru\u{308}n", "Ka\u{308}se/Bru\u{308}n"),
        // None is there: in Normalization Form C, below what is.
        ("u\u{308}", "\u{fc}"),
        ("u\u{308}/a\u{308}", "\u{fc}/\u{e4}"),
        ("K\u{e4}se/u\u{308}/x", "Ka\u{308}se/\u{fc}/x"),
        ("o\u{308}/x", "\u{f6}/x"),
        ("inbox/u\u{308}", "INBOX/\u{fc}"),
        ("a/b", "a/b"),
    ] {
        let found = house.mailboxes.known_name(ANN, &name(called)).await;
        assert_eq!(found, Ok(name(known)), "{called}");
    }
    let long = name(&"\u{958}".repeat(mail::limits::MAILBOX_NAME_LENGTH / 3));
    let refused = house.mailboxes.known_name(ANN, &long).await;
    assert_eq!(refused, Err(Error::Name(mail::NameError::TooLong)));
}
