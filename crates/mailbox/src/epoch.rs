//! A new epoch: after a restore nothing that a client remembers may pass for what is there now (P6, F31).
//!
//! A backup does not know what was given out after it was made: UIDVALIDITY of mailboxes created or renamed, UIDs,
//! MODSEQs. So every mailbox gets a UIDVALIDITY that cannot have been given out, and every account a MODSEQ beyond all
//! that may have been. The account's own counters are the first guide: they leap over more than was given out since
//! any backup worth restoring. The second is the wall clock, which knows what the counters do not: that the same
//! backup was restored before. Neither is trusted alone: a clock may be wrong, so it can only add (F28).

use mail::{AccountId, MailboxId, ModSeq, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Snapshot, Topic, Version};

use crate::names::{records, uid_validity};
use crate::remains::{Cause, Remains, remains_of};
use crate::{Error, Mailboxes, keys, record};

/// UIDVALIDITY values left out: CREATE and RENAME of one account since the backup are fewer.
const NUMBERS: i64 = 1 << 20;
/// MODSEQs left out: changes of one account since the backup are fewer.
const MODSEQS: i64 = 1 << 40;
/// MODSEQs for each millisecond of the wall clock: an account has fewer changes than that. The product stays below
/// 2^53, which programs that keep numbers as floating point can tell apart, until the year 2240.
const MODSEQS_EACH_MILLISECOND: i64 = 1 << 10;
/// The greatest UIDVALIDITY that a clock can lead to (the year 2097): one that is years ahead must leave room.
const LATEST: i64 = u32::MAX as i64 - (1 << 28);
/// The greatest MODSEQ that a clock can lead to: half of what RFC 7162 §3.1 allows.
const LATEST_MODSEQ: i64 = 1 << 62;

/// What is left to do: the epoch's moment, and the last account that has it.
struct Mark {
    at: Wall,
    done: Option<AccountId>,
    version: Version,
}

impl Mailboxes {
    /// Begins a new epoch in all accounts, as of `at`, the wall clock now. Only a mark is written: until
    /// [`continue_epoch`](Self::continue_epoch) says that nothing is left, nobody may be served.
    ///
    /// For whatever puts an older state in place: a restore writes the mark before that state can be opened for service.
    pub fn begin_epoch(&self, batch: &mut Batch, at: Wall) {
        batch.put(keys::epoch(), encode(at, None));
    }

    /// Adds the epoch's next accounts, until about `limit` mailboxes have new numbers (but one account at least, with
    /// all its mailboxes). Whether anything was added: commit and call again until not. What a crash interrupts goes on
    /// where it was; an account is never left half in the old epoch.
    pub async fn continue_epoch(&self, batch: &mut Batch, limit: usize) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let Some(mark) = read_mark(&snapshot).await? else { return Ok(false) };
        batch.expect(keys::epoch(), Expect::Version(mark.version));
        let (mut renewed, mut done) = (0, mark.done);
        while renewed < limit {
            let next = snapshot.range(&keys::numbers(done), 1).await?;
            let Some((key, counter)) = next.first() else {
                batch.delete(keys::epoch());
                return Ok(true);
            };
            let account = keys::account_of(key)
                .ok_or_else(|| store::Error::Damaged("an account's counter cannot be read".into()))?;
            batch.expect(key.clone(), Expect::Version(counter.version));
            renewed += 1 + renew(&snapshot, batch, account, mark.at).await?;
            done = Some(account);
        }
        batch.put(keys::epoch(), encode(mark.at, done));
        Ok(true)
    }
}

/// A mailbox that somebody can come to see.
enum Place {
    Used(record::Mailbox),
    /// Its account was removed, and may come back.
    Removed(Remains),
}

async fn all(snapshot: &Snapshot, account: AccountId) -> Result<Vec<(MailboxId, Place)>, Error> {
    let used = records(snapshot, account).await?;
    let mut all: Vec<_> = used.into_iter().map(|(id, record)| (id, Place::Used(record))).collect();
    let removed = remains_of(snapshot, account).await?;
    let removed = removed.into_iter().filter(|(_, _, remains)| remains.cause == Cause::Removed);
    all.extend(removed.map(|(id, _, remains)| (id, Place::Removed(remains))));
    Ok(all)
}

/// Gives an account's mailboxes numbers of the new epoch. How many it has.
async fn renew(snapshot: &Snapshot, batch: &mut Batch, account: AccountId, at: Wall) -> Result<usize, Error> {
    let mailboxes = all(snapshot, account).await?;
    let number = snapshot.counter(&keys::number(account)).await?;
    let first = first_number(number, at);
    let last = first + mailboxes.len() as i64;
    let modseq = snapshot.counter(&keys::modseq(account)).await?;
    let next = next_modseq(modseq, at);
    let modseq = batch.count(keys::modseq(account), next - modseq);
    for (number, (mailbox, place)) in (first..last).zip(&mailboxes) {
        let uid_validity = uid_validity(number_of(number)?);
        // Its HIGHESTMODSEQ is not below its creation: so that leaps as well.
        let created = ModSeq(next as u64);
        // UIDs may be given out once more for other messages: it is not the same mailbox any more (RFC 8474 §4).
        let object = uid_validity.0.get();
        let renewed =
            |old: &record::Mailbox| record::Mailbox { uid_validity, created, object, ..old.clone() };
        match place {
            Place::Used(record) => batch.put(keys::record(account, *mailbox), renewed(record).encode()),
            Place::Removed(remains) => {
                let remains = Remains { record: renewed(&remains.record), ..remains.clone() };
                batch.put(keys::remains(account, *mailbox), remains.encode());
            }
        }
    }
    number_of(last)?;
    batch.count(keys::number(account), last - number);
    batch.notify_slot(Topic::Account(account), modseq);
    Ok(mailboxes.len())
}

/// The first UIDVALIDITY of the new epoch, where `number` was the last of the old one.
fn first_number(number: i64, at: Wall) -> i64 {
    number.saturating_add(NUMBERS).max(at.secs().min(LATEST))
}

/// The MODSEQ with which the new epoch begins, where `modseq` was the last of the old one.
fn next_modseq(modseq: i64, at: Wall) -> i64 {
    let clock = at.millis().saturating_mul(MODSEQS_EACH_MILLISECOND).min(LATEST_MODSEQ);
    modseq.saturating_add(MODSEQS).max(clock)
}

/// A UIDVALIDITY. They are used up after some 256 restores under a clock that is a lifetime ahead.
fn number_of(number: i64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::Limit("epochs"))
}

fn encode(at: Wall, done: Option<AccountId>) -> Vec<u8> {
    let mut w = Writer::new(1);
    w.wall(at).option(done, |w, account| {
        w.u32(account.0);
    });
    w.finish()
}

async fn read_mark(snapshot: &Snapshot) -> Result<Option<Mark>, Error> {
    let Some(found) = snapshot.get(&keys::epoch()).await? else { return Ok(None) };
    let (mut r, _) = Reader::new(&found.value, 1, "the mark of a new epoch")?;
    let at = r.wall()?;
    let done = r.option(Reader::u32)?.map(AccountId);
    Ok(Some(Mark { at, done, version: found.version }))
}
