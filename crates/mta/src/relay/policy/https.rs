//! Fetches an MTA-STS policy (RFC 8461 §3.3): one GET, whose answer must be a text with status 200.

use journey::TlsResult;
use mail::{Domain, limits};

use super::Complaint;
use crate::Mta;
use crate::http::Response;
use crate::http::public::{Failure, Request, exchange};
use crate::settings::Settings;

/// The text of a domain's policy, as its server gives it.
pub(super) async fn get(mta: &Mta, settings: &Settings, domain: &Domain) -> Result<Vec<u8>, Complaint> {
    let host =
        Domain::new(&format!("mta-sts.{domain}")).map_err(|_| failed("the domain's name is too long"))?;
    let request = Request {
        host: &host,
        port: settings.outbound.tls.sts_port,
        what: "GET /.well-known/mta-sts.txt".into(),
        fields: "Accept: text/plain\r\n",
        body: &[],
        most: limits::STS_POLICY_LENGTH,
    };
    // In a box: it is large, seldom needed, and part of every attempt otherwise.
    let fetching = Box::pin(exchange(mta, settings, &request));
    match mta.world.clock.within(limits::STS_FETCH_TIME, fetching).await {
        Some(Ok(response)) => policy(response).map_err(|why| failed(format!("{host}: {why}"))),
        Some(Err(Failure::Certificate(why))) => Err(Complaint::new(TlsResult::StsWebpkiInvalid, why)),
        Some(Err(Failure::Other(why))) => Err(failed(why)),
        None => Err(failed(format!("{host} did not give the policy in time"))),
    }
}

/// RFC 8461 §3.3: also no redirect is followed.
fn policy(response: Response) -> Result<Vec<u8>, String> {
    match (response.code, response.media_type.as_str()) {
        (200, "text/plain") => Ok(response.body),
        (200, _) => Err("the answer is not of type text/plain".into()),
        (code, _) => Err(format!("the answer is {code} instead of 200")),
    }
}

fn failed(detail: impl Into<String>) -> Complaint {
    Complaint::new(TlsResult::StsPolicyFetchError, detail)
}
