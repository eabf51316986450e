//! A report about TLS to a web server (RFC 8460 §5.4).

use mail::{Domain, limits};

use crate::Mta;
use crate::http::public::{Failure, Request, exchange};

/// Brings a packed report to a URI that begins with `https://`.
pub(super) async fn post(mta: &Mta, uri: &str, file: &[u8]) -> Result<(), String> {
    let (host, port, path) = parts(uri).ok_or_else(|| format!("{uri} names no host"))?;
    let request = Request {
        host: &host,
        port,
        what: format!("POST {path}"),
        fields: "Content-Type: application/tlsrpt+gzip\r\n",
        body: file,
        most: limits::STS_POLICY_LENGTH,
    };
    let settings = mta.settings();
    let exchanging = Box::pin(exchange(mta, &settings, &request));
    match mta.world.clock.within(limits::STS_FETCH_TIME, exchanging).await {
        // RFC 8460 §5.4: any of the 200s is good.
        Some(Ok(response)) if (200..300).contains(&response.code) => Ok(()),
        Some(Ok(response)) => Err(format!("{host} answers with {}", response.code)),
        Some(Err(Failure::Certificate(why) | Failure::Other(why))) => Err(why),
        None => Err(format!("{host} did not answer in time")),
    }
}

/// Host, port and what is asked of it. URIs of records have no control characters and no spaces.
fn parts(uri: &str) -> Option<(Domain, u16, String)> {
    let rest = uri.get(..8).filter(|start| start.eq_ignore_ascii_case("https://")).and(uri.get(8..))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, 443),
    };
    Some((Domain::new(host).ok()?, port, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_have_host_port_and_path() {
        for (uri, expected) in [
            ("https://r.test/v1?x=1#y", Some("r.test 443 /v1?x=1")),
            ("HTTPS://R.test:8443", Some("r.test 8443 /")),
            ("https://r.test?x", Some("r.test 443 /?x")),
            ("https://user@r.test/", None),
            ("https://r.test:x/", None),
            ("http://r.test/", None),
            ("https", None),
        ] {
            let found = parts(uri).map(|(host, port, path)| format!("{host} {port} {path}"));
            assert_eq!(found.as_deref(), expected, "{uri}");
        }
    }
}
