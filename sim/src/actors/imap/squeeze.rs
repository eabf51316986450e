//! An operator leaves an account no room, or room for one message (RFC 9208): what does not fit is refused as a whole, and nothing
//! of it is ever seen (I4).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::arrivals::Manner;
use super::session::Session;
use crate::actors::lines::Gone;
use crate::actors::operator::{Room, leave_room};
use crate::oracle::reading::SEEN;

/// How often an operator tries to give the room back, and how long they wait in between.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_secs(15);

/// What is known of an account's quota.
#[derive(Default)]
pub(crate) struct Squeezed {
    /// Somebody is taking or giving it.
    busy: AtomicBool,
    /// An answer was lost: the quota may change at any moment.
    unsure: AtomicBool,
}

impl Session {
    /// APPEND of several messages and COPY where there is no room, or room for one.
    pub(super) async fn squeeze(
        &mut self,
        to: &str,
        some: (u16, u8),
        (one, manner): (bool, Manner),
    ) -> Result<(), Gone> {
        let shared = Arc::clone(&self.shared);
        if shared.room.busy.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let (world, ledger) = (shared.world.clone(), &shared.ledger);
        let room = if one { Room::One } else { Room::None };
        let set = leave_room(world.clone(), ledger, &self.plan().account, room).await;
        shared.room.unsure.fetch_or(set.is_none(), Ordering::Relaxed);
        let done = if set.is_some() { self.press(to, some, (one, manner)).await } else { Ok(()) };
        for _ in 0..TRIES {
            if leave_room(world.clone(), ledger, &shared.plan.account, Room::Default).await.is_some() {
                break;
            }
            shared.room.unsure.store(true, Ordering::Relaxed);
            world.clock.sleep(PAUSE).await;
        }
        shared.room.busy.store(false, Ordering::Relaxed);
        done
    }

    async fn press(&mut self, to: &str, some: (u16, u8), (one, manner): (bool, Manner)) -> Result<(), Gone> {
        let done = self.append(to, &[SEEN, 0, SEEN], manner).await?;
        if done.ok() && !one {
            self.complain_of_room("APPEND");
        }
        if self.selected.is_some() && !one {
            let places = self.places(some);
            if self.copy(&places, true, to, false).await? {
                self.complain_of_room("COPY");
            }
        }
        Ok(())
    }

    fn complain_of_room(&self, what: &str) {
        // An older state has an older quota, and when all trouble is over everybody gets room.
        let ledger = &self.shared.ledger;
        let unsure = self.shared.room.unsure.load(Ordering::Relaxed);
        if !unsure && !ledger.was_restored() && !ledger.is_healed() {
            self.complain("P7", &format!("{what} finds room where there is none"));
        }
    }
}
