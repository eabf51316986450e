//! Signs mail of ours (DKIM, RFC 6376) and seals what is forwarded (ARC, RFC 8617), with the keys of our domains. The
//! fields stand in front of the copies that leave; what lies in our own mailboxes needs no proof of where it comes from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use directory::{Directory, KeyState, SigningKey};
use mail::{Domain, Wall};
use mailauth::arc;
use mailauth::dkim::{self, Draft, Hashed, Signer};
use store::{Store, Topic, Watch};

/// Domains whose keys are held ready.
const READY: usize = 10_000;

/// The keys in use, read once and then held ready until the directory changes.
pub(crate) struct Signers {
    directory: Arc<Directory>,
    store: Arc<dyn Store>,
    held: Mutex<Held>,
}

struct Held {
    changes: Watch,
    ready: BTreeMap<Domain, Arc<[Signer]>>,
}

impl Signers {
    pub(crate) fn new(directory: Arc<Directory>, store: Arc<dyn Store>) -> Self {
        let held = Held { changes: store.watch(Topic::Directory), ready: BTreeMap::new() };
        Self { directory, store, held: Mutex::new(held) }
    }

    /// The keys with which mail from `author` is signed: its own, else those of the closest domain above it that is
    /// ours, which is aligned with it in DMARC's relaxed way (RFC 9989 §4.5). Empty where there are none.
    pub(crate) async fn for_author(&self, author: &Domain) -> Result<Arc<[Signer]>, directory::Error> {
        let mut name = author.as_str();
        loop {
            let Ok(domain) = Domain::new(name) else { return Ok(Arc::new([])) };
            let signers = self.of(&domain).await?;
            match name.split_once('.') {
                Some((_, above)) if signers.is_empty() && above.contains('.') => name = above,
                _ => return Ok(signers),
            }
        }
    }

    /// The keys that a domain signs with now.
    pub(crate) async fn of(&self, domain: &Domain) -> Result<Arc<[Signer]>, directory::Error> {
        if let Some(ready) = self.ready(domain) {
            return Ok(ready);
        }
        let keys = self.directory.signing_keys(domain).await?;
        let in_use = keys.iter().filter(|key| key.state == KeyState::Active);
        let signers: Arc<[Signer]> = in_use.filter_map(|key| signer(domain, key)).collect();
        let mut held = self.held.lock().expect("no holder panics");
        // A change since then is seen by whoever comes next.
        if held.ready.len() < READY && !held.changes.has_changed() {
            held.ready.insert(domain.clone(), Arc::clone(&signers));
        }
        Ok(signers)
    }

    fn ready(&self, domain: &Domain) -> Option<Arc<[Signer]>> {
        let mut held = self.held.lock().expect("no holder panics");
        if held.changes.has_changed() {
            *held = Held { changes: self.store.watch(Topic::Directory), ready: BTreeMap::new() };
        }
        held.ready.get(domain).cloned()
    }
}

/// A key as it can be used; one that cannot is told of and left out, rather than mail be refused for it.
fn signer(domain: &Domain, key: &SigningKey) -> Option<Signer> {
    let selector = Domain::new(&key.selector).map_err(|error| error.to_string());
    let pair = dkim::SigningKey::from_pkcs8(&key.pkcs8).map_err(|error| error.to_string());
    match selector.and_then(|selector| Ok((selector, pair?))) {
        Ok((selector, pair)) => Some(Signer { domain: domain.clone(), selector, key: pair }),
        Err(error) => {
            tracing::error!(%domain, selector = key.selector, error, "a signing key cannot be used");
            None
        }
    }
}

/// DKIM-Signature fields by all keys (RFC 6376 §5), to stand in front of the message; empty where it cannot be signed.
pub(crate) fn sign(hashed: &Hashed, signers: &[Signer], now: Wall) -> String {
    let mut fields = String::new();
    for signer in signers {
        match hashed.sign(signer, now, None) {
            Ok(field) => fields += &field,
            Err(error) => tracing::warn!(domain = %signer.domain, %error, "a message was not signed"),
        }
    }
    fields
}

/// The same for a message that is there as a whole.
pub(crate) fn sign_bytes(message: &[u8], signers: &[Signer], now: Wall) -> String {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let (header, body) = message.split_at(end);
    let mut draft = Draft::new(header);
    draft.feed(body.strip_prefix(b"\r\n").unwrap_or(body));
    draft.finish().map(|hashed| sign(&hashed, signers, now)).unwrap_or_default()
}

/// The three fields of an ARC set (RFC 8617 §5.1): what we found, sealed by the domain that forwards. Empty where nothing
/// may be added to the chain.
pub(crate) fn seal(
    hashed: &Hashed,
    chain: &arc::Outcome,
    results: &str,
    signers: &[Signer],
    now: Wall,
) -> String {
    // RFC 8617 §4.1.2 knows RSA only.
    let Some(signer) = signers.iter().find(|signer| signer.key.algorithm() == dkim::Algorithm::RsaSha256)
    else {
        return String::new();
    };
    arc::seal(hashed, chain, results, signer, now).unwrap_or_else(|error| {
        tracing::debug!(domain = %signer.domain, %error, "a forwarded message was not sealed");
        String::new()
    })
}
