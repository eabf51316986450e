//! Feedback reports (RFC 5965): what other providers tell about mail of ours that their users complain about, and,
//! with the fields of RFC 6591, about mail that failed authentication.

use std::net::IpAddr;

use mail::{Wall, limits};
use message::{date, header};

use super::clean;

/// What a report is about (RFC 5965 §3.1, §7.3; RFC 6591 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Somebody complains: spam or other abuse.
    #[default]
    Abuse,
    /// Fraud or phishing.
    Fraud,
    /// A virus was in it.
    Virus,
    /// Somebody says that it is no spam.
    NotSpam,
    /// It failed authentication.
    AuthFailure,
    /// Something else, in the report's own word.
    Other(String),
}

impl Kind {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "abuse" => Self::Abuse,
            "fraud" => Self::Fraud,
            "virus" => Self::Virus,
            "not-spam" => Self::NotSpam,
            "auth-failure" => Self::AuthFailure,
            _ => Self::Other(clean(word)),
        }
    }
}

/// The fields that matter. Texts are at most [`limits::REPORT_TEXT`] bytes, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// What it is about.
    pub kind: Kind,
    /// The program that made it.
    pub user_agent: String,
    /// The reverse-path of the message, as written.
    pub mail_from: Option<String>,
    /// Its recipients; often hidden. At most [`limits::REPORT_SIGNATURES`].
    pub recipients: Vec<String>,
    /// The envelope id it was sent with (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    /// When it arrived there.
    pub arrival: Option<Wall>,
    /// The address it came from.
    pub source: Option<IpAddr>,
    /// Who reports.
    pub reporter: Option<String>,
    /// How many such messages the report stands for, at least 1.
    pub incidents: u64,
    /// Domains that the report is about. At most [`limits::REPORT_SIGNATURES`].
    pub domains: Vec<String>,
    /// Authentication-Results that they found. At most [`limits::REPORT_SIGNATURES`].
    pub authentication_results: Vec<String>,
    /// Which authentication failed: `dmarc`, `dkim`, `spf` ... (RFC 6591 §3.1).
    pub auth_failure: Option<String>,
    /// What was done with it (RFC 6591 §3.2.2).
    pub delivery_result: Option<String>,
    /// The message's own Message-ID, with its brackets, from the copy in the report.
    pub message_id: Option<String>,
}

/// Reads the body of a `message/feedback-report` part, and the header section of the copy of the message, if the
/// report has one. `None` without a Feedback-Type, the one field that must be there besides User-Agent and Version.
pub fn read(fields: &[u8], original: Option<&[u8]>) -> Option<Feedback> {
    let mut feedback = Feedback { incidents: 1, ..Feedback::default() };
    let mut typed = false;
    for field in header::fields(fields).take(limits::HEADER_FIELDS) {
        let value = clean(&header::unfold(field.value));
        if field.is("Feedback-Type") && !typed {
            typed = true;
            feedback.kind = Kind::of(&value);
        } else {
            feedback.take(&field.name.to_ascii_lowercase(), value);
        }
    }
    let id = original.and_then(|header| header::first(header, "Message-ID"));
    feedback.message_id =
        id.and_then(|field| header::message_ids(&header::unfold(field.value)).next().map(clean));
    typed.then_some(feedback)
}

impl Feedback {
    fn take(&mut self, name: &[u8], value: String) {
        let address = |value: &str| value.trim_start_matches('<').trim_end_matches('>').to_owned();
        match name {
            b"user-agent" => self.user_agent = value,
            b"original-mail-from" => self.mail_from = Some(address(&value)),
            b"original-rcpt-to" => push(&mut self.recipients, address(&value)),
            b"original-envelope-id" => self.envelope_id = Some(value),
            b"arrival-date" | b"received-date" => self.arrival = date::parse(&value),
            b"source-ip" => self.source = value.trim_matches(['[', ']']).parse().ok(),
            b"reporting-mta" => self.reporter = Some(value),
            b"incidents" => self.incidents = value.parse().unwrap_or(1).max(1),
            b"reported-domain" => push(&mut self.domains, value.to_ascii_lowercase()),
            b"authentication-results" => push(&mut self.authentication_results, value),
            b"auth-failure" => self.auth_failure = Some(value.to_ascii_lowercase()),
            b"delivery-result" => self.delivery_result = Some(value.to_ascii_lowercase()),
            _ => {}
        }
    }
}

fn push(list: &mut Vec<String>, value: String) {
    if list.len() < limits::REPORT_SIGNATURES {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_read() {
        let fields = b"Feedback-Type: abuse\r\nUser-Agent: There/1.0\r\nVersion: 1\r\n\
            Original-Mail-From: <u@a.test>\r\nOriginal-Rcpt-To: <v@there.test>\r\nOriginal-Rcpt-To: w@there.test\r\n\
            Arrival-Date: Mon, 23 Nov 2026 22:56:07 +0000\r\nReporting-MTA: dns; mx.there.test\r\nSource-IP: [192.0.2.1]\r\n\
            Authentication-Results: mx.there.test;\r\n spf=pass smtp.mailfrom=a.test\r\nReported-Domain: A.Test\r\n\
            Incidents: 3\r\nX-Odd: 1\r\nno field\r\nFeedback-Type: fraud\r\n";
        let original = b"From: u@a.test\r\nMessage-ID: <17@a.test>\r\n\r\n";
        let feedback = read(fields, Some(original)).expect("a report");
        assert_eq!((&feedback.kind, feedback.incidents), (&Kind::Abuse, 3));
        assert_eq!(feedback.mail_from.as_deref(), Some("u@a.test"));
        assert_eq!(feedback.recipients, ["v@there.test", "w@there.test"]);
        assert_eq!(feedback.arrival, Some(Wall::from_secs(1_795_474_567)));
        assert_eq!(feedback.source.map(|ip| ip.to_string()).as_deref(), Some("192.0.2.1"));
        assert_eq!(feedback.authentication_results, ["mx.there.test; spf=pass smtp.mailfrom=a.test"]);
        assert_eq!(
            (feedback.domains[0].as_str(), feedback.message_id.as_deref()),
            ("a.test", Some("<17@a.test>"))
        );
    }

    #[test]
    fn failures_and_odd_reports() {
        let failure =
            b"Feedback-Type: auth-failure\nAuth-Failure: DMARC\nDelivery-Result: reject\nIncidents: 0\n";
        let feedback = read(failure, None).expect("a report");
        assert_eq!((&feedback.kind, feedback.incidents), (&Kind::AuthFailure, 1));
        assert_eq!(feedback.auth_failure.as_deref(), Some("dmarc"));
        assert_eq!(feedback.delivery_result.as_deref(), Some("reject"));
        let odd = read(b"feedback-type: opt-out\r\n", None).expect("a report");
        assert_eq!(odd.kind, Kind::Other("opt-out".into()));
        assert_eq!(read(b"User-Agent: x\r\n", None), None);
        assert_eq!(read(b"", Some(b"")), None);
        let many = "Feedback-Type: abuse\r\n".to_owned() + &"Reported-Domain: a.test\r\n".repeat(5000);
        assert_eq!(read(many.as_bytes(), None).map(|f| f.domains.len()), Some(limits::REPORT_SIGNATURES));
    }
}
