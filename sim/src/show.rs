//! What people see: a bar while seeds run, a table afterwards, and for each failure the one command that replays it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::batch::{Failure, Summary};
use crate::coverage::is_expected;
use crate::run::Outcome;
use crate::shrink::Shrunk;

/// Where standard output is a terminal and NO_COLOR is not set, it is painted.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    colour: bool,
}

impl Default for Show {
    fn default() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: io::stdout().is_terminal() && !unwanted }
    }
}

/// Writes a line. A reader that went away (`| head`) is no error.
pub fn say(text: impl std::fmt::Display) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

impl Show {
    fn paint(self, code: &str, text: impl std::fmt::Display) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// A line of a trace, painted by its kind.
    pub fn line(self, line: &str) -> String {
        let kind = line.get(14..22).unwrap_or_default().trim();
        match kind {
            "FAULT" => self.paint("1;31", line),
            "process" if line.contains("VIOLATION") => self.paint("1;41", line),
            "process" => self.paint("1;33", line),
            "disk" | "dns" | "clock" => self.paint("2", line),
            "actor" => self.paint("36", line),
            "log" => self.paint("35", line),
            _ => line.to_owned(),
        }
    }

    /// Everything that came of a batch.
    pub fn summary(self, summary: &Summary, twice: bool) -> String {
        let mut out = String::new();
        let times = if twice { "each run twice, equal" } else { "each run once" };
        let rows = [
            ("seeds", grouped(summary.seeds), format!("{times}; {:.0} a second", summary.rate)),
            ("virtual time", span(summary.virtual_seconds), String::new()),
            ("acknowledged", grouped(summary.acknowledged), "recipients of messages".to_owned()),
            ("events", grouped(summary.events), String::new()),
        ];
        for (name, value, note) in rows {
            let _ = writeln!(out, "  {name:<14}{value:>16}  {}", self.paint("2", note));
        }
        for (title, prefix) in [("faults", "fault."), ("sometimes", "")] {
            let _ = writeln!(out, "\n{}", self.paint("1", title));
            let of_kind = summary.counters.iter().filter(|(name, _)| {
                if prefix.is_empty() { !name.starts_with("fault.") } else { name.starts_with(prefix) }
            });
            let cells: Vec<String> = of_kind.map(|(name, times)| self.counter(name, *times)).collect();
            for pair in cells.chunks(2) {
                let _ = writeln!(out, "  {}", pair.join("   "));
            }
        }
        out
    }

    fn counter(self, name: &str, times: u64) -> String {
        let label = name.strip_prefix("fault.").unwrap_or(name);
        let number = if times == 0 { "never".to_owned() } else { grouped(times) };
        let cell = format!("{label:<28}{number:>10}");
        if times == 0 && is_expected(name) { self.paint("1;33", cell) } else { cell }
    }

    /// One failing seed, with the command that replays it.
    pub fn failure(self, failure: &Failure, shrunk: Option<&Shrunk>, plan: Option<&str>) -> String {
        let mut out = format!("{}\n", self.paint("1;31", format!("seed {} fails", failure.seed)));
        let violations = shrunk.map_or(&failure.violations, |shrunk| &shrunk.violations);
        for violation in violations.iter().take(6) {
            let _ = writeln!(out, "  {}: {}", self.paint("1", violation.invariant), violation.what);
        }
        if violations.len() > 6 {
            let _ = writeln!(out, "  and {} more", violations.len() - 6);
        }
        let without = shrunk.map_or(String::new(), |shrunk| match shrunk.without.join(",") {
            none if none.is_empty() => none,
            some => format!(" --without {some}"),
        });
        let replay = format!("cargo run -p sim --release -- --seed {}{without}", failure.seed);
        let _ = writeln!(out, "  replay   {}", self.paint("1", replay));
        if let (Some(shrunk), Some(path)) = (shrunk, plan) {
            let _ = writeln!(
                out,
                "  smallest cargo run -p sim --release -- --plan {path}   ({} faults, {} steps)",
                shrunk.plan.faults.len(),
                shrunk.plan.steps()
            );
        }
        out
    }
}

/// The bar, if somebody looks.
pub struct Bar(ProgressBar);

impl Bar {
    /// For so many seeds.
    pub fn new(seeds: u64) -> Self {
        let style = ProgressStyle::with_template(
            "{spinner:.cyan} {wide_bar:.cyan/blue} {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}",
        );
        let bar = ProgressBar::new(seeds);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// One more has run.
    pub fn tell(&self, outcome: &Outcome, failures: &mut u64) {
        *failures += u64::from(!outcome.violations.is_empty());
        self.step(*failures);
    }

    /// One more has run; so many have failed.
    pub fn step(&self, failures: u64) {
        self.0.inc(1);
        if failures > 0 {
            self.0.set_message(format!("{failures} failed"));
        }
    }

    /// Takes it away.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds in the two largest units.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours} h {minutes} min"),
        1..365 => format!("{days} d {hours} h"),
        _ => format!("{} y {} d", days / 365, days % 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_easy_to_read() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
        for (seconds, text) in [(59, "0 h 0 min"), (90_000, "1 d 1 h"), (400 * 86_400, "1 y 35 d")] {
            assert_eq!(span(seconds), text);
        }
    }
}
