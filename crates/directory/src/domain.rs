//! Our domains.

use mail::Domain;
use store::Batch;

use crate::{Directory, Error};

impl Directory {
    /// Whether we take mail for the domain.
    pub async fn is_local_domain(&self, domain: &Domain) -> Result<bool, Error> {
        let _ = domain;
        todo!()
    }

    /// Our domains by name, behind `after`, at most `limit`.
    pub async fn domains(&self, after: Option<&Domain>, limit: usize) -> Result<Vec<Domain>, Error> {
        let _ = (after, limit);
        todo!()
    }

    /// Makes a domain ours.
    pub async fn add_domain(&self, batch: &mut Batch, domain: &Domain) -> Result<(), Error> {
        let _ = (batch, domain);
        todo!()
    }

    /// Gives up a domain without accounts and aliases.
    pub async fn remove_domain(&self, batch: &mut Batch, domain: &Domain) -> Result<(), Error> {
        let _ = (batch, domain);
        todo!()
    }
}
