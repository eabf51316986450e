//! Journeys.

use std::time::Duration;

use journey::{Event, Journey, Query, Value, What};
use mail::Wall;
use serde_json::Map;

use super::{AdviceRow, JourneyEvent, JourneyRow, Office, Reply, TraceQuery, Trouble, time};
use crate::config::units;

impl Office {
    pub(super) async fn trace(&self, query: &TraceQuery) -> Result<Reply, Trouble> {
        let now = self.world.clock.wall();
        let query = Query {
            from: query.from.clone(),
            to: query.to.clone(),
            subject: query.subject.clone(),
            message_id: query.message_id.clone(),
            since: query.since.as_deref().map(|text| point_in_time(text, now)).transpose()?,
            id: query.id.as_deref().map(parse_id).transpose()?,
            limit: query.limit,
        };
        let found = self.journeys.search(&query).await?;
        Ok(Reply::Journeys { rows: found.iter().map(journey_row).collect() })
    }
}

fn parse_id(text: &str) -> Result<mail::Id, Trouble> {
    text.parse().map_err(|why| Trouble::Said(format!("{text:?}: {why}")))
}

/// `2h` ago, or `2026-11-23`, or `2026-11-23T10:00:00` with or without `Z`.
pub(crate) fn point_in_time(text: &str, now: Wall) -> Result<Wall, String> {
    if let Ok(ago) = units::duration(text) {
        return Ok(Wall::from_millis(
            now.millis() - ago.min(Duration::from_hours(876_000)).as_millis() as i64,
        ));
    }
    date_and_time(text).ok_or_else(|| {
        format!(
            "{text:?} is no point in time; write how long ago, \"2h\" or \"3d\", or a date, \
             \"2026-11-23\" or \"2026-11-23T10:00:00\" (UTC)"
        )
    })
}

fn date_and_time(text: &str) -> Option<Wall> {
    let (date, rest) = text.trim_end_matches('Z').split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let mut rest = rest.splitn(3, ':').map(str::parse::<u8>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (hour, minute) = (rest.next()?.ok()?, rest.next().unwrap_or(Ok(0)).ok()?);
    let second = rest.next().unwrap_or(Ok(0)).ok()?;
    let fits =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    fits.then(|| Wall::from_civil(year, month as u8, day as u8, hour, minute, second))
}

pub(crate) fn journey_row(journey: &Journey) -> JourneyRow {
    JourneyRow {
        id: journey.id.to_string(),
        events: journey.events.iter().map(event).collect(),
        damaged: journey.damaged,
    }
}

fn event(event: &Event) -> JourneyEvent {
    let named = event.fields().into_iter().filter(|(name, _)| !matches!(*name, "at" | "event"));
    JourneyEvent {
        at: event.at.millis(),
        time: time(event.at),
        event: event.what.name().into(),
        text: event.what.to_string(),
        fields: map(named),
        advice: advice(&event.what),
    }
}

/// What is known of the replies of an attempt, each thing once.
fn advice(what: &What) -> Vec<AdviceRow> {
    let What::Attempted(attempt) = what else { return Vec::new() };
    let mut rows: Vec<AdviceRow> = Vec::new();
    for (_, reply) in &attempt.results {
        let Some(known) = mta::replies::advice(&attempt.host, reply) else { continue };
        let row = AdviceRow {
            cause: known.cause.clone(),
            operator: known.operator.clone(),
            sender: known.sender.clone(),
        };
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn map(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, serde_json::Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), json(value))).collect()
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.into(),
        Value::Number(number) => number.into(),
        Value::Flag(flag) => flag.into(),
        Value::List(list) => list.into_iter().map(json).collect(),
        Value::Map(fields) => serde_json::Value::Object(map(fields)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_says_what_its_replies_mean() {
        let to = |name: &str| format!("{name}@r.test").parse().expect("an address");
        let said = || mail::Reply::new(550, mail::EnhancedCode(5, 7, 25), "no PTR record");
        let attempt = journey::Attempted {
            item: mail::Id(1),
            host: "aspmx.l.google.com".into(),
            ip: None,
            tls: None,
            results: vec![(to("a"), said()), (to("b"), said()), (to("c"), mail::Reply::plain(250, "ok"))],
            took: Duration::ZERO,
        };
        let shown = event(&Event { at: Wall::from_secs(0), what: What::Attempted(Box::new(attempt)) });
        assert_eq!(shown.advice.len(), 1, "once: {:?}", shown.advice);
        assert!(shown.advice[0].operator.contains("PTR"));
        assert!(event(&Event { at: Wall::from_secs(0), what: What::Noted("x".into()) }).advice.is_empty());
    }

    #[test]
    fn points_in_time() {
        let now = Wall::from_secs(1_795_474_567);
        for (text, millis) in [
            ("2h", Some(1_795_467_367_000)),
            ("2026-11-23", Some(1_795_392_000_000)),
            ("2026-11-23T22:56:07Z", Some(1_795_474_567_000)),
            ("2026-11-23 22:56", Some(1_795_474_560_000)),
            ("2026-13-01", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(point_in_time(text, now).ok().map(Wall::millis), millis, "{text}");
        }
    }
}
