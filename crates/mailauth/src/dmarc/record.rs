//! DMARC Policy Records (RFC 9989 §4.7, §4.8).

use std::fmt;

use crate::report::destination::{self, Destination};
use crate::tag_list::{TagList, items};

/// What a Domain Owner asks to be done with mail that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Nothing in particular.
    #[default]
    None,
    /// Treat it as suspicious.
    Quarantine,
    /// It is not from us.
    Reject,
}

impl Policy {
    /// The word in records, headers and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    /// RFC 9989 §4.8: `dmarc-request`, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject].into_iter().find(|p| word.eq_ignore_ascii_case(p.word()))
    }

    /// One level below, as the test mode asks (RFC 9989 §4.7 `t`).
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How alike an Authenticated Identifier and the Author Domain must be (RFC 9989 §3.2.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alignment {
    /// Of the same Organizational Domain.
    #[default]
    Relaxed,
    /// Identical.
    Strict,
}

impl Alignment {
    /// The letter in records and reports.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Relaxed => "r",
            Self::Strict => "s",
        }
    }

    fn parse(letter: &str) -> Option<Self> {
        [Self::Relaxed, Self::Strict].into_iter().find(|a| letter.eq_ignore_ascii_case(a.letter()))
    }
}

/// Whether a domain is a Public Suffix Domain (RFC 9989 §4.7 `psd`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicSuffix {
    /// The record does not say.
    #[default]
    Unknown,
    /// It is one: organizations are registered below it.
    Yes,
    /// It is none, but the Organizational Domain of itself and what is below.
    No,
}

/// When failure reports are asked for (RFC 9989 §4.7 `fo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "the tag's own independent letters")]
pub struct FailureOptions {
    /// `0`: when nothing passes and is aligned.
    pub all_fail: bool,
    /// `1`: when anything fails or is not aligned.
    pub any_fails: bool,
    /// `d`: when a signature fails.
    pub dkim: bool,
    /// `s`: when SPF fails.
    pub spf: bool,
}

impl Default for FailureOptions {
    fn default() -> Self {
        Self { all_fail: true, any_fails: false, dkim: false, spf: false }
    }
}

impl FailureOptions {
    /// `None` for a letter that is none, or for `0` and `1` together.
    fn parse(value: &str) -> Option<Self> {
        let mut options = Self { all_fail: false, any_fails: false, dkim: false, spf: false };
        for letter in items(value, ':') {
            match letter {
                "0" => options.all_fail = true,
                "1" => options.any_fails = true,
                "d" | "D" => options.dkim = true,
                "s" | "S" => options.spf = true,
                _ => return None,
            }
        }
        (!(options.all_fail && options.any_fails)).then_some(options)
    }
}

impl fmt::Display for FailureOptions {
    /// The tag's value, `0:d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(self.all_fail, "0"), (self.any_fails, "1"), (self.dkim, "d"), (self.spf, "s")];
        let set: Vec<&str> = letters.into_iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect();
        f.write_str(&set.join(":"))
    }
}

/// What a record says about mail from its domain. Tags that RFC 9989 took away (`pct`, `rf`, `ri`) are unknown tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `p`; `None` if the record asks for nothing at all, neither a policy nor reports (RFC 9989 §4.10.1).
    pub policy: Option<Policy>,
    /// `sp`: for subdomains that exist.
    pub subdomains: Option<Policy>,
    /// `np`: for subdomains that do not exist.
    pub missing_subdomains: Option<Policy>,
    /// `t=y`: failing mail is to be treated one level below the policy.
    pub testing: bool,
    /// `psd`.
    pub public_suffix: PublicSuffix,
    /// `adkim`.
    pub dkim_alignment: Alignment,
    /// `aspf`.
    pub spf_alignment: Alignment,
    /// `rua`: where aggregate reports are wanted. Malformed ones are left out.
    pub aggregate_reports: Vec<Destination>,
    /// `ruf`: where failure reports are wanted.
    pub failure_reports: Vec<Destination>,
    /// `fo`.
    pub failure_options: FailureOptions,
}

/// Tags one by one: what is no `name=value` is skipped, of a name that stands twice the first counts (RFC 9989 §4.8:
/// syntax errors behind the version are ignored).
struct Tags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Tags<'a> {
    fn parse(text: &'a [u8]) -> Self {
        let pieces = text.split(|&b| b == b';').take(mail::limits::TAGS);
        let tags = pieces.filter_map(|piece| TagList::parse(piece).ok());
        Self(tags.filter_map(|list| list.tags().first().map(|tag| (tag.name, tag.value))).collect())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The tag's meaning, or the default when it is absent or malformed.
    fn meant<T: Default>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        self.get(name).and_then(parse).unwrap_or_default()
    }
}

