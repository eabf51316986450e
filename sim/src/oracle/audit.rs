//! The look at a store nobody uses: every byte against its checksum, every reference, counter and index against
//! counting again (I12, F1, F17), and that opening it once more changes nothing (I18).

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use store::{BlobId, Key, Part, Space, Store};
use world::World;

use super::Violation;
use super::ledger::Damage;

/// Entries read at once.
const PAGE: usize = 1000;

/// How long a store may take to remove what a crash left behind.
const SWEPT: Duration = Duration::from_secs(10);

/// Walks through everything with the walk of `posthouse verify`, once what a crash left behind has been removed (F1).
/// What it finds beyond what was damaged is damage that nobody made, or a leak.
pub async fn whole(world: &World, store: &Arc<dyn Store>, office: &str, damaged: &Damage) -> Vec<Violation> {
    world.clock.sleep(SWEPT).await;
    let unknown = |finding: &posthouse::verify::Finding| {
        !finding.body.is_some_and(|body| damaged.bodies.contains(&BlobId(body)))
    };
    match posthouse::verify::walk(store.as_ref(), &|_| ()).await {
        Ok(report) => {
            let told = |finding| Violation::new("I12", format!("{office}: verify tells {finding:?}"));
            report.findings.into_iter().filter(unknown).map(told).collect()
        }
        Err(error) => vec![Violation::new("I18", format!("{office}: cannot be verified: {error}"))],
    }
}

/// P4: the scrub keeps apart what is damaged and is still needed, and nothing else. `all` says that it had the time and the
/// disk to find everything.
pub async fn quarantine(
    store: &Arc<dyn Store>,
    office: &str,
    damaged: &Damage,
    all: bool,
) -> Result<Vec<Violation>, store::Error> {
    let snapshot = store.snapshot();
    let (mut apart, mut wrong) = (BTreeSet::new(), Vec::new());
    for found in snapshot.quarantined(PAGE).await? {
        match &found.part {
            Part::Body(body) => drop(apart.insert(*body)),
            Part::File(file, _) if damaged.bodies.iter().any(|body| *file == file_of(*body)) => {}
            Part::File(..) => wrong.push(format!("{found:?} is in quarantine")),
        }
    }
    let more = apart.difference(&damaged.bodies);
    wrong.extend(more.map(|body| format!("body {} is in quarantine and is not damaged", body.0)));
    for body in damaged.bodies.difference(&apart).filter(|_| all) {
        if store.check_body(*body).await.is_ok_and(|bad| !bad.is_empty()) {
            wrong.push(format!("body {} is damaged and the scrub has not found it", body.0));
        }
    }
    Ok(wrong.into_iter().map(|what| Violation::new("P4", format!("{office}: {what}"))).collect())
}

/// The file of a body that has one of its own, relative to the store's directory.
pub fn file_of(body: BlobId) -> String {
    format!("bodies/{:016x}", body.0)
}

/// Everything in a store that starting does not change, as one number.
pub async fn digest(store: &Arc<dyn Store>) -> Result<u64, store::Error> {
    let snapshot = store.snapshot();
    let mut hasher = DefaultHasher::new();
    for space in [Space::Directory, Space::Mailbox, Space::Queue, Space::Journey] {
        let mut range = Key::build(space).key().prefix_range();
        loop {
            let page = snapshot.range(&range, PAGE).await?;
            for (key, found) in &page {
                hasher.write(key.as_bytes());
                hasher.write_u64(found.version.0);
                hasher.write(&found.value);
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => break,
            }
        }
    }
    Ok(hasher.finish())
}
