//! Step one of the way in: accept, count, hear a proxy in front, shake hands, hand over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::Network;
use mail::limits;
use tokio::sync::watch;
use world::{Either, Listener, Stream, World, race};

use crate::serve::told;

use crate::config::{Logins, Service};
use crate::connections::{Connections, Place, Refusal};
use crate::proxy_header::{self, Progress, Told};
use crate::services::Services;

/// How long a listener rests after it could not accept: no file descriptors, no memory (F21).
const REST: Duration = Duration::from_millis(500);
/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long a refused client may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// An open listener that nobody is served on yet: clients wait in the kernel.
pub(crate) struct Bound {
    pub(crate) service: Service,
    pub(crate) logins: Logins,
    /// Who may connect, and must tell whose connection it is; empty for clients themselves.
    pub(crate) proxies: Vec<Network>,
    pub(crate) listener: Listener,
}

/// Opens a listener for each address of the configuration.
pub(crate) fn bind(world: &World, wanted: &[crate::config::Listener]) -> Result<Vec<Bound>, String> {
    let mut bound = Vec::new();
    for entry in wanted {
        for &address in &entry.bind {
            bound.push(Bound {
                service: entry.service,
                logins: entry.logins,
                proxies: entry.proxies.clone(),
                listener: world.net.listen(address).map_err(|e| refused(entry.service, address, &e))?,
            });
        }
    }
    Ok(bound)
}

fn refused(service: Service, address: SocketAddr, error: &std::io::Error) -> String {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; stop it, or choose another port",
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the right CAP_NET_BIND_SERVICE; grant it, or choose a higher port"
        }
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "check the address in the configuration",
    };
    format!("cannot listen on {address} for {}: {error}; {hint}", service.name())
}

/// Takes connections and has them served, until `stopped` says so.
pub(crate) async fn run(
    world: World,
    bound: Bound,
    services: Arc<Services>,
    connections: Arc<Connections>,
    mut stopped: watch::Receiver<bool>,
) {
    let bound = Arc::new(bound);
    loop {
        let accepted = match race(told(&mut stopped), bound.listener.accept()).await {
            Either::Left(()) => return,
            Either::Right(accepted) => accepted,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                let service = bound.service.name();
                tracing::error!(service, %error, "cannot accept connections; waiting before the next try");
                world.clock.sleep(REST).await;
                continue;
            }
        };
        let Some(entered) = enter(&world, &bound, &connections, &stream) else { continue };
        match entered {
            Ok(place) => {
                let visit = Visit {
                    world: world.clone(),
                    bound: Arc::clone(&bound),
                    services: Arc::clone(&services),
                    connections: Arc::clone(&connections),
                };
                world.tasks.spawn(Box::pin(visit.serve(stream, place)));
            }
            Err(refusal) => turn_away(&world, bound.service, &connections, stream, refusal),
        }
    }
}

/// Counts a connection, or says why it must go. `None` if it is not to be answered at all: where a proxy is to stand in
/// front, others may not pretend to be one.
fn enter(
    world: &World,
    bound: &Bound,
    connections: &Arc<Connections>,
    stream: &Stream,
) -> Option<Result<Place, Refusal>> {
    let peer = stream.peer().ip();
    if bound.proxies.is_empty() {
        return Some(connections.enter(bound.service, peer, world.clock.mono()));
    }
    if !bound.proxies.iter().any(|network| network.contains(peer)) {
        tracing::warn!(service = bound.service.name(), %peer, "closed a connection that does not come from a proxy");
        return None;
    }
    Some(connections.enter_proxied(bound.service))
}

/// Tells a refused client why, without keeping the listener waiting.
fn turn_away(world: &World, service: Service, connections: &Connections, stream: Stream, refusal: Refusal) {
    tracing::debug!(service = service.name(), peer = %stream.peer(), ?refusal, "refused connection");
    if let Some(leave) = connections.farewell() {
        let world_there = world.clone();
        world.tasks.spawn(Box::pin(async move {
            farewell(&world_there, service, stream, refusal).await;
            drop(leave);
        }));
    }
}

