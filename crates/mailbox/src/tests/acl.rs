//! Access control lists (RFC 4314).

use mail::{AccountId, MailboxId, Rights, limits};
use store::Batch;

use super::{ANN, House, NOW, flags, name, uid};
use crate::{Error, FlagChange, Grant, INBOX, Mailboxes, RightsChange, Target, Who};

const BOB: AccountId = AccountId(2);
const EVE: AccountId = AccountId(3);

fn rights(letters: &str) -> Rights {
    Rights::parse(letters).expect("letters of rights")
}

fn grant(who: Who, negative: bool, letters: &str) -> Grant {
    Grant { who, negative, rights: rights(letters) }
}

impl House {
    async fn try_set(&self, mailbox: MailboxId, entry: Grant, change: RightsChange) -> Result<Batch, Error> {
        let mut batch = Batch::new();
        self.mailboxes.set_acl(&mut batch, ANN, &[mailbox], entry, change).await.map(|_| batch)
    }

    async fn set(&self, mailbox: MailboxId, entry: Grant, change: RightsChange) {
        let batch = self.try_set(mailbox, entry, change).await.expect("room in the list");
        self.commit(batch).await;
    }

    async fn give(&self, mailbox: MailboxId, who: AccountId, letters: &str) {
        self.set(mailbox, grant(Who::Account(who), false, letters), RightsChange::Replace).await;
    }

    async fn created(&self, text: &str) -> MailboxId {
        let mut batch = Batch::new();
        let created = self.mailboxes.create(&mut batch, ANN, &name(text), None).await.expect("a free name");
        self.commit(batch).await;
        created
    }

    async fn has(&self, who: AccountId, mailbox: MailboxId) -> String {
        self.mailboxes.rights(who, ANN, mailbox).await.expect("a healthy store").to_string()
    }

    /// Names of what is shared with an account.
    async fn shared(&self, who: AccountId) -> Vec<String> {
        let shared = self.mailboxes.shared_with(who).await.expect("a healthy store");
        shared.into_iter().map(|it| it.mailbox.name.to_string()).collect()
    }

    async fn is_sound(&self) {
        let mut troubles = Vec::new();
        let told = Mailboxes::audit(&self.store.snapshot(), |trouble| troubles.push(trouble)).await;
        assert_eq!((told, troubles), (Ok(()), Vec::new()));
    }
}

/// RFC 4314 §2: the union of what is given to one and to all, but for what is taken away; the owner has all.
#[tokio::test]
async fn rights_are_summed_up() {
    let house = House::new().await;
    let (bob, all) = (Who::Account(BOB), Who::Anyone);
    for (entry, change, has_bob, has_eve) in [
        (grant(bob, false, "lrs"), RightsChange::Replace, "lrs", ""),
        (grant(bob, false, "si"), RightsChange::Add, "lrsi", ""),
        (grant(bob, false, "s"), RightsChange::Remove, "lri", ""),
        (grant(all, false, "lw"), RightsChange::Add, "lrwi", "lw"),
        (grant(bob, true, "wi"), RightsChange::Replace, "lr", "lw"),
        (grant(all, true, "l"), RightsChange::Replace, "r", "w"),
        (grant(all, true, ""), RightsChange::Replace, "lr", "lw"),
        (grant(bob, false, ""), RightsChange::Replace, "l", "lw"),
        (grant(all, false, "lw"), RightsChange::Remove, "", ""),
    ] {
        house.set(INBOX, entry, change).await;
        assert_eq!(
            (house.has(BOB, INBOX).await, house.has(EVE, INBOX).await),
            (has_bob.into(), has_eve.into())
        );
        assert_eq!(house.has(ANN, INBOX).await, Rights::ALL.to_string());
        assert_eq!(house.shared(BOB).await.is_empty(), has_bob.is_empty());
        assert_eq!(house.shared(EVE).await.is_empty(), has_eve.is_empty());
        house.is_sound().await;
    }
    assert_eq!(house.mailboxes.acl(ANN, INBOX).await, Ok(vec![grant(bob, true, "wi")]));
    assert_eq!(house.shared(ANN).await, Vec::<String>::new(), "one's own is not shared with one");
}

