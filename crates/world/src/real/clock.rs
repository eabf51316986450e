//! The machine's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mail::{Mono, Wall};

use crate::{BoxFuture, Clock};

pub(super) struct RealClock {
    start: Instant,
}

impl RealClock {
    pub(super) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for RealClock {
    fn mono(&self) -> Mono {
        Mono::from_start(self.start.elapsed())
    }

    fn wall(&self) -> Wall {
        wall_now()
    }

    fn sleep_until(&self, deadline: Mono) -> BoxFuture<'static, ()> {
        let since_start = deadline.since(Mono::default());
        // A deadline beyond what the clock can count is never.
        let Some(at) = self.start.checked_add(since_start) else {
            return Box::pin(std::future::pending());
        };
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

/// The wall clock now; before 1970 it is 1970.
pub(super) fn wall_now() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
