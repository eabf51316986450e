//! Mends a store as far as it can be mended (F17), and never makes it worse: everything it does is a commit at the end
//! of the log; files with damage stay as they are.
//!
//! Opening recovers what the log still tells. What the log has lost but the index still knows is written to the log
//! again; counters and references are set to what counting gives; messages whose body is lost stay, refused when they
//! are read, unless the operator lets them go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use journey::{Event, What};
use mail::{AccountId, MailboxId};
use mailbox::Retention;
use store::{Batch, BlobId, Error};

use crate::admin::Office;
use crate::verify::{Kind, Report, holders};

/// Keys of the index that one commit writes to the log again.
const AT_ONCE: usize = 1000;

/// What there is to do, for people; nothing where nothing can be mended.
pub(crate) fn plan(report: &Report, drop_lost: bool) -> Vec<String> {
    let count = |wanted: &dyn Fn(&crate::verify::Finding) -> bool| {
        report.findings.iter().filter(|finding| wanted(finding)).count()
    };
    let mut plan = Vec::new();
    let mut add = |n: usize, what: &str| {
        if n > 0 {
            plan.push(format!("{what} ({n})"));
        }
    };
    add(count(&|f| f.kind == Kind::Index), "rebuild the index from the log");
    add(count(&|f| f.commits.is_some()), "write to the log again what it has lost and the index still knows");
    add(count(&|f| f.kind == Kind::Mailbox), "count the messages of mailboxes again");
    add(count(&|f| f.kind == Kind::References), "set the references to bodies to those found");
    if drop_lost {
        add(count(&|f| f.kind == Kind::Message && f.body.is_some()), "remove messages that cannot be read");
    }
    plan
}

/// Does it, and says what was done.
pub(crate) async fn mend(office: &Office, report: &Report, drop_lost: bool) -> Result<Vec<String>, Error> {
    let mut done = Vec::new();
    let mut say = |n: usize, what: &str| {
        if n > 0 {
            done.push(format!("{n} {what}"));
        }
    };
    say(write_again(office, report).await?, "keys of lost commits written to the log again from the index");
    say(references(office, report).await?, "bodies with their references set right");
    if drop_lost {
        say(drop_messages(office, report).await?, "messages removed that could not be read");
    }
    say(recount(office).await?, "mailboxes counted again");
    say(recount_usage(office).await?, "accounts counted again");
    Ok(done)
}

/// Keys whose last change the log has lost.
async fn write_again(office: &Office, report: &Report) -> Result<usize, Error> {
    let lost: Vec<(u64, u64)> = report.findings.iter().filter_map(|finding| finding.commits).collect();
    if lost.is_empty() {
        return Ok(0);
    }
    let is_lost = |version: u64| lost.iter().any(|(after, before)| *after < version && version < *before);
    let mut keys = Vec::new();
    office
        .store
        .snapshot()
        .each_in_log(|key, found| {
            if is_lost(found.version.0) {
                keys.push((key.clone(), found.value.clone()));
            }
        })
        .await?;
    for some in keys.chunks(AT_ONCE) {
        let mut batch = Batch::new();
        for (key, value) in some {
            batch.put(key.clone(), value.to_vec());
        }
        office.store.commit(batch).await?;
    }
    Ok(keys.len())
}

/// Raises what is too low; lowers what is too high only where every message and item could be read, because one that
/// cannot be read has a reference too.
async fn references(office: &Office, report: &Report) -> Result<usize, Error> {
    let unread = |finding: &&crate::verify::Finding| {
        matches!(finding.kind, Kind::Message | Kind::Queue | Kind::Index) && finding.body.is_none()
    };
    let may_lower = !report.findings.iter().any(|finding| unread(&finding)) && report.more == 0;
    let mut set = 0;
    for finding in report.findings.iter().filter(|finding| finding.kind == Kind::References) {
        let (Some(body), Some(excess)) = (finding.body, finding.excess) else { continue };
        if excess > 0 && !may_lower {
            continue;
        }
        let mut batch = Batch::new();
        batch.reference(BlobId(body), -excess);
        office.store.commit(batch).await?;
        set += 1;
    }
    Ok(set)
}

