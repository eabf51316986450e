//! What `[outbound]` says of the TLS of outgoing mail.

use mta::{TlsLevel, TlsRule, TlsRules};

use super::port;
use crate::config::problem::Collector;
use crate::config::section::{Section, Value};

/// `dane`, `mta_sts`, `sts_port` and each `[[outbound.tls]]`.
pub(super) fn rules(outbound: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> TlsRules {
    let mut rules = TlsRules::default();
    outbound.set(problems, "dane", &mut rules.dane, Value::boolean);
    outbound.set(problems, "mta_sts", &mut rules.mta_sts, Value::boolean);
    outbound.set(problems, "sts_port", &mut rules.sts_port, port);
    let sections = outbound.read(problems, "tls", |v| v.tables("outbound.tls")).unwrap_or_default();
    rules.rules = sections.into_iter().filter_map(|section| rule(section, problems)).collect();
    rules
}

fn rule(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<TlsRule> {
    let domain = section.need(problems, "domain", |v| v.parsed(str::parse));
    let level = section.need(problems, "level", |v| v.choice(&TlsLevel::NAMED));
    let hosts = section.read(problems, "hosts", |v| match level {
        Some(TlsLevel::Verify) | None => v.list(|v| v.parsed(str::parse)),
        Some(_) => Err("can only be given with level = \"verify\"".into()),
    });
    section.finish(problems);
    Some(TlsRule { domain: domain?, level: level?, hosts: hosts.unwrap_or_default() })
}
