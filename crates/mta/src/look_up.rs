//! What an address of an envelope stands for.

use directory::Resolution;
use mail::Address;

use crate::settings::Settings;
use crate::{Mta, forwarding};

/// Asks the directory. RFC 5321 §4.5.1: whoever writes to the postmaster of this host reaches one, also where the
/// host's name is not one of our domains.
pub(crate) async fn look_up(
    mta: &Mta,
    settings: &Settings,
    address: &Address,
) -> Result<Resolution, directory::Error> {
    let resolution = forwarding::resolve(mta, address).await?;
    let postmaster = address.local().eq_ignore_ascii_case("postmaster");
    let here = address.domain() == Some(&settings.hostname);
    if !(resolution == Resolution::NotLocal && postmaster && here) {
        return Ok(resolution);
    }
    let Some(domain) = mta.directory.domains(None, 1).await?.pop() else { return Ok(resolution) };
    match Address::new(address.local(), mail::Host::Domain(domain)) {
        Ok(ours) => forwarding::resolve(mta, &ours).await,
        Err(_) => Ok(resolution),
    }
}
