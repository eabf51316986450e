//! The store's own secret, from which those for single purposes are made.

use store::Snapshot;

use crate::credential::hmac_sha256;
use crate::{Directory, Error, keys};

impl Directory {
    /// A secret for one purpose: the same as long as the store lives, and worth nothing for other purposes.
    pub async fn secret_for(&self, purpose: &[u8]) -> Result<[u8; 32], Error> {
        Ok(hmac_sha256(&self.secret_in(&self.store.snapshot()).await?, purpose))
    }

    /// The secret itself. Until the store has one, with its first domain, this process's.
    pub(crate) async fn secret_in(&self, snapshot: &Snapshot) -> Result<Vec<u8>, Error> {
        let found = snapshot.get(&keys::secret()).await?;
        Ok(found.map_or_else(|| self.secret.to_vec(), |found| found.value.to_vec()))
    }
}
