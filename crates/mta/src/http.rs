//! One HTTP/1.1 request, one answer (RFC 9112): no redirects, no cookies, no second request on the same connection; bounded in
//! bytes, and by the caller in time.

pub(crate) mod public;
mod response;

use std::io;

use world::tls::{Connector, Demand};
use world::{Stream, World};

use crate::filters::{Host, Url, connect_tcp};

pub(crate) use response::Response;

/// Bytes read at once.
const READ: usize = 8 * 1024;

/// Connects to a server of the operator's own and says what comes: JSON is wanted for it. `fields` are further header fields,
/// each with its CRLF; then come `length` bytes of a body.
pub(crate) async fn post(
    world: &World,
    connector: Option<&Connector>,
    url: &Url,
    fields: &str,
    length: u64,
) -> Result<Stream, String> {
    let mut stream = connect_tcp(world, &url.host, url.port).await?;
    if let (true, Host::Name(name)) = (url.tls, &url.host) {
        let connector = connector.ok_or_else(|| "TLS is not set up here".to_owned())?;
        let demand = Demand::TrustedFor(name.clone());
        let secured = connector.connect(stream, name, demand).await;
        stream = secured.map_err(|error| format!("TLS failed: {error}"))?;
    }
    let usual = url.port == if url.tls { 443 } else { 80 };
    let port = if usual { String::new() } else { format!(":{}", url.port) };
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}{port}\r\nUser-Agent: posthouse\r\n{fields}\
         Accept: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        url.path, url.host
    );
    stream.write_all(head.as_bytes()).await.map_err(lost)?;
    Ok(stream)
}

/// Reads the answer; its headers and its body have at most `most` bytes each. Under TLS an end without TLS's own end may be
/// somebody else's: it is an error of the stream then, and ends nothing.
pub(crate) async fn read(stream: &mut Stream, most: usize) -> Result<Response, String> {
    let mut response = response::Incomplete::new(most);
    let mut buffer = vec![0; READ];
    loop {
        match stream.read(&mut buffer).await.map_err(lost)? {
            0 => return response.ended(),
            n => {
                if let Some(response) = response.take(buffer.get(..n).unwrap_or_default())? {
                    return Ok(response);
                }
            }
        }
    }
}

/// What is said of a connection that broke.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn lost(error: io::Error) -> String {
    format!("the connection was lost: {error}")
}
