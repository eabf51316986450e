//! Looking at everything: which bodies messages keep, whether all records can be read, and whether the counters are
//! what counting again gives (I12).

use std::collections::BTreeSet;

use mail::{AccountId, MailboxId, MailboxName, ModSeq, Uid};
use store::{Batch, Key, Snapshot};

use crate::change::is_unseen;
use crate::{Entry, Error, Mailboxes, acl, annotations, grave, keys, quota, record};

/// A message that keeps a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub account: AccountId,
    /// In which mailbox; one that is deleted is kept for a while.
    pub mailbox: MailboxId,
    /// The message. Its flags mean nothing here.
    pub entry: Entry,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose.
    pub account: AccountId,
    /// In which mailbox.
    pub mailbox: MailboxId,
    /// With which message, if it is about one.
    pub uid: Option<Uid>,
    /// What is wrong, for people.
    pub what: String,
    /// Whether [`Mailboxes::recount`] and [`Mailboxes::recount_usage`] mend it.
    pub countable: bool,
}

/// What counting a mailbox gives.
#[derive(Default)]
struct Counted {
    tally: i64,
    size: i64,
    highest_uid: u32,
    highest_modseq: u64,
    uids: BTreeSet<Uid>,
}

impl Mailboxes {
    /// Gives every message of every mailbox to `visit`, and those that can be brought back; of one that cannot be read,
    /// only where it is.
    pub async fn each_held(
        snapshot: &Snapshot,
        mut visit: impl FnMut(Result<Held, Trouble>),
    ) -> Result<(), store::Error> {
        snapshot
            .each(keys::all_entries(), |key, found| {
                visit(held(key, &found.value));
                Ok(())
            })
            .await?;
        snapshot
            .each(keys::all_graves(), |key, found| {
                visit(buried(key, &found.value));
                Ok(())
            })
            .await
    }

    /// Gives every mailbox of every account to `visit`.
    pub async fn each_mailbox(
        snapshot: &Snapshot,
        mut visit: impl FnMut(AccountId, MailboxId),
    ) -> Result<(), store::Error> {
        snapshot
            .each(keys::all_records(), |key, _| {
                if let Some((account, mailbox)) = keys::parts(key) {
                    visit(account, mailbox);
                }
                Ok(())
            })
            .await
    }

