//! Reading a report as it streams out of its packing (RFC 9990 §3.1, and the older form of RFC 7489 appendix C).
//!
//! Unknown elements are skipped, whatever they are and wherever; names count without their namespace. Nothing is
//! expanded: a document type is refused, so there are no entities but XML's own five.

use std::io::{BufReader, Read};

use mail::{Wall, limits};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Disposition, Dkim, Error, Override, Policy, Published, Report, Row, Spf};
use crate::dmarc::Alignment;
use crate::report::{clean, unpack};

/// Reads a file: XML, alone or packed.
pub fn read(file: &[u8]) -> Result<Report, Error> {
    let unpacked = unpack::open(file).map_err(Error::Packing)?;
    let mut builder = Builder::default();
    builder.run(&mut Reader::from_reader(BufReader::new(unpacked)))?;
    builder.finish()
}

/// The report so far.
#[derive(Default)]
struct Builder {
    report: Report,
    /// Open elements, the root counted.
    depth: usize,
    /// Their names below the root, with slashes between them.
    place: String,
    /// The text of the innermost element.
    text: String,
    /// The record that is being read.
    record: Record,
    /// Whether the root was a report's.
    is_feedback: bool,
    over: bool,
}

/// Parts of a record, each as far as it has come.
#[derive(Default)]
struct Record {
    source: Option<std::net::IpAddr>,
    count: Option<u64>,
    disposition: Disposition,
    dkim_aligned: bool,
    spf_aligned: bool,
    overrides: Vec<Override>,
    header_from: String,
    envelope_from: Option<String>,
    envelope_to: Option<String>,
    dkim: Vec<Dkim>,
    spf: Option<Spf>,
}

