//! What an attempt teaches about addresses: which do not exist, and which do after all.

use queue::{RecipientState, Settled};
use store::Batch;

use super::outcome::Results;
use super::unknown::says_unknown_user;
use crate::Mta;

/// Adds what was learnt to the batch that decides it; gives how many recipients do not exist.
pub(super) async fn learn(
    mta: &Mta,
    batch: &mut Batch,
    settled: &Settled,
    results: &Results,
) -> Result<u32, store::Error> {
    let now = mta.world.clock.wall();
    let mut unknown = 0;
    for state in &settled.failed {
        let address = &state.recipient.address;
        let Some(reply) = said_by_a_remote(state, results) else { continue };
        unknown += 1;
        if mta.settings().outbound.suppression {
            let known = mta.queue.suppressed(address, now).await?;
            mta.queue.note_bounce(batch, address, known, reply, now);
        }
    }
    for state in &settled.delivered {
        let address = &state.recipient.address;
        let known = mta.queue.suppressed(address, now).await?;
        if known.is_some_and(|known| known.reply.is_some()) {
            mta.queue.free_suppressed(batch, address);
        }
    }
    Ok(unknown)
}

fn said_by_a_remote<'a>(state: &'a RecipientState, results: &Results) -> Option<&'a mail::Reply> {
    results.host(&state.recipient.address)?;
    state.last.as_ref().filter(|reply| says_unknown_user(reply))
}