/// RFC 4314 §4: new mailboxes inherit; the list follows a rename and is deleted with its mailbox.
#[tokio::test]
async fn lists_go_with_their_mailboxes() {
    let house = House::new().await;
    let team = house.created("team").await;
    house.give(team, BOB, "lrk").await;
    let deep = house.created("team/a/b").await;
    assert_eq!(house.shared(BOB).await, ["team", "team/a", "team/a/b"]);
    house.give(deep, BOB, "l").await;
    let mut batch = Batch::new();
    house.mailboxes.rename(&mut batch, ANN, &name("team/a"), &name("other/x/a")).await.expect("a free name");
    house.commit(batch).await;
    assert_eq!((house.has(BOB, team).await, house.has(BOB, deep).await), ("lrkc".into(), "l".into()));
    assert_eq!(house.shared(BOB).await, ["team", "other/x/a", "other/x/a/b"]);
    let mut batch = Batch::new();
    house
        .mailboxes
        .rename(&mut batch, ANN, &name("other/x/a"), &name("team/y/a"))
        .await
        .expect("a free name");
    house.commit(batch).await;
    let made = house.mailboxes.named(ANN, &name("team/y")).await.expect("a store").expect("was missing");
    assert_eq!(house.has(BOB, made).await, "lrkc");
    let mut batch = Batch::new();
    house.mailboxes.delete_tree(&mut batch, ANN, &name("team"), NOW).await.expect("is there");
    house.commit(batch).await;
    assert_eq!((house.shared(BOB).await.len(), house.has(BOB, team).await), (0, String::new()));
    house.is_sound().await;
    let again = house.created("team").await;
    assert_eq!(house.has(BOB, again).await, "", "a new mailbox of that name is another one");
    house.grow_older(10_000_000).await;
    house.sweep(1000).await;
    assert_eq!(house.mailboxes.acl(ANN, team).await, Ok(Vec::new()));
    house.is_sound().await;
}

/// A removed account's lists come back with it, and its place in the lists of others goes with the last of it.
#[tokio::test]
async fn lists_and_accounts() {
    let house = House::new().await;
    let mut batch = Batch::new();
    house.mailboxes.provision(&mut batch, BOB);
    house.commit(batch).await;
    house.give(INBOX, BOB, "lr").await;
    house.set(INBOX, grant(Who::Account(BOB), true, "p"), RightsChange::Replace).await;
    house.give(INBOX, EVE, "lr").await;
    let mut batch = Batch::new();
    house.mailboxes.retire(&mut batch, ANN, NOW).await.expect("a healthy store");
    house.commit(batch).await;
    assert_eq!(house.shared(BOB).await.len(), 0);
    let mut batch = Batch::new();
    house.mailboxes.revive(&mut batch, ANN).await.expect("not swept yet");
    house.commit(batch).await;
    assert_eq!(house.shared(BOB).await, ["INBOX"]);
    let mut batch = Batch::new();
    house.mailboxes.retire(&mut batch, BOB, NOW).await.expect("a healthy store");
    house.commit(batch).await;
    house.grow_older(100_000_000).await;
    house.sweep(1).await;
    let eve = grant(Who::Account(EVE), false, "lr");
    assert_eq!(house.mailboxes.acl(ANN, INBOX).await, Ok(vec![eve]));
    house.is_sound().await;
}

/// Several lists change in one commit; who has nothing to lose is not counted.
#[tokio::test]
async fn several_lists_at_once() {
    let house = House::new().await;
    let all = [INBOX, MailboxId(INBOX.0 + 1), MailboxId(INBOX.0 + 2)];
    house.give(all[1], BOB, "lr").await;
    for (mailboxes, letters, change, changed, has) in [
        (&all[..], "lr", RightsChange::Add, 2, ["lr", "lr", "lr"]),
        (&all[..2], "i", RightsChange::Add, 2, ["lri", "lri", "lr"]),
        (&all[..], "i", RightsChange::Remove, 2, ["lr", "lr", "lr"]),
        (&all[..], "lr", RightsChange::Replace, 0, ["lr", "lr", "lr"]),
        (&all[1..], "lrswipkxtea", RightsChange::Remove, 2, ["lr", "", ""]),
    ] {
        let mut batch = Batch::new();
        let entry = grant(Who::Account(BOB), false, letters);
        assert_eq!(house.mailboxes.set_acl(&mut batch, ANN, mailboxes, entry, change).await, Ok(changed));
        house.commit(batch).await;
        for (mailbox, has) in all.into_iter().zip(has) {
            assert_eq!(house.has(BOB, mailbox).await, has, "{letters} {change:?}");
        }
    }
    house.is_sound().await;
}

