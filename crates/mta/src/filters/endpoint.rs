//! Connections to filters. They are the operator's own, so private addresses are fine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use world::{Stream, World};

use super::rules::{Host, Socket};

pub(super) async fn connect(world: &World, socket: &Socket) -> Result<Stream, String> {
    match socket {
        Socket::Unix(path) => world.net.connect_local(path).await.map_err(|error| error.to_string()),
        Socket::Inet(host, port) => connect_tcp(world, host, *port).await,
    }
}

/// The first address that takes a connection.
pub(crate) async fn connect_tcp(world: &World, host: &Host, port: u16) -> Result<Stream, String> {
    let mut last = "it has no address".to_owned();
    for ip in addresses(world, host).await? {
        match world.net.connect(SocketAddr::new(ip, port), None).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

async fn addresses(world: &World, host: &Host) -> Result<Vec<IpAddr>, String> {
    match host {
        Host::Ip(ip) => Ok(vec![*ip]),
        // RFC 6761 §6.3: nobody needs to be asked.
        Host::Name(name) if name.as_str() == "localhost" => {
            Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        Host::Name(name) => world.dns.addresses(name).await.map_err(|error| error.to_string()),
    }
}