/// What one connection is served with.
struct Visit {
    world: World,
    bound: Arc<Bound>,
    services: Arc<Services>,
    connections: Arc<Connections>,
}

impl Visit {
    /// One connection, from the proxy's header and the handshake to the end. What is over soon lies in boxes of its own, so
    /// that a connection that waits does not carry its room along.
    async fn serve(self, mut stream: Stream, mut place: Place) {
        let service = self.bound.service;
        if !self.bound.proxies.is_empty() {
            stream = match Box::pin(self.told_by_proxy(stream)).await {
                Some(stream) => stream,
                None => return,
            };
            if let Err(refusal) = place.is_of(stream.peer().ip(), self.world.clock.mono()) {
                return turn_away(&self.world, service, &self.connections, stream, refusal);
            }
        }
        if service.implicit_tls() {
            stream = match Box::pin(self.shake_hands(stream)).await {
                Some(stream) => stream,
                None => return,
            };
        }
        Box::pin(self.services.serve(stream, service, self.bound.logins)).await;
    }

    /// Reads the header that comes before anything else.
    async fn told_by_proxy(&self, stream: Stream) -> Option<Stream> {
        let (service, peer) = (self.bound.service.name(), stream.peer());
        match self.world.clock.within(limits::PROXY_HEADER_WAIT, read_header(stream)).await {
            Some(Ok(stream)) => Some(stream),
            Some(Err(why)) => {
                tracing::warn!(service, %peer, %why, "closed a proxy's connection");
                None
            }
            None => {
                tracing::warn!(service, %peer, "closed a proxy's connection: no PROXY header in time");
                None
            }
        }
    }

    async fn shake_hands(&self, stream: Stream) -> Option<Stream> {
        let (service, peer) = (self.bound.service, stream.peer());
        let handshake = self.services.acceptor.accept(stream, service.alpn());
        match self.world.clock.within(HANDSHAKE, handshake).await? {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::debug!(service = service.name(), %peer, %error, "TLS handshake failed");
                None
            }
        }
    }
}

/// Reads exactly the header: what follows is the client's, perhaps a TLS handshake.
async fn read_header(mut stream: Stream) -> Result<Stream, String> {
    let mut bytes = Vec::new();
    loop {
        match proxy_header::parse(&bytes, limits::PROXY_HEADER_LENGTH) {
            Progress::Whole(Told::Itself) => return Ok(stream),
            Progress::Whole(Told::Ends { source, destination }) => {
                return Ok(stream.between(source, destination));
            }
            Progress::Bad(why) => return Err(why.into()),
            Progress::More(count) => {
                let read = bytes.len();
                bytes.resize(read + count, 0);
                let got = stream.read(&mut bytes[read..]).await.map_err(|error| error.to_string())?;
                if got == 0 {
                    return Err("the connection ended within the PROXY header".into());
                }
                bytes.truncate(read + got);
            }
        }
    }
}

/// Says in the protocol's own words why the connection is closed. Under implicit TLS nothing can be said.
async fn farewell(world: &World, service: Service, mut stream: Stream, refusal: Refusal) {
    let text = match refusal {
        Refusal::Busy => "Too many connections; try again later",
        Refusal::TooManyFromYou => "Too many connections from your address; try again later",
        Refusal::TooFast => "Connections come too fast from your address or network; try again later",
    };
    let line = match service {
        // RFC 5321 §3.8: 421 may be the very greeting.
        Service::Smtp | Service::Submission | Service::Lmtp => format!("421 4.7.0 {text}\r\n"),
        // RFC 3501 §7.1.5: BYE as the greeting. RFC 3206 §4: temporary trouble.
        Service::Imap => format!("* BYE {text}\r\n"),
        Service::Pop3 => format!("-ERR [SYS/TEMP] {text}\r\n"),
        Service::Submissions | Service::Imaps | Service::Pop3s => return,
    };
    let say = async {
        if stream.write_all(line.as_bytes()).await.is_ok() {
            drop(stream.shutdown().await);
        }
    };
    world.clock.within(FAREWELL, say).await;
}