/// A list is bounded, its changes conflict, and it is of a mailbox that is there.
#[tokio::test]
async fn lists_have_limits() {
    let house = House::new().await;
    for n in 0..limits::ACL_IDENTIFIERS as u32 {
        house.give(INBOX, AccountId(100 + n), "l").await;
    }
    let one_more = house.try_set(INBOX, grant(Who::Account(BOB), false, "l"), RightsChange::Add).await;
    assert_eq!(one_more.err(), Some(Error::Limit("identifiers")));
    house.set(INBOX, grant(Who::Account(AccountId(100)), false, "r"), RightsChange::Add).await;
    let archive = MailboxId(INBOX.0 + 1);
    let bob = grant(Who::Account(BOB), false, "l");
    let first = house.try_set(archive, bob, RightsChange::Add).await.expect("room");
    let second = house.try_set(archive, bob, RightsChange::Add).await.expect("room");
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await.err(), Some(store::Error::Conflict));
    let nowhere = house.try_set(MailboxId(7), bob, RightsChange::Add).await.expect("room");
    assert_eq!(house.store.commit(nowhere).await.err(), Some(store::Error::Conflict));
    // As many as may be shared with one account, but for one, without making them.
    let mut batch = Batch::new();
    for n in 1..limits::SHARED_MAILBOXES as u32 {
        batch.put(crate::keys::shared(EVE, AccountId(50), MailboxId(n)), vec![1]);
    }
    house.commit(batch).await;
    let eve = grant(Who::Account(EVE), false, "l");
    let two = [archive, MailboxId(archive.0 + 1)];
    let set = house.mailboxes.set_acl(&mut Batch::new(), ANN, &two, eve, RightsChange::Add).await;
    assert_eq!(set, Err(Error::Limit("shared mailboxes")));
    house.set(two[1], eve, RightsChange::Add).await;
    let one_more = house.try_set(archive, grant(Who::Account(EVE), false, "l"), RightsChange::Add).await;
    assert_eq!(one_more.err(), Some(Error::Limit("shared mailboxes")));
}

/// RFC 4314 §4, the examples of COPY: flags for which there is no right are lost, and count so; what moves to another account
/// leaves a grave.
#[tokio::test]
async fn copies_to_another_account() {
    let house = House::new().await;
    let mut batch = Batch::new();
    house.mailboxes.provision(&mut batch, BOB);
    house.commit(batch).await;
    for (bits, keyword) in [(16 | 8, None), (2, None), (1, Some("$Forwarded"))] {
        house.append(INBOX, flags(bits, keyword), b"text").await;
    }
    let view = house.mailboxes.view(ANN, INBOX).await.expect("INBOX");
    let entries: Vec<_> = view.iter().map(|(_, entry)| *entry).collect();
    for (letters, expected) in [
        ("rwis", [flags(16, None), flags(2, None), flags(1, Some("$Forwarded"))]),
        ("rsti", [flags(8, None), flags(0, None), flags(1, None)]),
    ] {
        let target = Target { owner: BOB, mailbox: INBOX, rights: rights(letters) };
        let mut batch = Batch::new();
        house.mailboxes.copy(&mut batch, &view, &entries, target, NOW).await.expect("a target");
        house.commit(batch).await;
        let there = house.mailboxes.view(BOB, INBOX).await.expect("INBOX");
        let newest = there.iter().skip(there.len() - 3).map(|(_, entry)| there.flags(entry.flags).clone());
        assert_eq!(newest.collect::<Vec<_>>(), expected, "{letters}");
    }
    let target = Target { owner: BOB, mailbox: INBOX, rights: Rights::ALL };
    let mut batch = Batch::new();
    house.mailboxes.move_to(&mut batch, &view, &entries, target, NOW).await.expect("a target");
    house.commit(batch).await;
    assert_eq!(house.mailboxes.status(ANN, INBOX).await.expect("INBOX").messages, 0);
    assert_eq!(house.mailboxes.status(BOB, INBOX).await.expect("INBOX").messages, 9);
    assert_eq!(house.mailboxes.lost(ANN, None, 10).await.expect("a healthy store").len(), 3);
    house.is_sound().await;
}

