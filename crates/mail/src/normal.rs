//! Normalization forms of Unicode, for what is compared although people write it in several ways.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed as Normalizer;

/// In Normalization Form C (RFC 5198 §3): names, and patterns of names.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Normalizer::new_nfc().normalize(text) }
}

/// In Normalization Form KC (RFC 4013 §2.2): names of users, and passwords.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Normalizer::new_nfkc().normalize(text) }
}
