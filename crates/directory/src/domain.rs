//! Our domains.

use mail::Domain;
use store::{Batch, Expect, Topic};

use crate::{Directory, Error, keys, lookup, signing};

impl Directory {
    /// Whether we take mail for the domain.
    pub async fn is_local_domain(&self, domain: &Domain) -> Result<bool, Error> {
        lookup::is_ours(&self.store.snapshot(), domain).await
    }

    /// Our domains by name, behind `after`, at most `limit`.
    pub async fn domains(&self, after: Option<&Domain>, limit: usize) -> Result<Vec<Domain>, Error> {
        let mut range = keys::domains();
        if let Some(after) = after {
            range = range.after(&keys::domain(after));
        }
        let found = self.store.snapshot().range(&range, limit).await?;
        Ok(found.iter().filter_map(|(key, _)| keys::domain_of(key)).collect())
    }

    /// Makes a domain ours.
    pub async fn add_domain(&self, batch: &mut Batch, domain: &Domain) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        if lookup::is_ours(&snapshot, domain).await? {
            return Err(Error::DomainExists(domain.clone()));
        }
        batch.expect(keys::domain(domain), Expect::Absent);
        batch.put(keys::domain(domain), vec![1]);
        if snapshot.get(&keys::secret()).await?.is_none() {
            batch.put(keys::secret(), self.secret.to_vec());
        }
        batch.notify(Topic::Directory);
        Ok(())
    }

    /// Gives up a domain without accounts and aliases.
    pub async fn remove_domain(&self, batch: &mut Batch, domain: &Domain) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        if !lookup::is_ours(&snapshot, domain).await? {
            return Err(Error::NoSuchDomain(domain.to_string()));
        }
        let count = keys::address_count(domain);
        if snapshot.counter(&count).await? != 0 {
            return Err(Error::DomainInUse(domain.clone()));
        }
        // Whoever adds an address steps the counter, and then this conflicts.
        let seen = snapshot.get(&count).await?.map_or(Expect::Absent, |found| Expect::Version(found.version));
        batch.expect(count, seen);
        batch.expect(keys::domain(domain), Expect::Present);
        batch.delete(keys::domain(domain));
        for key in signing::read(&snapshot, domain).await? {
            self.remove_signing_key(batch, domain, &key);
        }
        batch.notify(Topic::Directory);
        Ok(())
    }
}
