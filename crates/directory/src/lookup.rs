//! Who has an address.

use mail::{Address, Domain};
use store::{Snapshot, Version};

use crate::record::Owner;
use crate::{Error, keys};

/// The local-part of a domain's catch-all.
pub(crate) const CATCH_ALL: &str = "*";

/// A local-part as it is compared: in lower case.
pub(crate) fn fold(local: &str) -> String {
    local.to_lowercase()
}

/// An address as it is compared: its domain, unless it is a literal, and the folded local-part.
pub(crate) fn folded(address: &Address) -> Option<(&Domain, String)> {
    address.domain().map(|domain| (domain, fold(address.local())))
}

/// Who has exactly this address.
pub(crate) async fn owner(
    snapshot: &Snapshot,
    domain: &Domain,
    local: &str,
) -> Result<Option<(Owner, Version)>, Error> {
    match snapshot.get(&keys::address(domain, local)).await? {
        Some(found) => Ok(Some((Owner::decode(&found.value)?, found.version))),
        None => Ok(None),
    }
}

/// Whether the domain is ours.
pub(crate) async fn is_ours(snapshot: &Snapshot, domain: &Domain) -> Result<bool, Error> {
    Ok(snapshot.get(&keys::domain(domain)).await?.is_some())
}
