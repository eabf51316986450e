//! The mail that carries a report: a text for people and the file (RFC 9990 §3.5.2, RFC 8460 §5.3).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{Address, Domain, Wall};
use message::date;

/// The file.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// `application/gzip`, `application/tlsrpt+gzip` ...
    pub media_type: &'a str,
    /// Its name, without quotes or control characters.
    pub file_name: &'a str,
    /// Its bytes.
    pub content: &'a [u8],
}

/// The mail. All texts are our own: printable ASCII, without line ends in fields.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The author; its domain must pass DMARC (RFC 9990 §3.5.2).
    pub from: &'a Address,
    /// Who gets it.
    pub to: &'a Address,
    /// [`super::aggregate::Report::subject`] or [`super::tls::Report::subject`].
    pub subject: &'a str,
    /// With brackets.
    pub message_id: &'a str,
    /// Now.
    pub date: Wall,
    /// More fields, e.g. [`tls_fields`].
    pub fields: &'a [(&'a str, &'a str)],
    /// `tlsrpt`: a multipart/report with that type instead of a multipart/mixed.
    pub report_type: Option<&'a str>,
    /// The text for people, ASCII, without line ends at its end.
    pub text: &'a str,
    /// The file.
    pub attachment: Attachment<'a>,
}

/// The fields that a TLS report must have (RFC 8460 §5.3); the submitter is the domain of its contact address.
pub fn tls_fields<'a>(about: &'a Domain, submitter: &'a Domain) -> [(&'a str, &'a str); 2] {
    [("TLS-Report-Domain", about.as_str()), ("TLS-Report-Submitter", submitter.as_str())]
}

/// Characters of base64 in a line (RFC 2045 §6.8).
const LINE: usize = 76;

impl Letter<'_> {
    /// The message with CRLF, to be signed and queued.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes everything");
        out.into_bytes()
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        // Base64 never has this line in it.
        let boundary = "=_report";
        write!(out, "From: <{}>\r\nTo: <{}>\r\nSubject: ", self.from, self.to)?;
        write_folded(out, self.subject)?;
        write!(out, "Date: {}\r\n", date::format_rfc5322(self.date))?;
        write!(out, "Message-ID: {}\r\nAuto-Submitted: auto-generated\r\n", self.message_id)?;
        for (name, value) in self.fields {
            write!(out, "{name}: {value}\r\n")?;
        }
        write!(out, "MIME-Version: 1.0\r\nContent-Type: ")?;
        match self.report_type {
            Some(kind) => write!(out, "multipart/report; report-type=\"{kind}\"")?,
            None => write!(out, "multipart/mixed")?,
        }
        write!(out, ";\r\n\tboundary=\"{boundary}\"\r\n\r\n")?;
        write!(out, "--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n")?;
        for line in self.text.lines() {
            write!(out, "{line}\r\n")?;
        }
        let Attachment { media_type, file_name, content } = self.attachment;
        write!(
            out,
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n"
        )?;
        write!(out, "Content-Disposition: attachment;\r\n\tfilename=\"{file_name}\"\r\n\r\n")?;
        for line in STANDARD.encode(content).as_bytes().chunks(LINE) {
            write!(out, "{}\r\n", String::from_utf8_lossy(line))?;
        }
        write!(out, "\r\n--{boundary}--\r\n")
    }
}

/// A field's value, folded before the words `Submitter:` and `Report-ID:` that may make it long.
fn write_folded(out: &mut String, subject: &str) -> std::fmt::Result {
    let folded =
        subject.replace(" Submitter:", "\r\n\tSubmitter:").replace(" Report-ID:", "\r\n\tReport-ID:");
    write!(out, "{folded}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_report_is_a_report() {
        let domain = |name: &str| Domain::new(name).expect("a domain");
        let (about, us) = (domain("a.test"), domain("here.test"));
        let (from, to) = ("tlsrpt@here.test".parse().expect("ok"), "r@a.test".parse().expect("ok"));
        let letter = Letter {
            from: &from,
            to: &to,
            subject: "Report Domain: a.test Submitter: here.test Report-ID: <17@here.test>",
            message_id: "<17@here.test>",
            date: Wall::from_secs(1_795_474_567),
            fields: &tls_fields(&about, &us),
            report_type: Some("tlsrpt"),
            text: "A report about TLS.\nFrom here.test.",
            attachment: Attachment {
                media_type: "application/tlsrpt+gzip",
                file_name: "here.test!a.test!1!2.json.gz",
                content: &[b'x'; 60],
            },
        };
        assert_eq!(
            String::from_utf8_lossy(&letter.to_bytes()),
            "From: <tlsrpt@here.test>\r\nTo: <r@a.test>\r\nSubject: Report Domain: a.test\r\n\tSubmitter: here.test\r\n\
             \tReport-ID: <17@here.test>\r\nDate: Mon, 23 Nov 2026 22:56:07 +0000\r\nMessage-ID: <17@here.test>\r\n\
             Auto-Submitted: auto-generated\r\nTLS-Report-Domain: a.test\r\nTLS-Report-Submitter: here.test\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"=_report\"\r\n\r\n\
             --=_report\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nA report about TLS.\r\nFrom here.test.\r\n\r\n\
             --=_report\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment;\r\n\tfilename=\"here.test!a.test!1!2.json.gz\"\r\n\r\n\
             eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\neHh4\r\n\r\n--=_report--\r\n"
        );
    }
}
