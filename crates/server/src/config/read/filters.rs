//! `[[milter]]` and `[[hook]]`: filters outside of this process.

use std::collections::BTreeSet;

use filter::hook::Stage;
use mail::limits;
use mta::Service;
use mta::filters::{Filter, Hook, Kind, OnFailure};

use super::super::problem::Collector;
use super::super::section::{Section, Value};
use super::super::units;
use super::duration;

/// Bytes of a message that a hook gets, by default.
const MESSAGE_SIZE: u64 = 10_000_000;

/// Milters first, then hooks, each in the file's order.
pub(super) fn filters(root: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> Vec<Filter> {
    let milters = sections(root, "milter", problems).into_iter().map(|section| (section, false));
    let milters: Vec<_> = milters.collect();
    let hooks = sections(root, "hook", problems).into_iter().map(|section| (section, true));
    let all = milters.into_iter().chain(hooks);
    let read = |(section, is_hook)| if is_hook { hook(section, problems) } else { milter(section, problems) };
    all.filter_map(read).collect()
}

fn sections<'s, 't>(
    root: &mut Section<'s, 't>,
    name: &'static str,
    problems: &mut Collector<'_>,
) -> Vec<Section<'s, 't>> {
    let sections = root.read(problems, name, |v| match v.tables(name)? {
        many if many.len() > limits::FILTERS => Err(format!("is there more than {} times", limits::FILTERS)),
        some => Ok(some),
    });
    sections.unwrap_or_default()
}

fn milter(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<Filter> {
    let address = section.need(problems, "address", |v| v.parsed(str::parse));
    common(section, address.map(Kind::Milter), problems)
}

fn hook(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<Filter> {
    let url = section.need(problems, "url", |v| v.parsed(str::parse));
    let mut stages = vec![Stage::Data];
    section.set(problems, "stages", &mut stages, |v| {
        let names =
            [Stage::Connect, Stage::Mail, Stage::Rcpt, Stage::Data].map(|stage| (stage.name(), stage));
        v.list(|v| v.choice(&names))
    });
    let mut message_size = MESSAGE_SIZE;
    section.set(problems, "message_size", &mut message_size, |v| v.parsed(units::size));
    let hook = url.map(|url| Hook { url, stages: stages.into_iter().collect::<BTreeSet<_>>(), message_size });
    common(section, hook.map(Kind::Hook), problems)
}

/// What all filters have.
fn common(mut section: Section<'_, '_>, kind: Option<Kind>, problems: &mut Collector<'_>) -> Option<Filter> {
    let mut timeout = limits::FILTER_WAIT;
    section.set(problems, "timeout", &mut timeout, |v| match duration(v)? {
        long if long > limits::FILTERS_WAIT => Err("must be at most 5m".into()),
        some => Ok(some),
    });
    let mut on_failure = OnFailure::TempFail;
    section.set(problems, "on_failure", &mut on_failure, |v| {
        v.choice(&[("tempfail", OnFailure::TempFail), ("accept", OnFailure::Accept)])
    });
    let services = section.read(problems, "services", |v| v.list(service));
    section.finish(problems);
    let filter = Filter { timeout, on_failure, ..Filter::new(kind?) };
    Some(match services {
        Some(services) => Filter { services, ..filter },
        None => filter,
    })
}

fn service(value: &Value<'_, '_>) -> Result<Service, String> {
    value.choice(&[("smtp", Service::Mx), ("submission", Service::Submission), ("lmtp", Service::Lmtp)])
}
