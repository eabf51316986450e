//! SCRAM-SHA-256 without clocks and stores: the messages of RFC 5802 §7 and what they prove.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Channel;
use crate::credential::{hmac_sha256, is_equal, sha256};
use crate::record::{Credential, Keys};

/// Why an exchange ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The message breaks the grammar.
    Malformed,
    /// It proves the wrong thing, or nothing.
    Refused,
}

/// `client-first-message`: who wants to log in, and how it binds to the channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientFirst {
    pub(crate) name: String,
    pub(crate) authorization: Option<String>,
    nonce: String,
    /// `client-first-message-bare`.
    bare: String,
    /// What `c=` must hold later: the GS2 header and the channel's data.
    binding: Vec<u8>,
}

/// Waits for `client-final-message`.
pub(crate) struct ServerFirst {
    binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare "," server-first-message ","`.
    transcript: String,
    /// Of the passwords that it may be.
    keys: Vec<Keys>,
}

/// RFC 5802 §7: `client-first-message = gs2-header client-first-message-bare`, where
/// `gs2-header = gs2-cbind-flag "," [ authzid ] ","`.
pub(crate) fn client_first(message: &[u8], plus: bool, channel: &Channel) -> Result<ClientFirst, Fault> {
    let text = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
    let mut parts = text.splitn(3, ',');
    let mut part = || parts.next().ok_or(Fault::Malformed);
    let (flag, authorization, bare) = (part()?, part()?, part()?);
    let header = &text[..text.len() - bare.len()];
    let binding = [header.as_bytes(), &bound(flag, plus, channel)?].concat();
    let authorization = match authorization {
        "" => None,
        given => Some(sasl_name(given.strip_prefix("a=").ok_or(Fault::Malformed)?)?),
    };
    let (name, nonce) = bare_parts(bare)?;
    Ok(ClientFirst { name, authorization, nonce: nonce.into(), bare: bare.into(), binding })
}

/// The data that a client with this `gs2-cbind-flag` must bind to.
fn bound(flag: &str, plus: bool, channel: &Channel) -> Result<Vec<u8>, Fault> {
    match flag {
        // RFC 5802 §6: with -PLUS the client must bind.
        "n" | "y" if plus => Err(Fault::Refused),
        // It believes that we cannot bind, though we said that we can: someone took -PLUS out of our list.
        "y" if channel.can_bind() => Err(Fault::Refused),
        "n" | "y" => Ok(Vec::new()),
        _ => {
            let kind = flag.strip_prefix("p=").ok_or(Fault::Malformed)?;
            // RFC 5802 §6: binding is for -PLUS only.
            let data = channel.data(kind).filter(|_| plus);
            data.map(<[u8]>::to_vec).ok_or(Fault::Refused)
        }
    }
}

/// `client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]`.
fn bare_parts(bare: &str) -> Result<(String, &str), Fault> {
    let mut parts = bare.split(',');
    let mut attribute = |key: &str| parts.next().and_then(|p| p.strip_prefix(key)).ok_or(Fault::Malformed);
    // A mandatory extension ("m=") is not understood, so it fails here (RFC 5802 §5.1).
    let name = sasl_name(attribute("n=")?)?;
    let nonce = attribute("r=")?;
    let printable = |b: u8| (0x21..=0x7e).contains(&b);
    if nonce.is_empty() || !nonce.bytes().all(printable) {
        return Err(Fault::Malformed);
    }
    Ok((name, nonce))
}

/// `saslname`: `=2C` for a comma, `=3D` for an equals sign, and no other `=`.
pub(super) fn sasl_name(text: &str) -> Result<String, Fault> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('=');
    name.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (escaped, rest) = part.split_at_checked(2).ok_or(Fault::Malformed)?;
        name.push(match escaped {
            "2C" => ',',
            "3D" => '=',
            _ => return Err(Fault::Malformed),
        });
        name.push_str(rest);
    }
    if name.is_empty() { Err(Fault::Malformed) } else { Ok(name) }
}

impl ClientFirst {
    /// Answers with `server-first-message`: our nonce behind the client's, salt and iterations. `others` are further
    /// passwords under the same ones.
    pub(crate) fn answer(
        self,
        server_nonce: &str,
        credential: Credential,
        others: impl Iterator<Item = Keys>,
    ) -> (String, ServerFirst) {
        let nonce = self.nonce + server_nonce;
        let salt = BASE64.encode(&credential.salt);
        let message = format!("r={nonce},s={salt},i={}", credential.iterations);
        let transcript = format!("{},{message},", self.bare);
        let keys = std::iter::once(credential.keys).chain(others).collect();
        (message, ServerFirst { binding: self.binding, nonce, transcript, keys })
    }
}

impl ServerFirst {
    /// Checks `client-final-message` and gives `server-final-message`, which proves to the client that we know its keys,
    /// and which password it was: 0 is the credential's, then come the others.
    pub(crate) fn finish(&self, message: &[u8]) -> Result<(String, usize), Fault> {
        let text = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Fault::Malformed)?;
        let proof = BASE64.decode(proof).map_err(|_| Fault::Malformed)?;
        let mut parts = without_proof.split(',');
        let mut attribute =
            |key: &str| parts.next().and_then(|p| p.strip_prefix(key)).ok_or(Fault::Malformed);
        let binding = BASE64.decode(attribute("c=")?).map_err(|_| Fault::Malformed)?;
        let nonce = attribute("r=")?;
        let message = format!("{}{without_proof}", self.transcript);
        let is_bound = is_equal(&binding, &self.binding) && is_equal(nonce.as_bytes(), self.nonce.as_bytes());
        // Looks at all, whichever it is.
        let proved = self.keys.iter().enumerate().fold(None, |proved, (place, keys)| {
            if is_proof(keys, &proof, &message) { Some((place, keys)) } else { proved }
        });
        let (place, keys) = proved.filter(|_| is_bound).ok_or(Fault::Refused)?;
        let signature = hmac_sha256(&keys.server_key, message.as_bytes());
        Ok((format!("v={}", BASE64.encode(signature)), place))
    }
}

/// RFC 5802 §3: the proof is ClientKey XOR ClientSignature, and StoredKey is ClientKey's hash.
fn is_proof(keys: &Keys, proof: &[u8], message: &str) -> bool {
    let signature = hmac_sha256(&keys.stored_key, message.as_bytes());
    if proof.len() != signature.len() {
        return false;
    }
    let client_key: Vec<u8> = proof.iter().zip(signature).map(|(p, s)| p ^ s).collect();
    is_equal(&sha256(&client_key), &keys.stored_key)
}
