//! Finding the report in a message that brings one, whatever sender and Subject say.

use mail::limits;
use message::text::{Decoder, Encoding};
use message::{Parser, Part, Summary};

use super::feedback::{self, Feedback};
use super::{aggregate, tls};

/// A report that came by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// About mail that claims to be from a domain of ours.
    Aggregate(Box<Result<aggregate::Report, aggregate::Error>>),
    /// About sessions with our servers.
    Tls(Box<Result<tls::Report, tls::Error>>),
    /// A complaint, or one message that failed authentication.
    Feedback(Box<Feedback>),
}

/// Which kind of file a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum File {
    Aggregate,
    Tls,
    Feedback,
}

/// Whether a message has a part that may be a report, without a look into it.
pub fn is_likely(summary: &Summary) -> bool {
    leaves(&summary.root).into_iter().any(|part| file_of(part).is_some())
}

/// A part and all parts below, but not those of messages within.
fn leaves(root: &Part) -> Vec<&Part> {
    let mut parts = vec![root];
    let mut leaves = Vec::new();
    while let Some(part) = parts.pop() {
        leaves.push(part);
        if !part.is_message() {
            parts.extend(part.children.iter().rev());
        }
    }
    leaves
}

/// The first report in a message; `None` if there is none.
pub fn find(message: &[u8]) -> Option<Incoming> {
    let summary = Parser::parse(message);
    let leaves = leaves(&summary.root);
    let (file, part) = leaves.iter().find_map(|part| Some((file_of(part)?, *part)))?;
    let content = content(message, part);
    match file {
        File::Aggregate => Some(Incoming::Aggregate(Box::new(aggregate::read(&content)))),
        File::Tls => Some(Incoming::Tls(Box::new(tls::read(&content)))),
        File::Feedback => {
            let original =
                leaves.iter().find(|part| is_original(part)).map(|part| self::content(message, part));
            feedback::read(&content, original.as_deref()).map(|report| Incoming::Feedback(Box::new(report)))
        }
    }
}

/// By media type, or by the file's name where the type says nothing.
fn file_of(part: &Part) -> Option<File> {
    let name = part.file_name().unwrap_or_default().to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let kind = format!("{}/{}", part.kind, part.subtype).to_ascii_lowercase();
    match kind.as_str() {
        "message/feedback-report" => Some(File::Feedback),
        "application/tlsrpt+gzip" | "application/tlsrpt+json" => Some(File::Tls),
        "application/gzip" | "application/x-gzip" | "application/json" | "application/octet-stream"
            if ends(&[".json", ".json.gz"]) =>
        {
            Some(File::Tls)
        }
        "application/gzip"
        | "application/x-gzip"
        | "application/zip"
        | "application/x-zip"
        | "application/x-zip-compressed" => Some(File::Aggregate),
        "text/xml" | "application/xml" | "application/octet-stream" if ends(&[".xml", ".gz", ".zip"]) => {
            Some(File::Aggregate)
        }
        _ => None,
    }
}

/// RFC 5965 §2: the third part is the message or its header.
fn is_original(part: &Part) -> bool {
    part.is_message() || part.subtype.eq_ignore_ascii_case("rfc822-headers")
}

/// A part's body, decoded.
fn content(message: &[u8], part: &Part) -> Vec<u8> {
    let range = usize::try_from(part.body.start).ok().zip(usize::try_from(part.body.end).ok());
    let body = range.and_then(|(start, end)| message.get(start..end)).unwrap_or_default();
    let mut out = Vec::new();
    let mut decoder = Decoder::new(Encoding::from_name(&part.encoding));
    let longest = usize::try_from(2 * limits::REPORT_LENGTH).unwrap_or(usize::MAX);
    decoder.feed(&body[..body.len().min(longest)], &mut out);
    decoder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::letter::{Attachment, Letter};
    use crate::report::unpack::gzip;

    const XML: &str = "<feedback><report_metadata><report_id>17</report_id></report_metadata>\
        <policy_published><domain>a.test</domain></policy_published></feedback>";
    const JSON: &str = "{\"report-id\":\"18\",\"date-range\":{\"start-datetime\":\"2026-11-23T00:00:00Z\",\
        \"end-datetime\":\"2026-11-23T23:59:59Z\"}}";

    fn letter(media_type: &str, file_name: &str, content: &[u8]) -> Vec<u8> {
        let from = "reports@there.test".parse().expect("an address");
        let to = "dmarc@a.test".parse().expect("an address");
        let attachment = Attachment { media_type, file_name, content };
        Letter {
            from: &from,
            to: &to,
            subject: "Report Domain: a.test Submitter: there.test Report-ID: <17@there.test>",
            message_id: "<17@there.test>",
            date: mail::Wall::from_secs(1_795_474_567),
            fields: &[],
            report_type: None,
            text: "A report.",
            attachment,
        }
        .to_bytes()
    }

    fn kind(message: &[u8]) -> String {
        match find(message) {
            None => "none".into(),
            Some(Incoming::Aggregate(report)) => {
                format!("aggregate {}", (*report).expect("a report").metadata.id)
            }
            Some(Incoming::Tls(report)) => format!("tls {}", (*report).expect("a report").id),
            Some(Incoming::Feedback(report)) => format!("feedback {:?}", report.message_id),
        }
    }

    #[test]
    fn reports_are_found_by_type_and_name() {
        let (xml, json) = (gzip(XML.as_bytes()), gzip(JSON.as_bytes()));
        for (media_type, name, content, want) in [
            ("application/gzip", "x!a.test!1!2.xml.gz", xml.as_slice(), "aggregate 17"),
            ("application/octet-stream", "x.xml.gz", &xml, "aggregate 17"),
            ("application/zip", "x", &xml, "aggregate 17"),
            ("text/xml", "x.xml", XML.as_bytes(), "aggregate 17"),
            ("application/tlsrpt+gzip", "x", &json, "tls 18"),
            ("application/gzip", "x.json.gz", &json, "tls 18"),
            ("application/tlsrpt+json", "x", JSON.as_bytes(), "tls 18"),
            ("application/octet-stream", "x.exe", &xml, "none"),
            ("text/plain", "x.xml", XML.as_bytes(), "none"),
        ] {
            assert_eq!(kind(&letter(media_type, name, content)), want, "{media_type} {name}");
        }
        assert_eq!(find(b""), None);
    }

    #[test]
    fn complaints_are_found_with_their_message() {
        let message = b"From: x@there.test\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n\
            --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\n\
            --b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <17@a.test>\r\n\
            Content-Type: application/gzip\r\n\r\nbody\r\n--b--\r\n";
        assert_eq!(kind(message), "feedback Some(\"<17@a.test>\")");
        let headers = String::from_utf8_lossy(message).replace("message/rfc822", "text/rfc822-headers");
        assert_eq!(kind(headers.as_bytes()), "feedback Some(\"<17@a.test>\")");
    }
}