/// Takes messages out of their mailboxes of which the body cannot be read, as an expunge does.
async fn drop_messages(office: &Office, report: &Report) -> Result<usize, Error> {
    let bodies: BTreeSet<BlobId> = report
        .findings
        .iter()
        .filter(|finding| finding.kind == Kind::Message)
        .filter_map(|finding| finding.body.map(BlobId))
        .collect();
    let holders = holders(&office.store.snapshot(), &bodies).await?;
    let mut by_mailbox: BTreeMap<(AccountId, MailboxId), Vec<_>> = BTreeMap::new();
    for held in holders.messages {
        by_mailbox.entry((held.account, held.mailbox)).or_default().push(held.entry.uid);
    }
    // What cannot be read cannot be brought back either: it is not kept for that.
    let gone_at_once = Retention { expunged: Duration::ZERO, ..Retention::default() };
    office.mailboxes.set_retention(gone_at_once);
    let mut dropped = 0;
    for ((account, mailbox), uids) in by_mailbox {
        let view = match office.mailboxes.view(account, mailbox).await {
            Ok(view) => view,
            Err(mailbox::Error::Store(error)) => return Err(error),
            // Deleted: it is swept.
            Err(_) => continue,
        };
        for some in uids.chunks(AT_ONCE) {
            let entries: Vec<_> =
                some.iter().filter_map(|uid| view.by_uid(*uid)).map(|(_, entry)| *entry).collect();
            let mut batch = Batch::new();
            let now = office.world.clock.wall();
            office.mailboxes.expunge(&mut batch, &view, &entries, now);
            let what = What::Expunged { account, mailbox: mailbox.to_string(), by: "repair".into() };
            let event = Event { at: office.world.clock.wall(), what };
            for entry in &entries {
                office.journeys.record(&mut batch, entry.id, std::slice::from_ref(&event));
            }
            dropped += entries.len();
            office.store.commit(batch).await?;
        }
    }
    Ok(dropped)
}

/// Every mailbox there is.
async fn mailboxes(office: &Office) -> Result<Vec<(AccountId, MailboxId)>, Error> {
    let mut all = Vec::new();
    let snapshot = office.store.snapshot();
    mailbox::Mailboxes::each_mailbox(&snapshot, |account, mailbox| all.push((account, mailbox))).await?;
    Ok(all)
}

/// Counts every mailbox again.
async fn recount(office: &Office) -> Result<usize, Error> {
    let mut counted = 0;
    for (account, mailbox) in mailboxes(office).await? {
        let mut batch = Batch::new();
        let wrong = office.mailboxes.recount(&mut batch, account, mailbox).await;
        counted += set_right(office, batch, wrong).await?;
    }
    Ok(counted)
}

/// Sums up what every account has again, from the counters of its mailboxes.
async fn recount_usage(office: &Office) -> Result<usize, Error> {
    let mut counted = 0;
    let accounts: BTreeSet<AccountId> =
        mailboxes(office).await?.into_iter().map(|(account, _)| account).collect();
    for account in accounts {
        let mut batch = Batch::new();
        let wrong = office.mailboxes.recount_usage(&mut batch, account).await;
        counted += set_right(office, batch, wrong).await?;
    }
    Ok(counted)
}

/// Commits what sets counters right, if any are wrong. How many batches that were.
async fn set_right(
    office: &Office,
    batch: Batch,
    wrong: Result<bool, mailbox::Error>,
) -> Result<usize, Error> {
    match wrong {
        Ok(false) => Ok(0),
        Ok(true) => office.store.commit(batch).await.map(|_| 1),
        Err(mailbox::Error::Store(error)) => Err(error),
        Err(error) => Err(Error::Damaged(error.to_string())),
    }
}
