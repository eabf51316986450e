//! Says whether the name servers can tell signed names from others, on which DANE rests (F41).

use std::sync::Arc;
use std::time::Duration;

use world::dns::Dnssec;
use world::{Tasks, World};

/// How long a status waits for the name servers.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether there is DANE, for people, and whether that is as it should be.
pub(crate) async fn look(world: &World) -> (bool, String) {
    let servers = match world.dns.dnssec() {
        Dnssec::Off(why) => return (false, format!("off: {why}")),
        Dnssec::Trusted(servers) => servers,
    };
    match world.clock.within(PATIENCE, world.dns.checks_signatures()).await {
        Some(Ok(true)) => (true, format!("on: {servers} checks signatures")),
        Some(Ok(false)) => {
            (false, format!("off: {servers} does not check signatures (DNSSEC); run a resolver that does"))
        }
        Some(Err(error)) => (false, format!("unknown: {servers} cannot be asked for the root zone: {error}")),
        None => (false, format!("unknown: {servers} does not answer")),
    }
}

/// Warns in the log, in the background, where there is no DANE.
pub(crate) fn tell(world: &World) {
    let world = world.clone();
    let tasks: Arc<dyn Tasks> = Arc::clone(&world.tasks);
    tasks.spawn(Box::pin(async move {
        match look(&world).await {
            (true, words) => tracing::info!("DANE is {words}"),
            (false, words) => tracing::warn!("DANE is {words}"),
        }
    }));
}
