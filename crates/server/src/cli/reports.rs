//! `posthouse reports`

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Paint, Style, Table};
use super::{Failure, Listing, run};
use crate::admin::{CountedRow, Reply, ReportRow, ReportSource, Request};

/// Characters of the bar that shows a share.
const BAR: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what others report of mail from our domains (DMARC) and of TLS with our hosts
    List {
        /// Only those about this domain
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one of them: where the mail came from, and what was found
    Show {
        /// Its id in the list
        id: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// List what is counted for the reports that we send when the day is over
    Pending(#[command(flatten)] Listing),
    /// Send all of that now
    Send,
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::List { domain, listing } => list(config, domain, listing).await,
            Self::Show { id, listing } => show(config, id, listing).await,
            Self::Pending(listing) => pending(config, listing).await,
            Self::Send => run::one_and_say(config, Request::ReportSend).await,
        }
    }
}

async fn list(config: &Path, domain: Option<String>, listing: Listing) -> Result<(), Failure> {
    let page = |after| Request::ReportList { domain: domain.clone(), after };
    let take = |reply| match reply {
        Reply::Reports { rows, next } => Some((rows, next)),
        _ => None,
    };
    let mut rows = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    // The newest last, next to the prompt.
    rows.reverse();
    let mut table = Table::new(&["day", "about", "domain", "reporter", "total", "good", "", "id"]);
    for row in rows {
        let share = bar(row.good, row.total);
        let day = row.begin.split('T').next().unwrap_or_default().to_owned();
        let (total, good) = (row.total.to_string(), row.good.to_string());
        table.row([day, row.kind, row.domain, row.reporter, total, good, share, row.id]);
    }
    table.say("No report has come yet. What to publish so that they come: posthouse domain dns DOMAIN");
    Ok(())
}

async fn show(config: &Path, id: String, listing: Listing) -> Result<(), Failure> {
    let Reply::Report { report, sources } = run::one(config, Request::ReportShow { id }).await? else {
        return Ok(());
    };
    if listing.json {
        output::say_json(&serde_json::json!({ "report": report, "sources": sources }));
        return Ok(());
    }
    output::say(heading(&report, Paint::for_stdout()));
    let mut table = Table::new(&["count", "", "source", "outcome", "findings"]);
    for ReportSource { count, good, source, outcome, findings } in sources {
        let mark = if good { "good" } else { "bad" };
        table.row([count.to_string(), mark.into(), source, outcome, findings]);
    }
    table.say("It counts nothing.");
    if report.shortened {
        output::say("Further rows were left out: there were too many.");
    }
    Ok(())
}

fn heading(report: &ReportRow, paint: Paint) -> String {
    let about = if report.kind == "tls" { "TLS sessions with hosts of" } else { "Mail from" };
    format!(
        "{} {}, as {} saw it from {} to {}: {} of {} good {}\n{}\n",
        paint.paint(Style::Bold, about),
        paint.paint(Style::Bold, output::clean(&report.domain)),
        output::clean(&report.reporter),
        report.begin,
        report.end,
        report.good,
        report.total,
        bar(report.good, report.total),
        paint.paint(
            Style::Dim,
            format!("message {}, their id {}", report.message, output::clean(&report.report_id))
        ),
    )
}

async fn pending(config: &Path, listing: Listing) -> Result<(), Failure> {
    let Reply::PendingReports { rows } = run::one(config, Request::ReportPending).await? else {
        return Ok(());
    };
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["day", "about", "domain", "counted"]);
    for CountedRow { day, kind, domain, total } in rows {
        table.row([day, kind, domain, total.to_string()]);
    }
    table.say("Nothing is counted for reports of ours.");
    Ok(())
}

/// A share as a bar.
fn bar(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let full = u128::from(part) * BAR as u128 / u128::from(whole);
    let full = usize::try_from(full).map_or(BAR, |full| full.min(BAR));
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_shares() {
        for (part, whole, full) in
            [(0, 0, 0), (0, 5, 0), (5, 10, 10), (10, 10, 20), (u64::MAX, 1, 20), (1, u64::MAX, 0)]
        {
            assert_eq!(bar(part, whole).matches('█').count(), full, "{part} of {whole}");
        }
    }
}