    /// The name of a mailbox; `None` if it is deleted or cannot be read.
    pub async fn name_in(
        snapshot: &Snapshot,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<MailboxName>, store::Error> {
        let found = snapshot.get(&keys::record(account, mailbox)).await?;
        Ok(found.and_then(|found| record::Mailbox::decode(&found.value).ok()).map(|mailbox| mailbox.name))
    }

    /// The trace headers and the summary of a message, as far as they can be read.
    pub async fn text_in(
        snapshot: &Snapshot,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>, store::Error> {
        let found = snapshot.get(&keys::text(account, mailbox, uid)).await?;
        let text = found.and_then(|found| {
            record::decode_text(&found.value)
                .ok()
                .map(|(prefix, summary)| (prefix.to_vec(), summary.to_vec()))
        });
        Ok(text)
    }

    /// Checks all records and counters of all mailboxes against each other.
    pub async fn audit(snapshot: &Snapshot, mut tell: impl FnMut(Trouble)) -> Result<(), store::Error> {
        let mut known = BTreeSet::new();
        for range in [keys::all_records(), keys::all_remains()] {
            snapshot
                .each(range, |key, _| {
                    known.extend(keys::parts(key));
                    Ok(())
                })
                .await?;
        }
        for (account, mailbox) in &known {
            audit_mailbox(snapshot, *account, *mailbox, &mut tell).await?;
        }
        audit_usage(snapshot, &known, &mut tell).await?;
        audit_annotations(snapshot, &mut tell).await?;
        acl::audit(snapshot, |account, mailbox, what| {
            tell(Trouble { account, mailbox, uid: None, what: what.into(), countable: false });
        })
        .await?;
        audit_strays(snapshot, &known, &mut tell).await
    }

    /// Adds what sets a mailbox's counters to what counting gives. Whether anything was added.
    pub async fn recount(
        &self,
        batch: &mut Batch,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let counted = count(&snapshot, account, mailbox, &mut |_| {}).await?;
        let mut any = false;
        for (key, by) in differences(&snapshot, account, mailbox, &counted).await? {
            // Relative, so that what happens meanwhile counts too.
            batch.count(key, by);
            any = true;
        }
        Ok(any)
    }
}

fn held(key: &Key, value: &[u8]) -> Result<Held, Trouble> {
    read(key, |modseq, uid| match record::decode_entry(modseq, uid, value) {
        Ok((entry, flags)) if record::decode_flags(flags).is_ok() => Some(entry),
        _ => None,
    })
}

/// The same of a message that was expunged.
fn buried(key: &Key, value: &[u8]) -> Result<Held, Trouble> {
    read(key, |modseq, uid| grave::decode(modseq, uid, value).ok().map(|grave| grave.entry))
}

fn read(key: &Key, entry: impl FnOnce(ModSeq, Uid) -> Option<Entry>) -> Result<Held, Trouble> {
    let (account, mailbox) = keys::parts(key).unwrap_or((AccountId(0), MailboxId(0)));
    let trouble = |uid, what: &str| Trouble { account, mailbox, uid, what: what.into(), countable: false };
    let (modseq, uid) =
        keys::modseq_uid(key).ok_or_else(|| trouble(None, "the key of a message cannot be read"))?;
    let entry =
        entry(modseq, uid).ok_or_else(|| trouble(Some(uid), "the entry of the message cannot be read"))?;
    Ok(Held { account, mailbox, entry })
}

async fn audit_mailbox(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    tell: &mut impl FnMut(Trouble),
) -> Result<(), store::Error> {
    let trouble = |uid, what: String, countable| Trouble { account, mailbox, uid, what, countable };
    let Some(found) = snapshot.get(&keys::record(account, mailbox)).await? else {
        // Deleted: what is left of it is swept in time, counters and all.
        return Ok(());
    };
    if record::Mailbox::decode(&found.value).is_err() {
        tell(trouble(None, "the record of the mailbox cannot be read".into(), false));
    }
    let counted = count(snapshot, account, mailbox, tell).await?;
    let mut texts = BTreeSet::new();
    snapshot
        .each(keys::texts(account, mailbox), |key, found| {
            let Some(uid) = keys::text_uid(key) else { return Ok(()) };
            texts.insert(uid);
            if record::decode_text(&found.value).is_err() {
                tell(trouble(Some(uid), "the headers of the message cannot be read".into(), false));
            }
            Ok(())
        })
        .await?;
    let mut expected = counted.uids.clone();
    expected.extend(audit_graves(snapshot, account, mailbox, tell).await?);
    for uid in expected.difference(&texts) {
        tell(trouble(Some(*uid), "the headers of the message are missing".into(), false));
    }
    for uid in texts.difference(&expected) {
        tell(trouble(Some(*uid), "headers of a message that is not there".into(), false));
    }
    for (_, by) in differences(snapshot, account, mailbox, &counted).await? {
        tell(trouble(None, format!("a counter of the mailbox is wrong by {by}"), true));
    }
    Ok(())
}

/// What an account has must be what its mailboxes have together (RFC 9208 §5.2: an exact number).
async fn audit_usage(
    snapshot: &Snapshot,
    known: &BTreeSet<(AccountId, MailboxId)>,
    tell: &mut impl FnMut(Trouble),
) -> Result<(), store::Error> {
    let accounts: BTreeSet<AccountId> = known.iter().map(|(account, _)| *account).collect();
    for account in accounts {
        if snapshot.get(&keys::retired(account)).await?.is_some() {
            // It goes mailbox by mailbox; if it comes back, it is counted again.
            continue;
        }
        if quota::is_unknown(snapshot, account).await? {
            continue;
        }
        // A record that cannot be read has been told.
        let Ok(wrong) = quota::differences(snapshot, account).await else { continue };
        for (_, by) in wrong {
            let what = format!("a counter of what the account has is wrong by {by}");
            tell(Trouble { account, mailbox: crate::INBOX, uid: None, what, countable: true });
        }
    }
    Ok(())
}

async fn audit_annotations(snapshot: &Snapshot, tell: &mut impl FnMut(Trouble)) -> Result<(), store::Error> {
    snapshot
        .each(keys::all_annotations(), |key, found| {
            if !annotations::is_readable(key, &found.value) {
                let (account, mailbox) = keys::parts(key).unwrap_or((AccountId(0), MailboxId(0)));
                let what = "an annotation cannot be read".into();
                tell(Trouble { account, mailbox, uid: None, what, countable: false });
            }
            Ok(())
        })
        .await
}

/// UIDs of expunged messages that can be brought back: they have their texts still.
async fn audit_graves(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    tell: &mut impl FnMut(Trouble),
) -> Result<BTreeSet<Uid>, store::Error> {
    let mut uids = BTreeSet::new();
    snapshot
        .each(keys::graves_until(account, mailbox, ModSeq(u64::MAX)), |key, found| {
            match buried(key, &found.value) {
                Ok(held) => drop(uids.insert(held.entry.uid)),
                Err(trouble) => tell(trouble),
            }
            Ok(())
        })
        .await?;
    Ok(uids)
}

/// Messages of mailboxes that were never there.
async fn audit_strays(
    snapshot: &Snapshot,
    known: &BTreeSet<(AccountId, MailboxId)>,
    tell: &mut impl FnMut(Trouble),
) -> Result<(), store::Error> {
    let mut range = keys::all_entries();
    while let Some((key, _)) = snapshot.range(&range, 1).await?.into_iter().next() {
        let Some((account, mailbox)) = keys::parts(&key) else { return Ok(()) };
        if !known.contains(&(account, mailbox)) {
            let what = "messages of a mailbox that is not there".into();
            tell(Trouble { account, mailbox, uid: None, what, countable: false });
        }
        let behind = keys::entries_after(account, mailbox, ModSeq(0));
        range = store::KeyRange::between(
            &Key::from_bytes(behind.end().to_vec()),
            &Key::from_bytes(range.end().to_vec()),
        );
    }
    Ok(())
}

async fn count(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    tell: &mut impl FnMut(Trouble),
) -> Result<Counted, store::Error> {
    let mut counted = Counted::default();
    snapshot
        .each(keys::entries_after(account, mailbox, ModSeq(0)), |key, found| {
            let held = match held(key, &found.value) {
                Ok(held) => held,
                Err(trouble) => {
                    tell(trouble);
                    return Ok(());
                }
            };
            let (_, flags) = record::decode_entry(held.entry.modseq, held.entry.uid, &found.value)?;
            let unseen = is_unseen(&record::decode_flags(flags)?);
            counted.tally += record::TALLY_MESSAGE + unseen * record::TALLY_UNSEEN;
            counted.size += held.entry.size() as i64;
            counted.highest_uid = counted.highest_uid.max(held.entry.uid.get());
            counted.highest_modseq = counted.highest_modseq.max(held.entry.modseq.0);
            if !counted.uids.insert(held.entry.uid) {
                let uid = Some(held.entry.uid);
                let what = "two messages have this UID".into();
                tell(Trouble { account, mailbox, uid, what, countable: false });
            }
            Ok(())
        })
        .await?;
    snapshot
        .each(keys::tombstones_after(account, mailbox, ModSeq(0)), |key, _| {
            if let Some((modseq, uid)) = keys::modseq_uid(key) {
                counted.highest_uid = counted.highest_uid.max(uid.get());
                counted.highest_modseq = counted.highest_modseq.max(modseq.0);
            }
            Ok(())
        })
        .await?;
    Ok(counted)
}

/// Counters that are not what counting gives, with what must be added.
async fn differences(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    counted: &Counted,
) -> Result<Vec<(Key, i64)>, store::Error> {
    let mut wrong = Vec::new();
    for (key, right, least) in [
        (keys::tally(account, mailbox), counted.tally, false),
        (keys::size(account, mailbox), counted.size, false),
        // These only grow: numbers once given out stay behind them.
        (keys::uid(account, mailbox), i64::from(counted.highest_uid), true),
        (keys::modseq(account), counted.highest_modseq as i64, true),
    ] {
        let is = snapshot.counter(&key).await?;
        if if least { is < right } else { is != right } {
            wrong.push((key, right - is));
        }
    }
    Ok(wrong)
}
