//! The look at a store nobody uses: every byte against its checksum, every reference, counter and index against
//! counting again (I12, F1, F17), and that opening it once more changes nothing (I18).

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use store::{Key, Space, Store};
use world::World;

use super::Violation;

/// Entries read at once.
const PAGE: usize = 1000;

/// How long a store may take to remove what a crash left behind.
const SWEPT: Duration = Duration::from_secs(10);

/// Walks through everything with the walk of `posthouse verify`, once what a crash left behind has been removed (F1).
/// What it finds is damage that nobody made, or a leak.
pub async fn whole(world: &World, store: &Arc<dyn Store>, office: &str) -> Vec<Violation> {
    world.clock.sleep(SWEPT).await;
    match posthouse::verify::walk(store.as_ref(), &|_| ()).await {
        Ok(report) => {
            let told = |finding| Violation::new("I12", format!("{office}: verify tells {finding:?}"));
            report.findings.into_iter().map(told).collect()
        }
        Err(error) => vec![Violation::new("I18", format!("{office}: cannot be verified: {error}"))],
    }
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
