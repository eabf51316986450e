//! Bit rot (F17), while an office runs and after everything else: bytes of the disk change, and whatever can still be read must
//! be as it was (P4).

use std::collections::BTreeMap;
use std::path::Path;

use store::{BlobId, Body};
use world::Disk;
use world::disk::Open;

use super::stage::Stage;
use crate::executor::Death;
use crate::office::Office;
use crate::oracle::ledger::Ledger;
use crate::oracle::mail::{self, Facts};
use crate::oracle::{Violation, audit};
use crate::rng::Dice;

/// One seed of so many ends with bit rot: it costs as much as another audit.
const EVERY: u64 = 3;
/// Bytes that change.
const BYTES: u64 = 6;
/// Where the mail lies.
const DIRS: [&str; 3] = ["/data/store/log", "/data/store/archive", "/data/store/bodies"];

/// The header of a file of the store.
const HEADER: u64 = 64;
/// Bodies looked up at once.
const PAGE: usize = 1000;

/// Damages some bodies that have files of their own. What was in the log, a start would read again and miss whole commits of.
pub(super) async fn while_it_runs(office: &Office, ledger: &Ledger, many: u8, number: u64) {
    let Some(store) = office.store() else { return };
    let world = office.visitor("rot");
    let (Ok(holders), Ok(bodies)) =
        (mail::holders(&world, &store).await, store.snapshot().bodies(None, PAGE).await)
    else {
        return;
    };
    let (disk, mut dice) = (&office.machine().disk, Dice::new(number));
    let own = |id: BlobId, body: &Body| body.references > 0 && body.files.contains(&audit::file_of(id));
    let mut bodies: Vec<BlobId> = bodies
        .into_iter()
        .filter(|(id, body)| body.as_ref().is_some_and(|b| own(*id, b)))
        .map(|(id, _)| id)
        .collect();
    bodies.retain(|id| holders.contains_key(id));
    for _ in 0..many {
        if bodies.is_empty() {
            break;
        }
        let id = bodies.swap_remove(dice.below(bodies.len() as u64) as usize);
        let path = Path::new("/data/store").join(audit::file_of(id));
        let length = disk.open(&path, Open::Read).and_then(|file| file.len()).unwrap_or(0);
        if length > HEADER {
            let (at, bit) = (dice.between(HEADER..=length - 1), dice.below(8));
            ledger.damaged(id, &holders[&id]);
            if disk.corrupt(&path, at, |byte| byte ^ 1 << bit).is_ok() {
                ledger.saw("disk.body-damaged");
            }
        }
    }
}

/// Damages a copy of what an office holds, and compares what it then reads with `before`.
pub(super) async fn strike(stage: &Stage<'_>, office: &Office, before: &Facts) {
    if !stage.plan.seed.is_multiple_of(EVERY) || !damage(stage.plan.seed, office) {
        return;
    }
    stage.universe.coverage.hit("audit.bit-rot");
    // A store that does not open says that it is damaged: that is honest.
    let Ok((process, store)) = office.open_offline().await else { return };
    let after = mail::read(&process.world, &store, &office.plan().hostname).await;
    drop(store);
    stage.universe.kill(process.id, Death::Exit);
    for what in after.map_or_else(|_| Vec::new(), |after| changed(before, &after)) {
        stage.universe.report(Violation::new("I5", what));
    }
}

/// Changes some bytes of one file, of those that hold something; whether there was one.
fn damage(seed: u64, office: &Office) -> bool {
    let (disk, mut dice) = (&office.machine().disk, Dice::new(seed ^ 0x626_9742));
    let files: Vec<_> = DIRS.iter().flat_map(|dir| disk.list(Path::new(dir)).unwrap_or_default()).collect();
    let mut done = false;
    for _ in 0..BYTES {
        if files.is_empty() {
            break;
        }
        let path = dice.pick(&files).clone();
        let length = disk.open(&path, Open::Read).and_then(|file| file.len()).unwrap_or(0);
        if length > 0 {
            let (at, bit) = (dice.below(length), dice.below(8));
            done |= disk.corrupt(&path, at, |byte| byte ^ 1 << bit).is_ok();
        }
    }
    done
}

/// Messages that read otherwise than before. Those that are gone, or break off with an error, are told of elsewhere.
fn changed(before: &Facts, after: &Facts) -> Vec<String> {
    let key = |kept: &mail::Kept| (kept.account.clone(), kept.mailbox.clone(), kept.uid);
    let known: BTreeMap<_, &[u8]> =
        before.mail.iter().map(|kept| (key(kept), kept.bytes.as_slice())).collect();
    let changed = after
        .mail
        .iter()
        .filter(|kept| known.get(&key(kept)).is_some_and(|whole| !whole.starts_with(&kept.bytes)));
    changed
        .map(|kept| {
            format!("{}: uid {} in {} reads otherwise after bit rot", kept.account, kept.uid, kept.mailbox)
        })
        .collect()
}
