//! The keys with which a domain signs its mail (DKIM, RFC 6376), and where each is in its life: published, in use,
//! then kept in DNS a while for mail that is still under way. What is in a key is not this crate's business.

use mail::{Domain, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Snapshot, Topic, Version};

use crate::{Directory, Error, keys};

/// Keys of one domain.
const KEYS: usize = 20;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// Its record is to be published; nothing is signed with it until DNS shows it.
    Waiting,
    /// Mail is signed with it.
    Active,
    /// Nothing is signed with it any more; its record stays while mail that was may be under way.
    Retired,
}

/// One key of a domain.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// `s=`: the name before `._domainkey`.
    pub selector: String,
    /// `a=` of its signatures: `rsa-sha256`, `ed25519-sha256`.
    pub algorithm: String,
    /// PKCS #8, DER.
    pub pkcs8: Vec<u8>,
    /// What its TXT record says (RFC 6376 §3.6.1).
    pub record: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// Since when.
    pub since: Wall,
    /// The commit that wrote it; a change expects it.
    pub version: Option<Version>,
}

// Never print a private key.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("selector", &self.selector)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    fn encode(&self) -> Vec<u8> {
        let state = match self.state {
            KeyState::Waiting => 1,
            KeyState::Active => 2,
            KeyState::Retired => 3,
        };
        let mut w = Writer::new(1);
        w.text(&self.algorithm).bytes(&self.pkcs8).text(&self.record).u8(state).wall(self.since);
        w.finish()
    }

    fn decode(selector: &str, bytes: &[u8], version: Version) -> Result<Self, store::Error> {
        let (mut r, _) = Reader::new(bytes, 1, "a domain's signing key")?;
        let (algorithm, pkcs8, record) = (r.text()?.to_owned(), r.bytes()?.to_vec(), r.text()?.to_owned());
        let state = match r.u8()? {
            1 => KeyState::Waiting,
            2 => KeyState::Active,
            3 => KeyState::Retired,
            _ => return Err(r.damaged()),
        };
        let (selector, since) = (selector.to_owned(), r.wall()?);
        Ok(Self { selector, algorithm, pkcs8, record, state, since, version: Some(version) })
    }
}

impl Directory {
    /// A domain's keys, by selector.
    pub async fn signing_keys(&self, domain: &Domain) -> Result<Vec<SigningKey>, Error> {
        read(&self.store.snapshot(), domain).await
    }

    /// Writes a key as it is from now on. Two changes of one key conflict.
    pub fn put_signing_key(&self, batch: &mut Batch, domain: &Domain, key: &SigningKey) {
        let name = keys::signing_key(domain, &key.selector);
        batch.expect(keys::domain(domain), Expect::Present);
        batch.expect(name.clone(), key.version.map_or(Expect::Absent, Expect::Version));
        batch.put(name, key.encode());
        batch.notify(Topic::Directory);
    }

    /// The same for a domain that this very batch makes ours.
    pub fn put_first_signing_key(&self, batch: &mut Batch, domain: &Domain, key: &SigningKey) {
        let name = keys::signing_key(domain, &key.selector);
        batch.expect(name.clone(), Expect::Absent);
        batch.put(name, key.encode());
    }

    /// Forgets a key.
    pub fn remove_signing_key(&self, batch: &mut Batch, domain: &Domain, key: &SigningKey) {
        let name = keys::signing_key(domain, &key.selector);
        batch.expect(name.clone(), key.version.map_or(Expect::Absent, Expect::Version));
        batch.delete(name);
        batch.notify(Topic::Directory);
    }
}

/// The keys of a domain, by selector.
pub(crate) async fn read(snapshot: &Snapshot, domain: &Domain) -> Result<Vec<SigningKey>, Error> {
    let found = snapshot.range(&keys::signing_keys(domain), KEYS).await?;
    let decoded = found.iter().map(|(key, found)| {
        let selector = keys::selector_of(key, domain).ok_or_else(keys::damaged)?;
        Ok(SigningKey::decode(&selector, &found.value, found.version)?)
    });
    decoded.collect()
}
