//! `[oauth]`: who says what bearer tokens are worth (RFC 7662).

use std::path::Path;
use std::time::Duration;

use mta::Introspection;
use mta::filters::Url;

use super::super::OAuth;
use super::super::problem::Collector;
use super::super::section::{Section, Value};
use super::{duration, path};

/// A token that was revoked works for so long yet, at the most.
const CACHED_AT_MOST: Duration = Duration::from_hours(1);

/// Nothing where there is no such section: then no bearer token is taken.
pub(super) fn read(root: &mut Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Option<OAuth> {
    let is_there = root.has("oauth");
    let mut section = root.section(problems, "oauth");
    if !is_there {
        return None;
    }
    let url = section.need(problems, "introspection", |v| match v.parsed(str::parse::<Url>)? {
        open if !open.is_private() => Err("must be https, or on this machine: it gets tokens".into()),
        url => Ok(url),
    });
    // The rest is read, too, so that all problems are told.
    let placeholder = || "http://localhost/".parse().expect("a URL");
    let mut chosen = Introspection::new(url.clone().unwrap_or_else(placeholder));
    let client = section.read(problems, "client_id", text);
    let secret = section.read(problems, "client_secret_file", |v| path(v, base));
    if client.is_some() != secret.is_some() {
        problems.add(section.span(), "oauth.client_id", "goes with client_secret_file, or both are left out");
    }
    section.set(problems, "username", &mut chosen.username, text);
    chosen.scope = section.read(problems, "scope", word);
    chosen.audience = section.read(problems, "audience", text);
    chosen.discovery = section.read(problems, "openid_configuration", |v| match text(v)? {
        url if url.starts_with("https://") => Ok(url),
        _ => Err("must begin with https://".into()),
    });
    section.set(problems, "timeout", &mut chosen.timeout, |v| match duration(v)? {
        long if long > Duration::from_mins(1) || long.is_zero() => Err("must be from 1s to 1m".into()),
        some => Ok(some),
    });
    section.set(problems, "cache", &mut chosen.lifetime, |v| match duration(v)? {
        long if long > CACHED_AT_MOST => Err("must be at most 1h".into()),
        some => Ok(some),
    });
    section.finish(problems);
    url.map(|_| OAuth { introspection: chosen, credentials: client.zip(secret) })
}

/// Some printable text.
fn text(value: &Value<'_, '_>) -> Result<String, String> {
    match value.string()? {
        text if text.is_empty() || text.chars().any(char::is_control) => Err("must be some text".into()),
        text => Ok(text.to_owned()),
    }
}

/// A single one: RFC 7628 §3.2.2 tells not to give clients several.
fn word(value: &Value<'_, '_>) -> Result<String, String> {
    match text(value)? {
        several if several.contains(' ') => Err("must be one word".into()),
        word => Ok(word),
    }
}
