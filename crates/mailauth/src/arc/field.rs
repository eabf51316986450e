//! The three fields of a set, and which set they belong to (RFC 8617 §4).

use std::collections::BTreeMap;

use mail::limits;

use super::Reason;
use crate::dkim::{self, Section};
use crate::tag_list::TagList;

/// The fields' names as people write them, in the order in which a seal covers them (RFC 8617 §5.1.1).
pub(super) const RESULTS: &str = "ARC-Authentication-Results";
pub(super) const MESSAGE: &str = "ARC-Message-Signature";
pub(super) const SEAL: &str = "ARC-Seal";

/// Where the fields of one instance stand.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) results: Vec<usize>,
    pub(super) message: Vec<usize>,
    pub(super) seal: Vec<usize>,
}

/// All fields of the chain by their instance. Empty if there is no chain.
pub(super) fn places(section: &Section) -> Result<BTreeMap<u8, Places>, Reason> {
    let mut sets: BTreeMap<u8, Places> = BTreeMap::new();
    for name in [RESULTS, MESSAGE, SEAL] {
        let found = section.named(&name.to_ascii_lowercase());
        if found.len() > limits::ARC_SETS {
            return Err(Reason::TooMany);
        }
        for &at in found {
            let value = section.field(at).value;
            let instance =
                if name == RESULTS { results_instance(value) } else { tagged_instance(name, value)? };
            let instance = instance.ok_or(Reason::NoInstance(name))?;
            if usize::from(instance) > limits::ARC_SETS {
                return Err(Reason::TooMany);
            }
            let set = sets.entry(instance).or_default();
            match name {
                RESULTS => set.results.push(at),
                MESSAGE => set.message.push(at),
                _ => set.seal.push(at),
            }
        }
    }
    Ok(sets)
}

/// `i=` of a field that is a tag list.
fn tagged_instance(name: &'static str, value: &[u8]) -> Result<Option<u8>, Reason> {
    let tags = TagList::parse(value).map_err(|error| Reason::Field(name, dkim::Reason::TagList(error)))?;
    Ok(tags.get("i").and_then(position))
}

/// `arc-info = instance [CFWS] ";" authres-payload` (RFC 8617 §4.1.1)
fn results_instance(value: &[u8]) -> Option<u8> {
    let (instance, _) = split_results(value)?;
    let tags = TagList::parse(instance).ok()?;
    tags.get("i").and_then(position)
}

/// What stands before and behind the first semicolon.
pub(super) fn split_results(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let semicolon = value.iter().position(|&b| b == b';')?;
    Some((&value[..semicolon], &value[semicolon + 1..]))
}

/// `position = 1*2DIGIT ; 1 - 50` (RFC 8617 §3.9)
fn position(text: &str) -> Option<u8> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&instance| digits && instance > 0)
}
