//! Aliases: addresses that lead to others.

use mail::{Address, Domain, limits};
use store::{Batch, Expect, Topic};

use crate::lookup::folded;
use crate::record::Owner;
use crate::{Directory, Error, keys, lookup, resolve};

/// Addresses read at a time.
const PAGE: usize = 1000;

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The address; `*@domain` is the domain's catch-all.
    pub address: Address,
    /// Where it leads, at least one.
    pub targets: Vec<Address>,
}

impl Directory {
    /// Adds an alias. `*@domain` catches what nobody else has. Refused if it would lead in a circle.
    pub async fn add_alias(
        &self,
        batch: &mut Batch,
        address: &Address,
        targets: &[Address],
    ) -> Result<(), Error> {
        if targets.is_empty() {
            return Err(Error::NoTargets);
        }
        if targets.len() > limits::ALIAS_TARGETS {
            return Err(Error::AliasLimit(address.to_string()));
        }
        let snapshot = self.store.snapshot();
        for target in targets {
            if resolve::leads_to(&snapshot, target, address).await? {
                return Err(Error::AliasLimit(address.to_string()));
            }
        }
        let owner = Owner::Alias(address.clone(), targets.to_vec());
        self.claim(&snapshot, batch, address, &owner).await
    }

    /// Removes an alias.
    pub async fn remove_alias(&self, batch: &mut Batch, address: &Address) -> Result<(), Error> {
        let missing = || Error::NoSuchAlias(address.to_string());
        let (domain, local) = folded(address).ok_or_else(missing)?;
        let found = lookup::owner(&self.store.snapshot(), domain, &local).await?;
        let Some((Owner::Alias(..), version)) = found else { return Err(missing()) };
        let key = keys::address(domain, &local);
        batch.expect(key.clone(), Expect::Version(version));
        batch.delete(key);
        batch.count(keys::address_count(domain), -1);
        batch.notify(Topic::Directory);
        Ok(())
    }

    /// Aliases by address, behind `after`, at most `limit`; of one domain if given.
    pub async fn aliases(
        &self,
        domain: Option<&Domain>,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<Alias>, Error> {
        let snapshot = self.store.snapshot();
        let mut range = keys::addresses(domain);
        if let Some((domain, local)) = after.and_then(folded) {
            range = range.after(&keys::address(domain, &local));
        }
        let mut aliases = Vec::new();
        while aliases.len() < limit {
            let page = snapshot.range(&range, PAGE).await?;
            for (_, found) in &page {
                if let Owner::Alias(address, targets) = Owner::decode(&found.value)? {
                    aliases.push(Alias { address, targets });
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => break,
            }
        }
        aliases.truncate(limit);
        Ok(aliases)
    }
}
