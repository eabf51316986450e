//! `[imap]` and `[[imap_client]]`.

use std::time::Duration;

use ::imap::{Hidden, can_hide};
use mail::limits;

use super::super::Imap;
use super::super::problem::Collector;
use super::super::section::{Section, Value};
use super::duration;

/// More often costs the batteries of phones, and keeps nothing open that would not be anyway.
const KEEPALIVE_SHORTEST: Duration = Duration::from_secs(30);
/// Bytes of a pattern.
const PATTERN: usize = 256;

pub(super) fn read(root: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> Imap {
    let mut imap = Imap::default();
    let mut section = root.section(problems, "imap");
    section.set(problems, "keepalive", &mut imap.keepalive, |v| match duration(v)? {
        short if !short.is_zero() && short < KEEPALIVE_SHORTEST => {
            Err("must be at least 30s, or \"0\"".into())
        }
        some => Ok(some),
    });
    section.finish(problems);
    let rules = root.read(problems, "imap_client", |v| match v.tables("imap_client")? {
        many if many.len() > limits::IMAP_CLIENT_RULES => {
            Err(format!("is there more than {} times", limits::IMAP_CLIENT_RULES))
        }
        some => Ok(some),
    });
    imap.hidden = rules.into_iter().flatten().filter_map(|section| hidden(section, problems)).collect();
    imap
}

fn hidden(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<Hidden> {
    let client = section.read(problems, "id", pattern);
    let account = section.read(problems, "account", pattern);
    let names = section.need(problems, "hide", |v| v.list(name));
    if !section.has("id") && !section.has("account") {
        problems.add(section.span(), "imap_client", "needs id or account");
    }
    section.finish(problems);
    Some(Hidden { client, account, names: names? })
}

fn pattern(value: &Value<'_, '_>) -> Result<String, String> {
    match value.string()? {
        "" => Err("must be a pattern, such as \"Outlook*\"".into()),
        long if long.len() > PATTERN => Err(format!("must have at most {PATTERN} bytes")),
        pattern => Ok(pattern.to_owned()),
    }
}

fn name(value: &Value<'_, '_>) -> Result<String, String> {
    match value.string()? {
        name if can_hide(name) => Ok(name.to_owned()),
        name => Err(format!("{name:?} is not a capability that can be hidden")),
    }
}
