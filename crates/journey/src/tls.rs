//! What is told of TLS.

use std::net::IpAddr;

use mail::Id;

/// What TLS agreed on, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3`.
    pub version: String,
    /// `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// Whether the other side has proven who it is.
    pub verified: Verified,
}

/// Whether the other side of a connection has proven who it is, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It has not, or was not asked to.
    No,
    /// A trusted root vouches for its certificate; the name it is for came from DNS as it is.
    Certificate,
    /// By TLSA records with usage 3, from name to certificate (RFC 7672).
    DaneEe,
    /// By TLSA records with usage 2.
    DaneTa,
    /// By its certificate, for a name that the domain's MTA-STS policy gives (RFC 8461).
    Sts,
}

impl Verified {
    /// All, in the order of their numbers in the store.
    pub(crate) const ALL: [Self; 5] = [Self::No, Self::Certificate, Self::DaneEe, Self::DaneTa, Self::Sts];

    /// For JSON: `no`, `certificate`, `dane-ee`, `dane-ta`, `sts`.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Certificate => "certificate",
            Self::DaneEe => "dane-ee",
            Self::DaneTa => "dane-ta",
            Self::Sts => "sts",
        }
    }

    /// For people; empty for [`Verified::No`].
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Certificate => " (certificate good)",
            Self::DaneEe => " (DANE-EE verified)",
            Self::DaneTa => " (DANE-TA verified)",
            Self::Sts => " (MTA-STS verified)",
        }
    }
}

/// A connection that did not become as secure as it should have, or a policy that could not be had: what a TLS report
/// counts (RFC 8460 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// The item that was under way.
    pub item: Id,
    /// What asked for security.
    pub policy: TlsPolicy,
    /// Whose policy it is: the domain of the recipients.
    pub domain: String,
    /// The host; empty where it did not come to one.
    pub host: String,
    /// Its address, if it came to a connection.
    pub ip: Option<IpAddr>,
    /// Our own address.
    pub source: Option<IpAddr>,
    /// What is the matter.
    pub result: TlsResult,
    /// The same, for people.
    pub detail: String,
    /// Whether mail was not handed over because of it.
    pub enforced: bool,
}

/// What asks for security (RFC 8460 §4.4, `policy-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Nobody: TLS where offered.
    NotFound,
    /// TLSA records.
    Tlsa,
    /// An MTA-STS policy.
    Sts,
    /// The operator of this server, or the sender (REQUIRETLS). Not a matter of reports.
    Local,
}

impl TlsPolicy {
    /// All, in the order of their numbers in the store.
    pub(crate) const ALL: [Self; 4] = [Self::NotFound, Self::Tlsa, Self::Sts, Self::Local];

    /// As reports name it: `no-policy-found`, `tlsa`, `sts`; `local` is ours.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "no-policy-found",
            Self::Tlsa => "tlsa",
            Self::Sts => "sts",
            Self::Local => "local",
        }
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotFound => "no policy",
            Self::Tlsa => "DANE",
            Self::Sts => "MTA-STS",
            Self::Local => "this server's rule",
        }
    }
}

/// What is the matter (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the standard's names say it")]
pub enum TlsResult {
    StarttlsNotSupported,
    CertificateHostMismatch,
    CertificateExpired,
    CertificateNotTrusted,
    ValidationFailure,
    TlsaInvalid,
    DnssecInvalid,
    DaneRequired,
    StsPolicyFetchError,
    StsPolicyInvalid,
    StsWebpkiInvalid,
}

impl TlsResult {
    /// All, in the order of their numbers in the store.
    pub(crate) const ALL: [Self; 11] = [
        Self::StarttlsNotSupported,
        Self::CertificateHostMismatch,
        Self::CertificateExpired,
        Self::CertificateNotTrusted,
        Self::ValidationFailure,
        Self::TlsaInvalid,
        Self::DnssecInvalid,
        Self::DaneRequired,
        Self::StsPolicyFetchError,
        Self::StsPolicyInvalid,
        Self::StsWebpkiInvalid,
    ];

    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::StarttlsNotSupported => "starttls-not-supported",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::ValidationFailure => "validation-failure",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::DnssecInvalid => "dnssec-invalid",
            Self::DaneRequired => "dane-required",
            Self::StsPolicyFetchError => "sts-policy-fetch-error",
            Self::StsPolicyInvalid => "sts-policy-invalid",
            Self::StsWebpkiInvalid => "sts-webpki-invalid",
        }
    }
}
