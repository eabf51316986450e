//! What domains say of their TLS by MTA-STS, kept over restarts: a policy holds for as long as it says, also where
//! nobody can be asked (RFC 8461 §5.1, attacks A20). The text is not read here.

use std::time::Duration;

use mail::{Domain, Wall};
use store::Batch;
use store::codec::{Reader, Writer};

use crate::{Error, Queue, keys};

/// A policy as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPolicy {
    /// The id that DNS gave for it.
    pub id: String,
    /// The policy itself.
    pub text: String,
    /// When it was fetched.
    pub fetched: Wall,
    /// How long it holds from then on.
    pub max_age: Duration,
    /// When mail was last sent under it; not more exact than a day.
    pub used: Wall,
}

impl KeptPolicy {
    /// Whether it still holds. A clock that went back does not end it.
    pub fn holds(&self, now: Wall) -> bool {
        now.since(self.fetched) < self.max_age
    }
}

impl Queue {
    /// The policy that was last fetched for a domain, whether or not it still holds.
    pub async fn policy(&self, domain: &Domain) -> Result<Option<KeptPolicy>, Error> {
        match self.store.snapshot().get(&keys::sts(domain)).await? {
            Some(found) => decode(&found.value).map(|(_, policy)| Some(policy)),
            None => Ok(None),
        }
    }

    /// Keeps a policy in place of the one before.
    pub fn keep_policy(&self, batch: &mut Batch, domain: &Domain, policy: &KeptPolicy) {
        let mut w = Writer::new(1);
        w.text(domain.as_str()).text(&policy.id).text(&policy.text);
        w.wall(policy.fetched).varint(policy.max_age.as_secs()).wall(policy.used);
        batch.put(keys::sts(domain), w.finish());
    }

    /// Forgets a domain's policy.
    pub fn forget_policy(&self, batch: &mut Batch, domain: &Domain) {
        batch.delete(keys::sts(domain));
    }

    /// Policies of domains behind `after`, at most `limit`, in the order of their names.
    pub async fn policies(
        &self,
        after: Option<&Domain>,
        limit: usize,
    ) -> Result<Vec<(Domain, KeptPolicy)>, Error> {
        let mut range = keys::all_sts();
        if let Some(after) = after {
            range = range.after(&keys::sts(after));
        }
        let found = self.store.snapshot().range(&range, limit).await?;
        found.iter().map(|(_, found)| decode(&found.value)).collect()
    }
}

fn decode(bytes: &[u8]) -> Result<(Domain, KeptPolicy), Error> {
    let (mut r, _) = Reader::new(bytes, 1, "an MTA-STS policy")?;
    let domain = r.parsed()?;
    let (id, text) = (r.text()?.to_owned(), r.text()?.to_owned());
    let (fetched, max_age) = (r.wall()?, Duration::from_secs(r.varint()?));
    Ok((domain, KeptPolicy { id, text, fetched, max_age, used: r.wall()? }))
}
