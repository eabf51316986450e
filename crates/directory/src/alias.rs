//! Aliases: addresses that lead to others.

use mail::{Address, Domain};
use store::Batch;

use crate::{Directory, Error};

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
        let _ = (batch, address, targets);
        todo!()
    }

    /// Removes an alias.
    pub async fn remove_alias(&self, batch: &mut Batch, address: &Address) -> Result<(), Error> {
        let _ = (batch, address);
        todo!()
    }

    /// Aliases by address, behind `after`, at most `limit`; of one domain if given.
    pub async fn aliases(
        &self,
        domain: Option<&Domain>,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<Alias>, Error> {
        let _ = (domain, after, limit);
        todo!()
    }
}
