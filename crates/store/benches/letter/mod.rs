//! The commit that the benchmarks measure.

use store::{Batch, Key, Space, Staged};

/// A message as mail makes it: a body, a few small keys beside each other, some scattered ones.
pub(crate) fn batch(committer: u64, n: u64, body: Staged) -> Batch {
    let mut batch = Batch::new();
    let blob = batch.blob(body);
    batch.reference(blob, 1);
    batch.count(Key::build(Space::Mailbox).u8(0).u64(committer).key(), 1);
    for kind in 1..=4 {
        batch.put(Key::build(Space::Mailbox).u8(kind).u64(committer).u64(n).key(), vec![kind; 130]);
    }
    for kind in 1..=4u8 {
        let scattered =
            (committer << 32 | n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(u32::from(kind));
        batch.put(Key::build(Space::Journey).u8(kind).u64(scattered).u64(n).key(), vec![kind; 60]);
    }
    batch
}
