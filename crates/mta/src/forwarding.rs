//! Mail that an alias leads elsewhere: the reverse-path is rewritten where the sender's domain would not let us send for it
//! (SRS), so that the next server's SPF check speaks of us, and what comes back to a rewritten address finds its way.

use directory::{Resolution, Target};
use mail::{Address, Domain, Host, ReversePath, Wall};
use mailauth::srs::{self, Srs};

use crate::Mta;

/// Where mail for `address` goes: what the directory says, or for an address that we rewrote once, back to whom it was
/// (SRS). RCPT goes by it.
pub(crate) async fn resolve(mta: &Mta, address: &Address) -> Result<Resolution, directory::Error> {
    let now = mta.world.clock.wall();
    led_back(mta, address, |srs| srs.reverse(address, now)).await
}

/// The same for a report of our own, however old the address is (P3).
pub(crate) async fn resolve_for_report(mta: &Mta, address: &Address) -> Result<Resolution, directory::Error> {
    led_back(mta, address, |srs| srs.original(address)).await
}

async fn led_back(
    mta: &Mta,
    address: &Address,
    reverse: impl FnOnce(Srs) -> Result<Address, srs::Error>,
) -> Result<Resolution, directory::Error> {
    let resolution = mta.directory.resolve(address).await?;
    let Some(domain) = address.domain().filter(|_| resolution != Resolution::NotLocal) else {
        return Ok(resolution);
    };
    let looks_rewritten = address.local().get(..3).is_some_and(|tag| tag.eq_ignore_ascii_case("SRS"));
    if !looks_rewritten {
        return Ok(resolution);
    }
    match srs(mta, domain).await?.and_then(reverse) {
        Ok(original) => Ok(Resolution::Targets(vec![Target::Remote(original)])),
        // A user may have an address that looks like one.
        Err(error) => {
            tracing::debug!(%address, %error, "an address is not led back");
            Ok(resolution)
        }
    }
}

/// The reverse-path with which mail goes on that an alias of `domain` leads elsewhere.
pub(crate) async fn reverse_path(
    mta: &Mta,
    path: &ReversePath,
    domain: &Domain,
    now: Wall,
) -> Result<ReversePath, directory::Error> {
    let Some(sender) = &path.0 else { return Ok(path.clone()) };
    let Host::Domain(from) = sender.host() else { return Ok(path.clone()) };
    if mta.directory.is_local_domain(from).await? {
        return Ok(path.clone());
    }
    match srs(mta, domain).await?.and_then(|srs| srs.rewrite(sender, now)) {
        Ok(rewritten) => Ok(ReversePath(Some(rewritten))),
        Err(error) => {
            tracing::debug!(%sender, %error, "a forwarded message keeps its reverse-path");
            Ok(path.clone())
        }
    }
}

async fn srs(mta: &Mta, domain: &Domain) -> Result<Result<Srs, srs::Error>, directory::Error> {
    Ok(Srs::new(domain.clone(), &[mta.directory.secret_for(b"srs").await?]))
}
