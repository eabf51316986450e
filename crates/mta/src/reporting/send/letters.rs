//! The mail that carries a report.

use ::reports::{Collected, Day, Group, Kind};
use mail::{Address, Domain, Id, TlsRequired, Wall};
use mailauth::report::letter::{self, Attachment, Letter};
use mailauth::report::unpack::gzip;
use mailauth::report::{aggregate, tls};

use crate::{Mta, dsn};

/// What names the program in reports.
const GENERATOR: &str = concat!("posthouse/", env!("CARGO_PKG_VERSION"));

/// The reports about a domain: one, or several where its policy changed during the day.
pub(super) struct Letters {
    domain: Domain,
    author: Address,
    /// Our domain in names and subjects.
    receiver: Domain,
    kind: Kind,
    day: Day,
    files: Vec<File>,
}

struct File {
    name: String,
    subject: String,
    /// Packed.
    content: Vec<u8>,
}

/// A message, ready to be sent.
pub(super) struct Ready {
    id: Id,
    author: Domain,
    bytes: Vec<u8>,
    tls_required: TlsRequired,
}

impl Letters {
    pub(super) fn new(mta: &Mta, domain: &Domain, group: &Group, collected: Collected) -> Self {
        let settings = mta.settings();
        let author = settings.reports.author(&settings.hostname);
        let receiver = author.domain().unwrap_or(&settings.hostname).clone();
        let organization =
            settings.reports.organization.clone().unwrap_or_else(|| settings.hostname.to_string());
        let id = || format!("{}@{}", mta.store.next_id(), settings.hostname);
        let day = group.day;
        let dmarc = collected.dmarc.into_iter().map(|(policy, rows)| {
            let metadata = aggregate::Metadata {
                organization: organization.clone(),
                email: author.to_string(),
                contact: None,
                id: id(),
                begin: day.begin(),
                end: day.end(),
                error: None,
                generator: Some(GENERATOR.to_owned()),
            };
            let report = aggregate::Report { metadata, policy, rows, truncated: false };
            File {
                name: report.file_name(&receiver),
                subject: report.subject(&receiver),
                content: gzip(report.to_xml().as_bytes()),
            }
        });
        let mut files: Vec<File> = dmarc.collect();
        if !collected.tls.is_empty() {
            let report = tls::Report {
                organization: organization.clone(),
                begin: day.begin(),
                end: day.end(),
                contact: author.to_string(),
                id: id(),
                policies: collected.tls,
                truncated: false,
            };
            files.push(File {
                name: report.file_name(domain, &receiver),
                subject: report.subject(domain, &receiver),
                content: gzip(report.to_json().as_bytes()),
            });
        }
        Self { domain: domain.clone(), author, receiver, kind: group.kind, day, files }
    }

    /// The report for a web server; only reports about TLS go to such.
    pub(super) fn file(&self) -> Option<&[u8]> {
        self.files.first().map(|file| file.content.as_slice())
    }

    /// Messages to one address.
    pub(super) fn to(&self, mta: &Mta, address: &Address) -> Vec<Ready> {
        let now = mta.world.clock.wall();
        self.files.iter().map(|file| self.letter(file, address, mta.store.next_id(), now, mta)).collect()
    }

    fn letter(&self, file: &File, to: &Address, id: Id, now: Wall, mta: &Mta) -> Ready {
        let message_id = format!("<report.{id}@{}>", mta.settings().hostname);
        let fields = letter::tls_fields(&self.domain, &self.receiver);
        let (about, media_type, report_type, fields) = match self.kind {
            Kind::Dmarc => (
                "mail that names it as its author's domain (DMARC, RFC 9990)",
                "application/gzip",
                None,
                &[][..],
            ),
            Kind::Tls => {
                let about = "TLS with its mail hosts (RFC 8460)";
                (about, "application/tlsrpt+gzip", Some("tlsrpt"), &fields[..])
            }
        };
        let civil = self.day.begin().to_rfc3339();
        let day = civil.split('T').next().unwrap_or_default();
        let text = format!(
            "This is a report of {}\nabout {}: {about}.\nIt covers {day}, a day in UTC, and is made for programs.",
            self.receiver, self.domain
        );
        let bytes = Letter {
            from: &self.author,
            to,
            subject: &file.subject,
            message_id: &message_id,
            date: now,
            fields,
            report_type,
            text: &text,
            attachment: Attachment { media_type, file_name: &file.name, content: &file.content },
        }
        .to_bytes();
        // RFC 8460 §3: a report about broken TLS must not wait for it.
        let tls_required = if self.kind == Kind::Tls { TlsRequired::No } else { TlsRequired::Unsaid };
        Ready { id, author: self.receiver.clone(), bytes, tls_required }
    }
}

impl Ready {
    pub(super) fn own(&self) -> dsn::Own<'_> {
        dsn::Own {
            id: self.id,
            author: Some(&self.author),
            bytes: &self.bytes,
            smtputf8: false,
            tls_required: self.tls_required,
            service: "report",
        }
    }
}
