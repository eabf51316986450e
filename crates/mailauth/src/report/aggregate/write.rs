//! Writing a report (RFC 9990 §3.1, appendix A).

use std::fmt::{Display, Write as _};

use quick_xml::escape::escape;

use super::{Dkim, Override, Published, Report, Row, Spf};
use crate::report::clean;

/// XML with an indent for each level.
struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{:1$}{line}", "", 2 * self.depth).expect("a String takes everything");
    }

    fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    fn text(&mut self, name: &str, value: impl Display) {
        let value = clean(&value.to_string());
        self.line(&format!("<{name}>{}</{name}>", escape(value.as_str())));
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }
}

impl Report {
    /// The report as an XML document. There must be at least one row (RFC 9990 §3.1.1.2).
    pub fn to_xml(&self) -> String {
        let mut w = Writer { text: String::new(), depth: 0 };
        w.line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        w.line("<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">");
        w.depth = 1;
        w.text("version", "1.0");
        w.element("report_metadata", |w| {
            let metadata = &self.metadata;
            w.text("org_name", &metadata.organization);
            w.text("email", &metadata.email);
            w.optional("extra_contact_info", metadata.contact.as_ref());
            w.text("report_id", &metadata.id);
            w.element("date_range", |w| {
                w.text("begin", metadata.begin.secs());
                w.text("end", metadata.end.secs());
            });
            w.optional("error", metadata.error.as_ref());
            w.optional("generator", metadata.generator.as_ref());
        });
        w.element("policy_published", |w| policy(w, &self.policy));
        for (row, count) in &self.rows {
            w.element("record", |w| record(w, row, *count));
        }
        w.depth = 0;
        w.line("</feedback>");
        w.text
    }
}

fn policy(w: &mut Writer, policy: &Published) {
    w.text("domain", &policy.domain);
    w.optional("discovery_method", policy.discovery.as_ref());
    w.text("p", policy.policy);
    w.optional("sp", policy.subdomains);
    w.optional("np", policy.missing_subdomains);
    w.optional("fo", policy.failure_options.as_ref());
    w.text("adkim", policy.dkim_alignment.letter());
    w.text("aspf", policy.spf_alignment.letter());
    w.text("testing", if policy.testing { "y" } else { "n" });
}

fn record(w: &mut Writer, row: &Row, count: u64) {
    let word = |aligned: bool| if aligned { "pass" } else { "fail" };
    w.element("row", |w| {
        w.text("source_ip", row.source);
        w.text("count", count);
        w.element("policy_evaluated", |w| {
            w.text("disposition", row.disposition.word());
            w.text("dkim", word(row.dkim_aligned));
            w.text("spf", word(row.spf_aligned));
            row.overrides.iter().for_each(|why| w.element("reason", |w| reason(w, why)));
        });
    });
    w.element("identifiers", |w| {
        w.text("header_from", &row.header_from);
        w.optional("envelope_from", row.envelope_from.as_ref());
        w.optional("envelope_to", row.envelope_to.as_ref());
    });
    w.element("auth_results", |w| {
        row.dkim.iter().for_each(|result| w.element("dkim", |w| dkim(w, result)));
        row.spf.iter().for_each(|result| w.element("spf", |w| spf(w, result)));
    });
}

fn reason(w: &mut Writer, reason: &Override) {
    w.text("type", &reason.kind);
    w.optional("comment", reason.comment.as_ref());
}

fn dkim(w: &mut Writer, dkim: &Dkim) {
    w.text("domain", &dkim.domain);
    w.text("selector", &dkim.selector);
    w.text("result", &dkim.result);
    w.optional("human_result", dkim.words.as_ref());
}

fn spf(w: &mut Writer, spf: &Spf) {
    w.text("domain", &spf.domain);
    w.text("scope", "mfrom");
    w.text("result", &spf.result);
    w.optional("human_result", spf.words.as_ref());
}
