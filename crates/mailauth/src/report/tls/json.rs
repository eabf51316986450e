//! The JSON of TLS reports (RFC 8460 §4.4). Unknown members are skipped; of lists only as much is kept as a report may
//! have, so a file of a million entries costs no more memory than its text.

use std::fmt;
use std::marker::PhantomData;

use mail::{Wall, limits};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Applied, Error, Failure, PolicyKind, Report, Sessions};
use crate::report::clean;

/// Policies, failures of a policy, and lines of a policy are each kept up to this many.
pub(super) const ENTRIES: usize = limits::REPORT_SIGNATURES;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wire {
    #[serde(default)]
    organization_name: String,
    date_range: Range,
    #[serde(default)]
    contact_info: String,
    report_id: String,
    #[serde(default, deserialize_with = "capped")]
    policies: Vec<WirePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Range {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct WirePolicy {
    policy: Details,
    #[serde(default)]
    summary: Summary,
    #[serde(default, deserialize_with = "capped", skip_serializing_if = "Vec::is_empty")]
    failure_details: Vec<WireFailure>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Details {
    policy_type: String,
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    policy_string: Vec<String>,
    #[serde(default)]
    policy_domain: String,
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    mx_host: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct WireFailure {
    result_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sending_mta_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_mx_hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_mx_helo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiving_ip: Option<String>,
    failed_session_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_information: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason_code: Option<String>,
}

/// Keeps one entry more than a report may have, so that what is lost is seen, and skips the rest.
struct Capped<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Capped<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() <= ENTRIES {
            match list.next_element()? {
                Some(entry) => kept.push(entry),
                None => return Ok(kept),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(kept)
    }
}

fn capped<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(Capped(PhantomData))
}

/// Some write a single string where a list is asked for.
struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_str<E>(self, one: &str) -> Result<Vec<String>, E> {
        Ok(vec![one.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
        Capped(PhantomData).visit_seq(list)
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(OneOrMany)
}

pub(super) fn write(report: &Report) -> String {
    let wire = Wire {
        organization_name: report.organization.clone(),
        date_range: Range { start_datetime: date_time(report.begin), end_datetime: date_time(report.end) },
        contact_info: report.contact.clone(),
        report_id: report.id.clone(),
        policies: report.policies.iter().map(|(applied, sessions)| wire_policy(applied, sessions)).collect(),
    };
    serde_json::to_string(&wire).expect("strings and numbers are JSON")
}

fn wire_policy(applied: &Applied, sessions: &Sessions) -> WirePolicy {
    WirePolicy {
        policy: Details {
            policy_type: applied.kind.word().to_owned(),
            policy_string: applied.lines.clone(),
            policy_domain: applied.domain.clone(),
            mx_host: applied.mx.clone(),
        },
        summary: Summary {
            total_successful_session_count: sessions.successful,
            total_failure_session_count: sessions.failed,
        },
        failure_details: sessions
            .failures
            .iter()
            .map(|(failure, count)| wire_failure(failure, *count))
            .collect(),
    }
}

fn wire_failure(failure: &Failure, count: u64) -> WireFailure {
    WireFailure {
        result_type: failure.kind.clone(),
        sending_mta_ip: failure.sender.map(|ip| ip.to_string()),
        receiving_mx_hostname: failure.host.clone(),
        receiving_mx_helo: failure.helo.clone(),
        receiving_ip: failure.address.map(|ip| ip.to_string()),
        failed_session_count: count,
        additional_information: failure.more.clone(),
        failure_reason_code: failure.reason.clone(),
    }
}

pub(super) fn read(text: &[u8]) -> Result<Report, Error> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let wire: Wire = serde_json::from_slice(text).map_err(|error| Error::Json(clean(&error.to_string())))?;
    let moment = |text: &str| {
        parse_date_time(text).ok_or_else(|| Error::Json(format!("{:?} is no date and time", clean(text))))
    };
    let mut report = Report {
        organization: clean(&wire.organization_name),
        begin: moment(&wire.date_range.start_datetime)?,
        end: moment(&wire.date_range.end_datetime)?,
        contact: clean(&wire.contact_info),
        id: clean(&wire.report_id),
        ..Report::default()
    };
    for entry in cut(wire.policies, &mut report.truncated) {
        let applied = applied(entry.policy, &mut report.truncated);
        let sessions = report.policies.entry(applied).or_default();
        add(&mut sessions.successful, entry.summary.total_successful_session_count);
        add(&mut sessions.failed, entry.summary.total_failure_session_count);
        for details in cut(entry.failure_details, &mut report.truncated) {
            let count = details.failed_session_count;
            add(sessions.failures.entry(failure(details)).or_default(), count);
        }
    }
    Ok(report)
}

fn add(to: &mut u64, count: u64) {
    *to = to.saturating_add(count);
}

/// A list cut to what is kept; says so if something was lost.
fn cut<T>(mut list: Vec<T>, truncated: &mut bool) -> Vec<T> {
    *truncated |= list.len() > ENTRIES;
    list.truncate(ENTRIES);
    list
}

fn applied(details: Details, truncated: &mut bool) -> Applied {
    let known = [PolicyKind::Tlsa, PolicyKind::Sts, PolicyKind::NotFound];
    let kind = known.into_iter().find(|kind| details.policy_type.eq_ignore_ascii_case(kind.word()));
    let mut texts =
        |list: Vec<String>| -> Vec<String> { cut(list, truncated).iter().map(|text| clean(text)).collect() };
    Applied {
        kind: kind.unwrap_or_default(),
        lines: texts(details.policy_string),
        domain: clean(&details.policy_domain).to_ascii_lowercase(),
        mx: texts(details.mx_host),
    }
}

fn failure(details: WireFailure) -> Failure {
    let text = |text: Option<String>| text.map(|text| clean(&text)).filter(|text| !text.is_empty());
    Failure {
        kind: clean(&details.result_type),
        sender: details.sending_mta_ip.and_then(|ip| ip.parse().ok()),
        host: text(details.receiving_mx_hostname),
        helo: text(details.receiving_mx_helo),
        address: details.receiving_ip.and_then(|ip| ip.parse().ok()),
        more: text(details.additional_information),
        reason: text(details.failure_reason_code),
    }
}

/// RFC 3339 §5.6, in UTC.
fn date_time(at: Wall) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// RFC 3339 §5.6: `2016-04-01T00:00:00Z`, with or without a fraction, with any offset.
pub(super) fn parse_date_time(text: &str) -> Option<Wall> {
    let (date, rest) = text.trim().split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (time, zone) = time.split_at(time.find(['Z', 'z', '+', '-']).unwrap_or(time.len()));
    let [year, month, day] = three_numbers(date, '-')?;
    let [hour, minute, second] = three_numbers(time.split('.').next()?, ':')?;
    let good =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour <= 24 && minute < 60 && second <= 60;
    if !good {
        return None;
    }
    let midnight = Wall::from_civil(year, month as u8, day as u8, 0, 0, 0).secs();
    Some(Wall::from_secs(midnight + hour * 3600 + minute * 60 + second - zone_seconds(zone)?))
}

fn three_numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut numbers = text.split(separator).map(|n| n.parse::<u32>().ok().map(i64::from));
    let three = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(three)
}

/// `Z`, `+01:00`, or nothing, which is taken as UTC.
fn zone_seconds(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return Some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}