/// Whether a TXT record begins with `v=DMARC1`, the value in capitals (RFC 9989 §4.7 `v`).
pub(crate) fn has_version(txt: &[u8]) -> bool {
    let first = txt.split(|&b| b == b';').next().and_then(|piece| TagList::parse(piece).ok());
    let tag = first.as_ref().and_then(|list| list.tags().first());
    tag.is_some_and(|tag| tag.name.eq_ignore_ascii_case("v") && tag.value == "DMARC1")
}

/// The `rua` of a record, with or without a policy; also of the records that confirm other people's reports
/// (RFC 9990 §4).
pub(crate) fn aggregate_reports_of(txt: &[u8]) -> Option<Vec<Destination>> {
    Tags::parse(txt).get("rua").map(destination::parse_list)
}

impl Record {
    /// Reads a TXT record; `None` if it is no DMARC record.
    pub fn parse(txt: &[u8]) -> Option<Self> {
        if !has_version(txt) {
            return None;
        }
        let tags = Tags::parse(txt);
        let policies = ["p", "sp", "np"].map(|name| tags.get(name).map(Policy::parse));
        let aggregate_reports = tags.meant("rua", |value| Some(destination::parse_list(value)));
        let [policy, subdomains, missing_subdomains] = match policies {
            [Some(Some(policy)), sp, np] if sp != Some(None) && np != Some(None) => {
                [Some(policy), sp.flatten(), np.flatten()]
            }
            // RFC 9989 §4.10.1: as if only `p=none` stood there, if reports are wanted.
            _ if !aggregate_reports.is_empty() => [Some(Policy::None), None, None],
            _ => [None; 3],
        };
        Some(Self {
            policy,
            subdomains,
            missing_subdomains,
            testing: tags.meant("t", yes_or_no),
            public_suffix: tags.meant("psd", public_suffix),
            dkim_alignment: tags.meant("adkim", Alignment::parse),
            spf_alignment: tags.meant("aspf", Alignment::parse),
            aggregate_reports,
            failure_reports: tags.meant("ruf", |value| Some(destination::parse_list(value))),
            failure_options: tags.meant("fo", FailureOptions::parse),
        })
    }
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "y" | "Y" => Some(true),
        "n" | "N" => Some(false),
        _ => None,
    }
}

fn public_suffix(value: &str) -> Option<PublicSuffix> {
    match value {
        "u" | "U" => Some(PublicSuffix::Unknown),
        _ => yes_or_no(value).map(|yes| if yes { PublicSuffix::Yes } else { PublicSuffix::No }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_leniently_behind_the_version() {
        let record = |text: &str| Record::parse(text.as_bytes());
        for none in ["", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", "v=DMARC1x", "v = spf1"]
        {
            assert_eq!(record(none), None, "{none}");
        }
        let full = record(
            "V = DMARC1 ;p=Reject; sp=quarantine; np=none; t=y; psd=n; adkim=s; aspf=S; fo=1:d; pct=50; x;;\t\
             rua=mailto:a@x.test!10m , bad:y,mailto:b@y.test; ruf=mailto:c@x.test; p=none",
        )
        .expect("a record");
        assert_eq!(full.policy, Some(Policy::Reject));
        assert_eq!(full.subdomains, Some(Policy::Quarantine));
        assert_eq!(full.missing_subdomains, Some(Policy::None));
        assert!(full.testing);
        assert_eq!(full.public_suffix, PublicSuffix::No);
        assert_eq!((full.dkim_alignment, full.spf_alignment), (Alignment::Strict, Alignment::Strict));
        assert_eq!(full.failure_options.to_string(), "1:d");
        let shown: Vec<String> = full.aggregate_reports.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["mailto:a@x.test", "mailto:b@y.test"]);
        assert_eq!(full.failure_reports.len(), 1);
    }

    /// RFC 9989 §4.10.1.
    #[test]
    fn wrong_policies_count_as_none_if_reports_are_wanted() {
        for (text, want) in [
            ("v=DMARC1", None),
            ("v=DMARC1; p=maybe", None),
            ("v=DMARC1; p=reject; sp=maybe", None),
            ("v=DMARC1; p=reject; np=maybe; rua=ftp:x", None),
            ("v=DMARC1; p=reject; np=maybe; rua=mailto:a@x.test", Some(Policy::None)),
            ("v=DMARC1; rua=mailto:a@x.test", Some(Policy::None)),
            ("v=DMARC1; p=reject; t=maybe; adkim=x; fo=0:1; psd=q", Some(Policy::Reject)),
        ] {
            let record = Record::parse(text.as_bytes()).expect("a record");
            assert_eq!(record.policy, want, "{text}");
            assert!(!record.testing && record.dkim_alignment == Alignment::Relaxed);
            assert_eq!(record.failure_options, FailureOptions::default());
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_or_no_record(txt in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            drop(Record::parse(&txt));
            drop(Record::parse(&[b"v=DMARC1;", txt.as_slice()].concat()));
        }
    }
}
