//! Reports that others send about our domains: found in mail that has been delivered, and kept.

use std::sync::Arc;

use ::reports::{Announced, File};
use directory::Resolution;
use journey::What;
use mail::{Domain, Envelope, limits};
use mailauth::report::incoming::{self, Incoming};
use message::Summary;
use store::{Batch, BlobId};

use crate::Mta;
use crate::settings::Settings;

/// Messages looked at before the next are asked for.
const PAGE: usize = 16;
/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// Notes in the batch that takes a message over that it may bring a report. Whether that is so.
pub(crate) fn announce(mta: &Mta, batch: &mut Batch, summary: &Summary, announced: Announced) -> bool {
    let likely = announced.length <= limits::REPORT_LENGTH && incoming::is_likely(summary);
    if likely {
        mta.reports.announce(batch, announced);
    }
    likely
}

/// Whether a message goes to an address of ours at which reports are read.
pub(crate) fn is_for_reports(settings: &Settings, envelope: &Envelope, resolutions: &[Resolution]) -> bool {
    let mut recipients = envelope.recipients.iter().zip(resolutions);
    recipients.any(|(recipient, resolution)| {
        matches!(resolution, Resolution::Targets(_)) && settings.reports.are_read_at(&recipient.address)
    })
}

/// Looks at the messages that wait for it.
pub(super) async fn announced(mta: &Arc<Mta>) {
    loop {
        let some = match mta.reports.announced(PAGE).await {
            Ok(some) if some.is_empty() => return,
            Ok(some) => some,
            Err(error) => {
                tracing::error!(%error, "cannot find out which reports have come");
                return;
            }
        };
        for announced in some {
            if let Err(error) = look(mta, announced).await {
                tracing::error!(%error, message = %announced.message, "cannot read a report");
                return;
            }
        }
    }
}

/// Reads the report of one message, keeps it, and tells the message's journey.
async fn look(mta: &Arc<Mta>, announced: Announced) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    mta.reports.looked_at(&mut batch, announced.message);
    // Who got the message may have removed it already; of a damaged one nothing is believed (P4).
    let bytes = match bytes(mta, announced.blob, announced.length).await {
        Ok(bytes) => Some(bytes),
        Err(store::Error::Missing(_) | store::Error::Damaged(_)) => None,
        Err(error) => return Err(error),
    };
    if let Some(bytes) = bytes {
        let said = match found(mta, bytes).await {
            Some(Ok(file)) => keep(mta, &mut batch, announced, file).await?,
            Some(Err(why)) => Some(why),
            None => None,
        };
        if let Some(said) = said {
            let event = mta.event(What::Noted(said));
            mta.journeys.record(&mut batch, announced.message, &[event]);
        }
    }
    mta.store.commit(batch).await.map(drop)
}

/// The report in a message, or why it cannot be read. On a thread of its own: it may be large.
async fn found(mta: &Arc<Mta>, bytes: Vec<u8>) -> Option<Result<File, String>> {
    let work = move || match incoming::find(&bytes) {
        Some(Incoming::Aggregate(report)) => {
            Some((*report).map(File::Dmarc).map_err(|error| error.to_string()))
        }
        Some(Incoming::Tls(report)) => Some((*report).map(File::Tls).map_err(|error| error.to_string())),
        // A complaint about one message says what it has to say to whoever reads it.
        Some(Incoming::Feedback(_)) | None => None,
    };
    mta.world.tasks.compute_value(work).await.flatten()
}

/// Keeps a report about a domain of ours. What the journey hears of it.
async fn keep(
    mta: &Mta,
    batch: &mut Batch,
    announced: Announced,
    file: File,
) -> Result<Option<String>, store::Error> {
    let mut about = None;
    for domain in file.domains() {
        if is_ours(mta, domain).await? {
            about = Some(domain.to_owned());
            break;
        }
    }
    let Some(domain) = about else {
        return Ok(Some("brings a report about a domain that is none of ours; it is not kept".into()));
    };
    let now = mta.world.clock.wall();
    Ok(Some(match mta.reports.keep(batch, announced.message, &domain, file, now) {
        Some(kept) => {
            let (kind, what, good) = match kept.kind {
                ::reports::Kind::Dmarc => ("DMARC", "messages", "passed"),
                ::reports::Kind::Tls => ("TLS", "sessions", "good"),
            };
            format!(
                "brings a {kind} report of {} about {domain}: {} {what}, {} {good} (posthouse reports show {})",
                kept.reporter, kept.total, kept.good, kept.id
            )
        }
        None => "brings a report about a time that cannot be true; it is not kept".into(),
    }))
}

/// Whether a domain is ours, or above or below one: policies hold for whole organizations.
async fn is_ours(mta: &Mta, domain: &str) -> Result<bool, store::Error> {
    let Ok(domain) = Domain::new(domain) else { return Ok(false) };
    let mut name = domain.as_str();
    loop {
        let Ok(candidate) = Domain::new(name) else { return Ok(false) };
        match mta.directory.is_local_domain(&candidate).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(directory::Error::Store(error)) => return Err(error),
            Err(_) => return Ok(false),
        }
        match name.split_once('.') {
            Some((_, above)) => name = above,
            None => break,
        }
    }
    let hostname = mta.settings().hostname.clone();
    Ok(hostname
        .as_str()
        .strip_suffix(domain.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

async fn bytes(mta: &Mta, blob: BlobId, length: u64) -> Result<Vec<u8>, store::Error> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let some = mta.store.read_blob(blob, bytes.len() as u64, PIECE).await?;
        if some.is_empty() {
            break;
        }
        bytes.extend_from_slice(&some);
    }
    Ok(bytes)
}