/// RFC 4314 §4 STORE: what one may not change stays as it is.
#[tokio::test]
async fn flags_without_a_right_stay() {
    let house = House::new().await;
    let (add, remove, replace) = (FlagChange::Add, FlagChange::Remove, FlagChange::Replace);
    for (n, (letters, change, given, left)) in [
        ("s", replace, flags(2, Some("x")), flags(8, Some("k"))),
        ("s", add, flags(31, Some("x")), flags(1 | 8, Some("k"))),
        ("w", replace, flags(2, Some("x")), flags(1 | 2 | 8, Some("x"))),
        ("t", remove, flags(31, Some("k")), flags(1, Some("k"))),
        ("t", replace, flags(0, None), flags(1, Some("k"))),
        ("lr", replace, flags(31, Some("x")), flags(1 | 8, Some("k"))),
    ]
    .into_iter()
    .enumerate()
    {
        house.append(INBOX, flags(1 | 8, Some("k")), b"text").await;
        let view = house.mailboxes.view(ANN, INBOX).await.expect("INBOX");
        let entry = *view.by_uid(uid(n as u32 + 1)).expect("just came").1;
        let mut batch = Batch::new();
        let stored =
            house.mailboxes.store_permitted(&mut batch, &view, &[entry], change, &given, rights(letters));
        stored.expect("few keywords");
        house.commit(batch).await;
        let view = house.mailboxes.view(ANN, INBOX).await.expect("INBOX");
        let entry = view.by_uid(entry.uid).expect("is there").1;
        assert_eq!(*view.flags(entry.flags), left, "{letters} {change:?}");
    }
    house.is_sound().await;
}

/// What is damaged is found, and is no right.
#[tokio::test]
async fn damage_is_told() {
    let house = House::new().await;
    house.give(INBOX, BOB, "lr").await;
    let archive = MailboxId(INBOX.0 + 1);
    let mut batch = Batch::new();
    batch.put(crate::keys::acl(ANN, archive), vec![1, 200]);
    batch.put(crate::keys::shared(EVE, ANN, INBOX), vec![1]);
    batch.delete(crate::keys::shared(BOB, ANN, INBOX));
    house.commit(batch).await;
    let mut troubles = Vec::new();
    Mailboxes::audit(&house.store.snapshot(), |trouble| troubles.push((trouble.mailbox, trouble.what)))
        .await
        .expect("a healthy store");
    let mark = "the access control list does not fit the mark of who shares the mailbox";
    let list = "the access control list cannot be read";
    assert_eq!(troubles, [(archive, list.into()), (INBOX, mark.into()), (INBOX, mark.into())]);
    let rights = house.mailboxes.rights(BOB, ANN, archive).await;
    assert!(matches!(rights, Err(Error::Store(store::Error::Damaged(_)))), "{rights:?}");
}

/// RFC 2342 §4: nobody has mailboxes of their own where those of others are seen.
#[tokio::test]
async fn names_of_others_are_not_ones_own() {
    let house = House::new().await;
    for (text, is_possible) in [
        ("Other Users", false),
        ("Other Users/x", false),
        ("Other Users x", true),
        ("x/Other Users", true),
        ("Shared Folders", false),
        ("Shared Folders/x", false),
        ("Shared", true),
        ("shared", true),
    ] {
        let mut batch = Batch::new();
        let made = house.mailboxes.create(&mut batch, ANN, &name(text), None).await;
        assert_eq!(!matches!(made, Err(Error::NotPossible(_))), is_possible, "{text}: {made:?}");
        let mut batch = Batch::new();
        let renamed = house.mailboxes.rename(&mut batch, ANN, &name("Junk"), &name(text)).await;
        assert_eq!(!matches!(renamed, Err(Error::NotPossible(_))), is_possible, "{text}: {renamed:?}");
    }
}

/// The operator may say that nothing is given to all: then what was given has no effect, and what was taken away has.
#[tokio::test]
async fn nothing_for_anyone() {
    let house = House::new().await;
    house.set(INBOX, grant(Who::Anyone, false, "lrw"), RightsChange::Add).await;
    house.set(INBOX, grant(Who::Anyone, true, "s"), RightsChange::Add).await;
    house.give(INBOX, BOB, "lrs").await;
    for (yes, has_bob, has_eve) in [(true, "lrw", "lrw"), (false, "lr", ""), (true, "lrw", "lrw")] {
        house.mailboxes.share_with_anyone(yes);
        assert_eq!(
            (house.has(BOB, INBOX).await, house.has(EVE, INBOX).await),
            (has_bob.into(), has_eve.into())
        );
        assert_eq!(house.shared(BOB).await, ["INBOX"]);
        assert_eq!(house.shared(EVE).await.is_empty(), !yes);
    }
}
