//! Fetches an MTA-STS policy (RFC 8461 §3.3): one GET over a connection whose certificate must be good; no redirects,
//! no cookies, bounded in bytes and time. It goes to public addresses only, as mail does (attacks A28).

mod response;

use std::net::SocketAddr;

use journey::TlsResult;
use mail::{Domain, ReversePath, limits};
use world::Stream;
use world::tls::{Demand, Fault};

use super::Complaint;
use crate::Mta;
use crate::relay::connect::connect;
use crate::relay::route::is_public;
use crate::settings::Settings;
use response::Response;

/// The text of a domain's policy, as its server gives it.
pub(super) async fn get(mta: &Mta, settings: &Settings, domain: &Domain) -> Result<Vec<u8>, Complaint> {
    let host =
        Domain::new(&format!("mta-sts.{domain}")).map_err(|_| failed("the domain's name is too long"))?;
    // In a box: it is large, seldom needed, and part of every attempt otherwise.
    let fetching = Box::pin(fetch(mta, settings, &host));
    match mta.world.clock.within(limits::STS_FETCH_TIME, fetching).await {
        Some(outcome) => outcome,
        None => Err(failed(format!("{host} did not give the policy in time"))),
    }
}

async fn fetch(mta: &Mta, settings: &Settings, host: &Domain) -> Result<Vec<u8>, Complaint> {
    let addresses = addresses(mta, settings, host).await?;
    let outbound = &settings.outbound;
    let sources = outbound.sources(&[], &ReversePath::default());
    let stream = connect(&mta.world, outbound.connect_timeout, &sources, &addresses).await;
    let stream = stream.map_err(|(_, error)| failed(format!("connecting to {host} failed: {error}")))?;
    let connector = mta.connector.as_ref().ok_or_else(|| failed("TLS is not set up here"))?;
    let demand = Demand::TrustedFor(host.clone());
    let mut stream = connector.connect(stream, host, demand).await.map_err(|error| {
        let result = match Fault::of(&error) {
            Some(_) => TlsResult::StsWebpkiInvalid,
            None => TlsResult::StsPolicyFetchError,
        };
        Complaint::new(result, format!("the TLS handshake with {host} failed: {error}"))
    })?;
    let request = format!(
        "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\nUser-Agent: posthouse\r\n\
         Connection: close\r\n\r\n"
    );
    let lost = |error| failed(format!("the connection to {host} was lost: {error}"));
    stream.write_all(request.as_bytes()).await.map_err(lost)?;
    answer(&mut stream).await.map_err(|why| failed(format!("{host}: {why}")))
}

async fn addresses(mta: &Mta, settings: &Settings, host: &Domain) -> Result<Vec<SocketAddr>, Complaint> {
    let found = mta.world.dns.addresses(host).await;
    let found = found.map_err(|error| failed(format!("the address of {host} cannot be had: {error}")))?;
    let outbound = &settings.outbound;
    let usable: Vec<SocketAddr> = found
        .into_iter()
        .filter(|ip| outbound.allow_private || is_public(*ip))
        .take(outbound.hosts_tried)
        .map(|ip| SocketAddr::new(ip, outbound.tls.sts_port))
        .collect();
    if usable.is_empty() { Err(failed(format!("{host} has no public address"))) } else { Ok(usable) }
}

/// Reads the answer. An end without TLS's own end may be somebody else's, and ends nothing.
async fn answer(stream: &mut Stream) -> Result<Vec<u8>, String> {
    let mut response = Response::default();
    let mut buffer = vec![0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return response.ended().map_err(str::to_owned),
            Ok(n) => {
                if let Some(body) = response.take(&buffer[..n])? {
                    return Ok(body);
                }
            }
            Err(error) => return Err(format!("the connection was lost: {error}")),
        }
    }
}

fn failed(detail: impl Into<String>) -> Complaint {
    Complaint::new(TlsResult::StsPolicyFetchError, detail)
}
