//! `[smtp]`, `[[dnsbl]]` and `[greylist]`: what strangers may do.

use std::time::Duration;

use filter::dnsbl::{Answers, Kind};
use filter::greylist;
use filter::rate::Rate;
use mail::limits;
use mta::gate::{Action, List, Rules};

use super::super::Limits;
use super::super::problem::Collector;
use super::super::section::{Section, Value};
use super::super::units;
use super::domain;

/// How long an entry may be remembered, and mail be put off, at the most.
const LONGEST: Duration = Duration::from_hours(24 * 3650);

pub(super) fn rules(
    root: &mut Section<'_, '_>,
    section: Section<'_, '_>,
    limits: &Limits,
    problems: &mut Collector<'_>,
) -> Rules {
    let mut rules = Rules {
        exempt: limits.exempt.clone(),
        messages: Rate::per_minute(limits.messages_per_minute),
        unknown_recipients: Rate { events: limits.unknown_recipients, ..Rules::default().unknown_recipients },
        ..Rules::default()
    };
    smtp(section, &mut rules, problems);
    rules.lists = lists(root, problems);
    rules.greylist = greylist(root.section(problems, "greylist"), problems);
    rules
}

fn smtp(mut section: Section<'_, '_>, rules: &mut Rules, problems: &mut Collector<'_>) {
    section.set(problems, "greeting_delay", &mut rules.greeting_delay, |v| match v.string()? {
        "0" => Ok(Duration::ZERO),
        _ => at_most(v, limits::GREETING_DELAY, "must be at most 30s"),
    });
    section.set(problems, "dnsbl_wait", &mut rules.lists_wait, |v| {
        at_most(v, Duration::from_secs(30), "must be at most 30s")
    });
    section.finish(problems);
}

fn at_most(value: &Value<'_, '_>, most: Duration, why: &str) -> Result<Duration, String> {
    match value.parsed(units::duration)? {
        long if long > most => Err(why.into()),
        some => Ok(some),
    }
}

fn lists(root: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> Vec<List> {
    let sections = root.read(problems, "dnsbl", |v| match v.tables("dnsbl")? {
        many if many.len() > limits::LISTS => Err(format!("is there more than {} times", limits::LISTS)),
        some => Ok(some),
    });
    sections.unwrap_or_default().into_iter().filter_map(|section| list(section, problems)).collect()
}

fn list(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<List> {
    let zone = section.need(problems, "zone", domain);
    let mut kind = Kind::Address;
    section
        .set(problems, "kind", &mut kind, |v| v.choice(&[("ip", Kind::Address), ("domain", Kind::Domain)]));
    let mut answers = Vec::new();
    section.set(problems, "answers", &mut answers, |v| v.list(|v| v.parsed(str::parse::<Answers>)));
    let mut action = Action::Refuse;
    section.set(problems, "action", &mut action, |v| {
        v.choice(&[
            ("refuse", Action::Refuse),
            ("tempfail", Action::TempFail),
            ("note", Action::Note),
            ("allow", Action::Allow),
        ])
    });
    section.finish(problems);
    Some(List { zone: zone?, kind, answers, action })
}

fn greylist(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<greylist::Rule> {
    let mut rule = greylist::Rule::default();
    let enabled = section.read(problems, "enabled", Value::boolean).unwrap_or(false);
    section.set(problems, "delay", &mut rule.delay, |v| at_most(v, LONGEST, "must be at most 3650d"));
    section.set(problems, "window", &mut rule.window, |v| at_most(v, LONGEST, "must be at most 3650d"));
    section.set(problems, "lifetime", &mut rule.lifetime, |v| at_most(v, LONGEST, "must be at most 3650d"));
    section.set(problems, "passes", &mut rule.passes, |v| Ok(v.number(0, 1_000_000)? as u32));
    if rule.delay >= rule.window {
        let key = if section.has("delay") { "delay" } else { "window" };
        section.read(problems, key, |_| Err::<(), _>("the delay must be shorter than the window".into()));
    }
    section.finish(problems);
    enabled.then_some(rule)
}
