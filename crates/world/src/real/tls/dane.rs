//! What TLSA records say of a certificate chain (RFC 6698 §2.1, RFC 7671 §5).

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use mail::limits;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{certificate, provider};
use crate::dns::Tlsa;
use crate::tls::{Fault, FaultKind, Judged};

/// Certificate usages (RFC 7218 §2.1).
const DANE_TA: u8 = 2;
const DANE_EE: u8 = 3;

/// Whether one of the records vouches for the chain (end entity first).
pub(super) fn verify(
    chain: &[CertificateDer<'_>],
    records: &[Tlsa],
    names: &[ServerName<'_>],
    now: UnixTime,
) -> Result<Judged, Fault> {
    let with = |usage| records.iter().take(limits::TLSA_RECORDS).filter(move |record| record.usage == usage);
    // RFC 7672 §3.1.1: neither names nor dates matter.
    if chain.first().is_some_and(|shown| with(DANE_EE).any(|record| matches(record, shown))) {
        return Ok(Judged::DaneEe);
    }
    let mut why = fault(FaultKind::NotTrusted, "no TLSA record matches the server's certificate");
    for anchor in anchors(chain, with(DANE_TA)) {
        match leads_to(chain, &anchor, names, now) {
            Ok(()) => return Ok(Judged::DaneTa),
            Err(fault) => why = fault,
        }
    }
    Err(why)
}

/// Whether a record is about this certificate.
fn matches(record: &Tlsa, certificate: &[u8]) -> bool {
    let selected = match record.selector {
        0 => Some(certificate),
        1 => certificate::public_key(certificate),
        _ => None,
    };
    selected.is_some_and(|selected| match record.matching {
        0 => record.data == selected,
        1 => record.data == digest(&SHA256, selected).as_ref(),
        2 => record.data == digest(&SHA512, selected).as_ref(),
        _ => false,
    })
}

/// The issuers that records with usage 2 name: shown by the server, as they must be (RFC 7672 §3.1.2), or given in
/// full by the record.
fn anchors<'a>(
    chain: &'a [CertificateDer<'_>],
    records: impl Iterator<Item = &'a Tlsa>,
) -> Vec<TrustAnchor<'static>> {
    let mut found: Vec<CertificateDer<'_>> = Vec::new();
    for record in records {
        let shown = chain.iter().filter(|shown| matches(record, shown)).cloned();
        let given = (record.selector == 0 && record.matching == 0).then(|| record.data.as_slice().into());
        for certificate in shown.chain(given) {
            if found.len() < limits::TLSA_ANCHORS && !found.contains(&certificate) {
                found.push(certificate);
            }
        }
    }
    found.iter().filter_map(|c| anchor_from_trusted_cert(c).ok().map(|anchor| anchor.to_owned())).collect()
}

/// Whether the chain leads to the anchor and is valid now, for one of the names (RFC 7672 §3.2.2).
fn leads_to(
    chain: &[CertificateDer<'_>],
    anchor: &TrustAnchor<'_>,
    names: &[ServerName<'_>],
    now: UnixTime,
) -> Result<(), Fault> {
    let Some((shown, others)) = chain.split_first() else {
        return Err(fault(FaultKind::Other, "the server showed no certificate"));
    };
    let bad = |e: &webpki::Error| {
        fault(kind_of(e), &format!("the server's certificate does not lead to the one that TLSA names: {e}"))
    };
    let shown = EndEntityCert::try_from(shown).map_err(|e| bad(&e))?;
    let algorithms = provider().signature_verification_algorithms.all;
    shown
        .verify_for_usage(
            algorithms,
            std::slice::from_ref(anchor),
            others,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(|e| bad(&e))?;
    if names.iter().any(|name| shown.verify_is_valid_for_subject_name(name).is_ok()) {
        return Ok(());
    }
    let names: Vec<_> = names.iter().map(|name| name.to_str().into_owned()).collect();
    Err(fault(
        FaultKind::HostMismatch,
        &format!("the server's certificate is not for {}", names.join(" or ")),
    ))
}

fn kind_of(error: &webpki::Error) -> FaultKind {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => FaultKind::Expired,
        webpki::Error::UnknownIssuer => FaultKind::NotTrusted,
        _ => FaultKind::Other,
    }
}

fn fault(kind: FaultKind, text: &str) -> Fault {
    Fault { kind, text: text.to_owned() }
}

#[cfg(test)]
mod tests;