impl Builder {
    fn run<R: Read>(&mut self, reader: &mut Reader<BufReader<R>>) -> Result<(), Error> {
        let mut buffer = Vec::new();
        while !self.over {
            buffer.clear();
            match reader.read_event_into(&mut buffer) {
                Ok(Event::Start(start)) => self.start(&start)?,
                Ok(Event::Empty(start)) => {
                    self.start(&start)?;
                    self.end();
                }
                Ok(Event::End(_)) => self.end(),
                Ok(Event::Text(text)) => self.push(&text),
                Ok(Event::CData(text)) => self.push(&text),
                Ok(Event::GeneralRef(reference)) => self.reference(&reference),
                Ok(Event::DocType(_)) => return Err(Error::DocumentType),
                Ok(Event::Decl(_) | Event::Comment(_) | Event::PI(_)) => {}
                Ok(Event::Eof) if self.depth > 0 => return Err(Error::Xml("it breaks off".to_owned())),
                Ok(Event::Eof) => return Ok(()),
                Err(quick_xml::Error::Io(error)) => return Err(Error::Packing(unpack::Error::of(&error))),
                Err(error) => return Err(Error::Xml(clean(&error.to_string()))),
            }
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Error> {
        if self.depth == limits::REPORT_DEPTH {
            return Err(Error::TooDeep);
        }
        let local_name = start.local_name();
        let name: &str = local_name.as_ref();
        if self.depth == 0 {
            self.is_feedback |= name == "feedback";
        } else {
            self.place.extend((self.depth > 1).then_some('/'));
            self.place.push_str(name);
        }
        self.depth += 1;
        self.text.clear();
        match self.place.as_str() {
            "record" => self.record = Record::default(),
            "record/row/policy_evaluated/reason"
                if self.record.overrides.len() < limits::REPORT_SIGNATURES =>
            {
                self.record.overrides.push(Override { kind: String::new(), comment: None });
            }
            "record/auth_results/dkim" if self.record.dkim.len() < limits::REPORT_SIGNATURES => {
                self.record.dkim.push(Dkim::default());
            }
            "record/auth_results/spf" if self.record.spf.is_none() => self.record.spf = Some(Spf::default()),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        let room = (2 * limits::REPORT_TEXT).saturating_sub(self.text.len());
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// XML's own entities and characters by number; others are nothing.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        let character = reference.resolve_char_ref().ok().flatten();
        let character = character.or(match &**reference {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => None,
        });
        let mut utf8 = [0; 4];
        self.push(character.map_or("", |c| c.encode_utf8(&mut utf8)));
    }

    fn end(&mut self) {
        let text = clean(&std::mem::take(&mut self.text)).trim().to_owned();
        if let Some(inner) = self.place.strip_prefix("report_metadata/") {
            metadata(&mut self.report.metadata, inner, text);
        } else if let Some(inner) = self.place.strip_prefix("policy_published/") {
            policy(&mut self.report.policy, inner, text);
        } else if let Some(inner) = self.place.strip_prefix("record/") {
            self.record.take(inner, text);
        } else if self.place == "record" {
            self.end_record();
        }
        self.depth = self.depth.saturating_sub(1);
        self.place.truncate(self.place.rfind('/').unwrap_or(0));
    }

    fn end_record(&mut self) {
        let record = std::mem::take(&mut self.record);
        let Some((row, count)) = record.finish() else {
            self.report.truncated = true;
            return;
        };
        if self.report.rows.len() == limits::REPORT_ROWS && !self.report.rows.contains_key(&row) {
            // What follows is not worth reading: no honest report is that long.
            self.report.truncated = true;
            self.over = true;
            return;
        }
        let total = self.report.rows.entry(row).or_default();
        *total = total.saturating_add(count);
    }

    fn finish(self) -> Result<Report, Error> {
        let whole =
            self.is_feedback && !self.report.metadata.id.is_empty() && !self.report.policy.domain.is_empty();
        if whole { Ok(self.report) } else { Err(Error::NotAReport) }
    }
}

fn metadata(metadata: &mut super::Metadata, name: &str, text: String) {
    let seconds = || Wall::from_secs(text.parse().unwrap_or(0));
    match name {
        "org_name" => metadata.organization = text,
        "email" => metadata.email = text,
        "extra_contact_info" => metadata.contact = Some(text),
        "report_id" => metadata.id = text,
        "date_range/begin" => metadata.begin = seconds(),
        "date_range/end" => metadata.end = seconds(),
        "error" => metadata.error = Some(text),
        "generator" => metadata.generator = Some(text),
        _ => {}
    }
}

fn policy(policy: &mut Published, name: &str, text: String) {
    match name {
        "domain" => policy.domain = text.to_ascii_lowercase(),
        "p" => policy.policy = Policy::parse(&text).unwrap_or_default(),
        "sp" => policy.subdomains = Policy::parse(&text),
        "np" => policy.missing_subdomains = Policy::parse(&text),
        "adkim" => policy.dkim_alignment = alignment(&text),
        "aspf" => policy.spf_alignment = alignment(&text),
        "testing" => policy.testing = text.eq_ignore_ascii_case("y"),
        "fo" => policy.failure_options = Some(text),
        "discovery_method" => policy.discovery = Some(text),
        _ => {}
    }
}

fn alignment(letter: &str) -> Alignment {
    if letter.eq_ignore_ascii_case("s") { Alignment::Strict } else { Alignment::Relaxed }
}

impl Record {
    fn take(&mut self, name: &str, text: String) {
        let passes = text.eq_ignore_ascii_case("pass");
        match name {
            "row/source_ip" => self.source = text.parse().ok(),
            "row/count" => self.count = text.parse().ok(),
            "row/policy_evaluated/disposition" => {
                self.disposition = Disposition::parse(&text).unwrap_or_default();
            }
            "row/policy_evaluated/dkim" => self.dkim_aligned = passes,
            "row/policy_evaluated/spf" => self.spf_aligned = passes,
            "identifiers/header_from" => self.header_from = text.to_ascii_lowercase(),
            "identifiers/envelope_from" => self.envelope_from = Some(text.to_ascii_lowercase()),
            "identifiers/envelope_to" => self.envelope_to = Some(text.to_ascii_lowercase()),
            _ => self.take_inner(name, text),
        }
    }

    /// Elements that belong to the last reason, signature, or SPF result.
    fn take_inner(&mut self, name: &str, text: String) {
        if let (Some(inner), Some(reason)) =
            (name.strip_prefix("row/policy_evaluated/reason/"), self.overrides.last_mut())
        {
            match inner {
                "type" => reason.kind = text,
                "comment" => reason.comment = Some(text),
                _ => {}
            }
        } else if let (Some(inner), Some(dkim)) =
            (name.strip_prefix("auth_results/dkim/"), self.dkim.last_mut())
        {
            match inner {
                "domain" => dkim.domain = text.to_ascii_lowercase(),
                "selector" => dkim.selector = text,
                "result" => dkim.result = text.to_ascii_lowercase(),
                "human_result" => dkim.words = Some(text),
                _ => {}
            }
        } else if let (Some(inner), Some(spf)) = (name.strip_prefix("auth_results/spf/"), self.spf.as_mut()) {
            match inner {
                "domain" => spf.domain = text.to_ascii_lowercase(),
                "result" => spf.result = text.to_ascii_lowercase(),
                "human_result" => spf.words = Some(text),
                _ => {}
            }
        }
    }

    /// A row needs a source and a count.
    fn finish(self) -> Option<(Row, u64)> {
        let row = Row {
            source: self.source?.to_canonical(),
            disposition: self.disposition,
            dkim_aligned: self.dkim_aligned,
            spf_aligned: self.spf_aligned,
            overrides: self.overrides,
            header_from: self.header_from,
            envelope_from: self.envelope_from,
            envelope_to: self.envelope_to,
            dkim: self.dkim,
            spf: self.spf,
        };
        Some((row, self.count?))
    }
}
