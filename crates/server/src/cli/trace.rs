//! `posthouse trace`: journeys as timelines.

use std::path::Path;

use super::output::{self, Paint, Style};
use super::{Failure, Listing, run};
use crate::admin::{JourneyEvent, JourneyRow, Reply, Request, TraceQuery};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The sender: an address or @domain
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// A recipient: an address or @domain
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Part of the subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// The Message-ID, with or without its angle brackets
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// Nothing that ended before: 2h, 3d, 2026-11-23, 2026-11-23T10:00:00
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// One journey, by the id in its trace headers
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// At most this many, the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    listing: Listing,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let query = TraceQuery {
            from: self.from,
            to: self.to,
            subject: self.subject,
            message_id: self.message_id,
            since: self.since,
            id: self.id,
            limit: self.limit,
        };
        let Reply::Journeys { mut rows } = run::one(config, Request::Trace { query }).await? else {
            return Ok(());
        };
        if self.listing.json {
            output::say_json(&rows);
            return Ok(());
        }
        // The newest last, next to the prompt.
        rows.reverse();
        let paint = Paint::for_stdout();
        let timelines: Vec<String> = rows.iter().map(|row| timeline(row, paint)).collect();
        match timelines.as_slice() {
            [] => Err(Failure::Failed("no journey matches".into())),
            some => {
                output::say(some.join("\n\n"));
                Ok(())
            }
        }
    }
}

/// One journey: a heading and a line for each event, with the time since the first.
fn timeline(row: &JourneyRow, paint: Paint) -> String {
    let first = row.events.first();
    let began = first.map_or(0, |event| event.at);
    let mut lines = vec![format!(
        "{} {}  {}  {}",
        paint.paint(Style::Bold, "✉"),
        paint.paint(Style::Bold, &row.id),
        paint.paint(Style::Dim, first.map_or("", |event| &event.time)),
        paint.paint(Style::Bold, first.map(subject).unwrap_or_default()),
    )];
    lines.extend(row.events.iter().flat_map(|event| {
        let text = output::clean(&event.text);
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let line = format!(
            "  {}  {} {} {rest}",
            paint.paint(Style::Dim, format!("{:>10}", since(event.at - began))),
            mark(event, paint),
            paint.paint(style(event), verb),
        );
        let advice = event.advice.iter().flat_map(|row| [&row.cause, &row.operator]);
        std::iter::once(line).chain(advice.map(|text| format!("  {:>10}    {text}", "")))
    }));
    if row.damaged > 0 {
        let text = format!("damaged: {} of its records cannot be read", row.damaged);
        lines.push(format!("  {:>10}  {}", "", paint.paint(Style::Red, text)));
    }
    lines.join("\n")
}

/// What the message calls itself, if it was told.
fn subject(first: &JourneyEvent) -> String {
    let text = first.fields.get("subject").and_then(serde_json::Value::as_str);
    output::clean(text.unwrap_or_default())
}

/// How long after the beginning, in four digits at most.
pub(crate) fn since(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds {
        ..60 => format!("+{}.{:03} s", seconds, millis.rem_euclid(1000)),
        60..3600 => format!("+{}:{:02} min", seconds / 60, seconds % 60),
        3600..172_800 => format!("+{}:{:02} h", seconds / 3600, seconds / 60 % 60),
        _ => format!("+{} d", seconds / 86_400),
    }
}

/// How an event is to be looked at.
pub(crate) fn style(event: &JourneyEvent) -> Style {
    match event.event.as_str() {
        "accepted" => Style::Cyan,
        "queued" => Style::Blue,
        "delivered" => Style::Green,
        "attempted" => attempt_style(event),
        "deferred" | "operator" => Style::Yellow,
        "refused" | "expired" | "reported" | "expunged" => Style::Red,
        _ => Style::Plain,
    }
}

/// By the worst reply of an attempt.
fn attempt_style(event: &JourneyEvent) -> Style {
    let text = event.fields.get("results").map(ToString::to_string).unwrap_or_default();
    let says = |digit: char| text.contains(&format!("\"{digit}")) || text.contains(&format!(":{digit}"));
    match (says('5'), says('4')) {
        (true, _) => Style::Red,
        (false, true) => Style::Yellow,
        (false, false) => Style::Green,
    }
}

pub(crate) fn mark(event: &JourneyEvent, paint: Paint) -> String {
    let style = style(event);
    let sign = match (event.event.as_str(), style) {
        (_, Style::Green) => "✓",
        (_, Style::Red) => "✗",
        ("deferred" | "attempted", _) => "↻",
        _ => "•",
    };
    paint.paint(style, sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told() {
        let row = JourneyRow { id: "0000000000042".into(), events: vec![], damaged: 2 };
        let text = timeline(&row, Paint(false));
        assert!(text.ends_with("damaged: 2 of its records cannot be read"), "{text}");
    }

    #[test]
    fn times_since_the_beginning() {
        for (millis, text) in [
            (0, "+0.000 s"),
            (59_999, "+59.999 s"),
            (61_000, "+1:01 min"),
            (3_600_000, "+1:00 h"),
            (172_800_000, "+2 d"),
        ] {
            assert_eq!(since(millis), text);
        }
    }
}
