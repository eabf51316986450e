//! An item whose destination is another by now: routes and the smarthost come and go with the configuration.

use journey::{Event, What};
use mail::Recipient;
use queue::Item;
use store::Batch;

use crate::Mta;
use crate::settings::Settings;

/// Moves the item to where the configuration wants it now; `false` if it is there already. What an operator sends
/// somewhere stays as it is.
pub(super) async fn move_along(mta: &Mta, settings: &Settings, item: &Item) -> Result<bool, store::Error> {
    let now_to = |recipient: &Recipient| settings.destination(&item.reverse_path, &recipient.address);
    let stays = item.pending().all(|(_, state)| now_to(&state.recipient) == item.destination);
    if stays || item.via.is_some() || item.destination.is_here() {
        return Ok(false);
    }
    let mut batch = Batch::new();
    let parts = mta.queue.redirect(&mut batch, item, now_to);
    let events: Vec<Event> = parts
        .into_iter()
        .map(|part| {
            let recipients = part.recipients.into_iter().map(|recipient| recipient.address).collect();
            let destination = part.destination.to_string();
            mta.event(What::Queued { item: part.id, destination, recipients })
        })
        .collect();
    mta.journeys.record(&mut batch, item.message, &events);
    match mta.store.commit(batch).await {
        // Somebody changed it meanwhile: it is still due, and looked at again.
        Ok(_) | Err(store::Error::Conflict) => Ok(true),
        Err(error) => Err(error),
    }
}
