//! Step one of the way in: accept, count, shake hands, hand over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use world::{Either, Listener, Stream, World, race};

use crate::serve::told;

use crate::config::Service;
use crate::connections::{Connections, Place, Refusal};
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
    pub(crate) plaintext_auth_on_loopback: bool,
    pub(crate) listener: Listener,
}

/// Opens a listener for each address of the configuration.
pub(crate) fn bind(world: &World, wanted: &[crate::config::Listener]) -> Result<Vec<Bound>, String> {
    let mut bound = Vec::new();
    for entry in wanted {
        for &address in &entry.bind {
            bound.push(Bound {
                service: entry.service,
                plaintext_auth_on_loopback: entry.plaintext_auth_on_loopback,
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
        match connections.enter(bound.service, stream.peer().ip()) {
            Ok(place) => {
                let serving = serve(world.clone(), Arc::clone(&bound), Arc::clone(&services), stream, place);
                world.tasks.spawn(Box::pin(serving));
            }
            Err(refusal) => {
                let service = bound.service;
                tracing::debug!(service = service.name(), peer = %stream.peer(), ?refusal, "refused connection");
                if let Some(leave) = connections.farewell() {
                    let world_there = world.clone();
                    world.tasks.spawn(Box::pin(async move {
                        farewell(&world_there, service, stream, refusal).await;
                        drop(leave);
                    }));
                }
            }
        }
    }
}

/// One connection, from the handshake to the end.
async fn serve(world: World, bound: Arc<Bound>, services: Arc<Services>, stream: Stream, place: Place) {
    let _place = place;
    let service = bound.service;
    let stream = if service.implicit_tls() {
        let peer = stream.peer();
        let handshake = services.acceptor.accept(stream, service.alpn());
        match world.clock.within(HANDSHAKE, handshake).await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                tracing::debug!(service = service.name(), %peer, %error, "TLS handshake failed");
                return;
            }
            None => return,
        }
    } else {
        stream
    };
    Box::pin(services.serve(stream, service, bound.plaintext_auth_on_loopback)).await;
}

/// Says in the protocol's own words why the connection is closed. Under implicit TLS nothing can be said.
async fn farewell(world: &World, service: Service, mut stream: Stream, refusal: Refusal) {
    let text = match refusal {
        Refusal::Busy => "Too many connections; try again later",
        Refusal::TooManyFromYou => "Too many connections from your address; try again later",
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
