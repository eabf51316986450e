//! Opens TCP connections to one host: its addresses in order, the next one early if the first is silent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use world::{BoxFuture, Either, Stream, World, race};

use crate::settings::Sources;

/// How long an address may be silent before the next one is tried beside it (RFC 8305 §5, with mail's patience).
const HEAD_START: Duration = Duration::from_secs(2);

/// A connection to the first of `addresses` that takes one within `timeout`, or the last error. `addresses` is not empty.
pub(crate) async fn connect(
    world: &World,
    timeout: Duration,
    sources: &Sources,
    addresses: &[SocketAddr],
) -> Result<Stream, (SocketAddr, io::Error)> {
    let mut last = None;
    for pair in addresses.chunks(2) {
        let first = one(world, timeout, sources, pair[0]);
        let outcome = match pair.get(1) {
            Some(second) => two(world, first, one(world, timeout, sources, *second)).await,
            None => first.await,
        };
        match outcome {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("a hop has at least one address"))
}

type Connecting = BoxFuture<'static, Result<Stream, (SocketAddr, io::Error)>>;

fn one(world: &World, timeout: Duration, sources: &Sources, to: SocketAddr) -> Connecting {
    let source = sources.towards(to.ip()).map(|source| source.address);
    let world = world.clone();
    Box::pin(async move {
        let silent = || io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
        match world.clock.within(timeout, world.net.connect(to, source)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err((to, error)),
            None => Err((to, silent())),
        }
    })
}

/// The first of two that connects; the second begins when the first fails or has had its head start.
async fn two(
    world: &World,
    mut first: Connecting,
    second: Connecting,
) -> Result<Stream, (SocketAddr, io::Error)> {
    match race(&mut first, world.clock.sleep(HEAD_START)).await {
        Either::Left(Ok(stream)) => return Ok(stream),
        Either::Left(Err(_)) => return second.await,
        Either::Right(()) => {}
    }
    let mut second = second;
    match race(&mut first, &mut second).await {
        Either::Left(Ok(stream)) | Either::Right(Ok(stream)) => Ok(stream),
        Either::Left(Err(_)) => second.await,
        Either::Right(Err(_)) => first.await,
    }
}
