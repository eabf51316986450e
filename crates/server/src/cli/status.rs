//! `posthouse status`

use std::path::Path;

use super::output::{self, Paint, Style, clean};
use super::{Failure, Listing, run};
use crate::admin::{ConnectionFigures, QueueFigures, Reply, Request, Status, StoreFigures};

pub(super) async fn run(config: &Path, listing: Listing) -> Result<(), Failure> {
    let Reply::Status { status } = run::by_server(config, Request::Status).await? else {
        return Err(Failure::Failed("the running server answered something else".into()));
    };
    if listing.json {
        output::say_json(&status);
    } else {
        output::say(render(&status, Paint::for_stdout()));
    }
    Ok(())
}

/// One line for each part of the server.
fn render(status: &Status, paint: Paint) -> String {
    let memory =
        status.memory_bytes.map_or_else(|| "memory unknown".into(), |n| format!("{} of memory", bytes(n)));
    let up = duration(status.uptime_seconds);
    let mut lines = vec![
        format!("{} {}", paint.paint(Style::Bold, format!("posthouse {}", status.version)), status.hostname),
        line(paint, "process", &format!("pid {}, up {up}, {memory}", status.pid)),
    ];
    for listener in &status.listeners {
        lines.push(line(paint, "listener", &format!("{:<12} {}", listener.service, listener.address)));
    }
    lines.push(line(paint, "connections", &connections(&status.connections)));
    lines.push(line(paint, "store", &store(&status.store)));
    lines.push(line(paint, "scrub", &scrub(&status.store, paint)));
    lines.push(line(paint, "queue", &queue(&status.queue, paint)));
    if let Some(since) = &status.queue.outage_since {
        let text = format!("since {} nothing at all can be delivered; see the log", clean(since));
        lines.push(line(paint, "warning", &paint.paint(Style::Yellow, text)));
    }
    let dane = clean(&status.dane.words);
    let dane = if status.dane.on { dane } else { paint.paint(Style::Yellow, dane) };
    lines.push(line(paint, "DANE", &dane));
    if let Some(figures) = &status.disk {
        lines.push(line(paint, "disk", &clean(&figures.words)));
        for warning in &figures.warnings {
            lines.push(line(paint, "warning", &paint.paint(Style::Yellow, clean(warning))));
        }
    }
    lines.join("\n")
}

fn line(paint: Paint, name: &str, text: &str) -> String {
    format!("{} {text}", paint.paint(Style::Dim, format!("{name:<12}")))
}

fn connections(figures: &ConnectionFigures) -> String {
    let of = |(service, open): (&String, &usize)| format!("{} {open}", clean(service));
    let each: Vec<String> = figures.services.iter().map(of).collect();
    format!("{} open: {}", figures.open, each.join(", "))
}

fn store(figures: &StoreFigures) -> String {
    let each = figures.syncs_per_commit.map_or_else(String::new, |each| format!(" ({each:.2} a commit)"));
    format!(
        "{} commits, {} syncs{each}, {} of log written, {} to replay",
        figures.commits,
        figures.syncs,
        bytes(figures.log_bytes),
        bytes(figures.replay_bytes)
    )
}

fn scrub(figures: &StoreFigures, paint: Paint) -> String {
    let now = if figures.scrubbing { "reading" } else { "resting" };
    let last = figures.scrubbed.as_ref().map_or_else(|| "never".into(), |at| clean(at));
    let damaged = match figures.damaged {
        0 => "no damage known".to_owned(),
        some => paint.paint(Style::Red, format!("{some} damaged; see: posthouse verify")),
    };
    format!("{now}, everything last read: {last}, {damaged}")
}

fn queue(figures: &QueueFigures, paint: Paint) -> String {
    let held = format!("{} held", figures.held);
    let held = if figures.held > 0 { paint.paint(Style::Yellow, held) } else { held };
    let next =
        figures.next_due.as_ref().map_or_else(String::new, |next| format!(", next due {}", clean(next)));
    format!("{} items, {} due, {held}{next}", figures.items, figures.due)
}

/// In the unit that leaves at most four digits before the point.
pub(super) fn bytes(n: u64) -> String {
    let Some(power) = (1..=4).rev().find(|power| n >> (10 * power) > 0) else { return format!("{n} B") };
    let tenths = (u128::from(n) * 10) >> (10 * power);
    format!("{}.{} {}iB", tenths / 10, tenths % 10, ["K", "M", "G", "T"][power - 1])
}

/// The two largest units.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{DaneFigures, DiskFigures, ListenerRow};

    #[test]
    fn a_status_for_people() {
        let status = Status {
            version: "1.2.3".into(),
            hostname: "mx.example.org".into(),
            pid: 42,
            uptime_seconds: 93_784,
            memory_bytes: Some(20 << 20),
            listeners: vec![ListenerRow { service: "smtp".into(), address: "[::1]:25".into() }],
            connections: ConnectionFigures { open: 3, services: [("smtp".into(), 3)].into() },
            store: StoreFigures {
                commits: 8,
                syncs: 2,
                syncs_per_commit: Some(0.25),
                log_bytes: 1536,
                replay_bytes: 9,
                damaged: 1,
                scrubbing: false,
                scrubbed: Some("2026-11-23T00:00:00Z".into()),
            },
            queue: QueueFigures {
                items: 5,
                due: 1,
                held: 2,
                next_due: Some("2026-11-24T00:00:00Z".into()),
                outage_since: Some("2026-11-23T00:00:00Z".into()),
            },
            dane: DaneFigures { on: false, words: "off: nobody checks signatures".into() },
            disk: Some(DiskFigures {
                file_system: "NFS".into(),
                sync_microseconds: Some(900),
                words: "NFS, a sync takes 900 µs".into(),
                warnings: vec!["it is far away".into()],
            }),
        };
        assert_eq!(
            render(&status, Paint(false)),
            "posthouse 1.2.3 mx.example.org\n\
             process      pid 42, up 1 d 2 h, 20.0 MiB of memory\n\
             listener     smtp         [::1]:25\n\
             connections  3 open: smtp 3\n\
             store        8 commits, 2 syncs (0.25 a commit), 1.5 KiB of log written, 9 B to replay\n\
             scrub        resting, everything last read: 2026-11-23T00:00:00Z, 1 damaged; see: posthouse verify\n\
             queue        5 items, 1 due, 2 held, next due 2026-11-24T00:00:00Z\n\
             warning      since 2026-11-23T00:00:00Z nothing at all can be delivered; see the log\n\
             DANE         off: nobody checks signatures\n\
             disk         NFS, a sync takes 900 µs\n\
             warning      it is far away"
        );
        assert!(render(&status, Paint(true)).contains("\x1b[33m2 held\x1b[0m"));
    }

    #[test]
    fn how_much() {
        for (n, expected) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB")] {
            assert_eq!(bytes(n), expected);
        }
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn how_long() {
        for (seconds, expected) in [(0, "0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
