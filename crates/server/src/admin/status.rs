//! How the running server is.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use mail::Mono;
use store::Statistics;

use super::{
    ConnectionFigures, DaneFigures, DiskFigures, ListenerRow, Office, QueueFigures, Reply, Status,
    StoreFigures, Trouble, time,
};
use crate::config::Service;
use crate::connections::Connections;
use crate::dnssec;

/// Damaged parts that are counted.
const DAMAGED_MAX: usize = 10_000;

/// What only a running server has.
pub(crate) struct Running {
    pub(crate) since: Mono,
    /// Whether this process is the server's own: then it can be told of.
    pub(crate) alone: bool,
    pub(crate) addresses: Vec<(Service, SocketAddr)>,
    pub(crate) connections: Arc<Connections>,
    /// Filled once `data_dir` has been looked at.
    pub(crate) disk: Arc<OnceLock<DiskFigures>>,
}

impl Office {
    pub(super) async fn status(&self) -> Result<Reply, Trouble> {
        let Some(running) = &self.running else {
            return Err(Trouble::Said("the server is not running".into()));
        };
        let status = Status {
            version: env!("CARGO_PKG_VERSION").into(),
            hostname: self.hostname.to_string(),
            pid: if running.alone { std::process::id() } else { 0 },
            uptime_seconds: self.world.clock.mono().since(running.since).as_secs(),
            memory_bytes: if running.alone { world::real::resident_bytes() } else { None },
            listeners: running.listeners(),
            connections: running.connections(),
            store: self.store_figures().await?,
            queue: self.queue_figures().await?,
            dane: self.dane_figures().await,
            disk: running.disk.get().cloned(),
        };
        Ok(Reply::Status { status: Box::new(status) })
    }

    async fn store_figures(&self) -> Result<StoreFigures, Trouble> {
        let (done, snapshot) = (self.store.statistics(), self.store.snapshot());
        let scrub = snapshot.scrub_state().await?;
        Ok(StoreFigures {
            commits: done.commits,
            syncs: done.syncs,
            syncs_per_commit: syncs_per_commit(done),
            log_bytes: done.log_bytes,
            replay_bytes: done.replay_bytes,
            damaged: snapshot.quarantined(DAMAGED_MAX).await?.len() as u64,
            scrubbing: scrub.began.is_some(),
            scrubbed: scrub.ended.map(time),
        })
    }

    async fn dane_figures(&self) -> DaneFigures {
        let (on, words) = dnssec::look(&self.world).await;
        DaneFigures { on, words }
    }

    async fn queue_figures(&self) -> Result<QueueFigures, Trouble> {
        let figures = self.queue.figures(self.world.clock.wall()).await?;
        let next_due = figures.next_due.map(time);
        let outage_since = self.queue.outage().await?.map(time);
        Ok(QueueFigures {
            items: figures.items,
            due: figures.due,
            held: figures.held,
            next_due,
            outage_since,
        })
    }
}

impl Running {
    fn listeners(&self) -> Vec<ListenerRow> {
        let row = |(service, address): &(Service, SocketAddr)| ListenerRow {
            service: service.name().into(),
            address: address.to_string(),
        };
        self.addresses.iter().map(row).collect()
    }

    fn connections(&self) -> ConnectionFigures {
        let open = |(service, _): &(Service, SocketAddr)| {
            (service.name().to_owned(), self.connections.open_to(*service))
        };
        ConnectionFigures {
            open: self.connections.open(),
            services: self.addresses.iter().map(open).collect(),
        }
    }
}

/// To three digits behind the point.
fn syncs_per_commit(done: Statistics) -> Option<f64> {
    let thousandths = done.syncs.saturating_mul(1000).checked_div(done.commits)?;
    Some(f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0)
}
