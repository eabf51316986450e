//! A request to a host that somebody else names: over TLS with a certificate that is good, and to public addresses only, as
//! mail goes (attacks A28).

use std::net::SocketAddr;

use mail::{Domain, ReversePath};
use world::tls::{Demand, Fault};

use super::{Response, lost, read};
use crate::Mta;
use crate::relay::{connect, is_public};
use crate::settings::Settings;

/// What is asked.
pub(crate) struct Request<'a> {
    /// Whose server.
    pub(crate) host: &'a Domain,
    /// Usually 443.
    pub(crate) port: u16,
    /// Method and path.
    pub(crate) what: String,
    /// Header fields, each with its CRLF; `Host`, `User-Agent`, `Content-Length` and `Connection` come by themselves.
    pub(crate) fields: &'static str,
    /// What goes along.
    pub(crate) body: &'a [u8],
    /// Bytes of the answer's headers and of its body, at most.
    pub(crate) most: usize,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The certificate is not good.
    Certificate(String),
    /// Anything else.
    Other(String),
}

/// Sends the request and reads the answer, whatever it says.
pub(crate) async fn exchange(
    mta: &Mta,
    settings: &Settings,
    request: &Request<'_>,
) -> Result<Response, Failure> {
    let host = request.host;
    let addresses = addresses(mta, settings, host, request.port).await?;
    let outbound = &settings.outbound;
    let sources = outbound.sources(&[], &ReversePath::default());
    let stream = connect(&mta.world, outbound.connect_timeout, &sources, &addresses).await;
    let stream =
        stream.map_err(|(_, error)| Failure::Other(format!("connecting to {host} failed: {error}")))?;
    let connector = mta.connector.as_ref();
    let connector = connector.ok_or_else(|| Failure::Other("TLS is not set up here".into()))?;
    let demand = Demand::TrustedFor(host.clone());
    let mut stream = connector.connect(stream, host, demand).await.map_err(|error| {
        let why = format!("the TLS handshake with {host} failed: {error}");
        if Fault::of(&error).is_some() { Failure::Certificate(why) } else { Failure::Other(why) }
    })?;
    let port = if request.port == 443 { String::new() } else { format!(":{}", request.port) };
    let length = match request.body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    let head = format!(
        "{} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: posthouse\r\n{}{length}Connection: close\r\n\r\n",
        request.what, request.fields
    );
    let failed = |why: String| Failure::Other(format!("{host}: {why}"));
    for part in [head.as_bytes(), request.body] {
        stream.write_all(part).await.map_err(|error| failed(lost(error)))?;
    }
    read(&mut stream, request.most).await.map_err(failed)
}

async fn addresses(
    mta: &Mta,
    settings: &Settings,
    host: &Domain,
    port: u16,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = mta.world.dns.addresses(host).await;
    let found =
        found.map_err(|error| Failure::Other(format!("the address of {host} cannot be had: {error}")))?;
    let outbound = &settings.outbound;
    let usable: Vec<SocketAddr> = found
        .into_iter()
        .filter(|ip| outbound.allow_private || is_public(*ip))
        .take(outbound.hosts_tried)
        .map(|ip| SocketAddr::new(ip, port))
        .collect();
    if usable.is_empty() {
        return Err(Failure::Other(format!("{host} has no public address")));
    }
    Ok(usable)
}
