//! The part for people: what happened, in words that need no knowledge of mail, and the other server's own words.

use std::fmt::Write as _;

use mail::EnhancedCode;

use super::{Action, Entry, Report, Returned};
use crate::date;

/// Characters of a subject or of another server's line that are shown.
const SHOWN: usize = 300;
/// Characters of a line of advice.
const WIDTH: usize = 74;

/// The report's subject line.
pub(super) fn subject(report: &Report<'_>) -> String {
    let what = match worst(report) {
        Action::Failed => "Not delivered",
        Action::Delayed => "Delivery delayed",
        Action::Delivered | Action::Relayed | Action::Expanded => "Delivered",
    };
    match report.subject.map(shown).filter(|s| !s.is_empty()) {
        Some(subject) => format!("{what}: {subject}"),
        None => what.into(),
    }
}

/// The action that matters most to the sender.
fn worst(report: &Report<'_>) -> Action {
    let has = |action| report.entries.iter().any(|entry| entry.action == action);
    match () {
        () if has(Action::Failed) => Action::Failed,
        () if has(Action::Delayed) => Action::Delayed,
        () => Action::Delivered,
    }
}

/// The whole text, lines ended by CRLF.
pub(super) fn explanation(report: &Report<'_>) -> String {
    let mut text = format!("This is the mail server {}.\n\n", report.reporting);
    for action in [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded] {
        let entries: Vec<_> = report.entries.iter().filter(|entry| entry.action == action).collect();
        if entries.is_empty() {
            continue;
        }
        text.push_str(introduction(action));
        for entry in entries {
            recipient(&mut text, entry);
        }
    }
    about_the_message(&mut text, report);
    text.replace('\n', "\r\n")
}

fn introduction(action: Action) -> &'static str {
    match action {
        Action::Failed => "Your message could not be delivered to:\n\n",
        Action::Delayed => {
            "Your message has not been delivered yet. The server keeps trying; you need not send it\n\
             again. Still waiting for:\n\n"
        }
        Action::Delivered => "Your message has been delivered to:\n\n",
        Action::Relayed => {
            "Your message has been handed on, to a server that does not confirm delivery, for:\n\n"
        }
        Action::Expanded => "Your message has been sent on to all addresses behind:\n\n",
    }
}

fn recipient(text: &mut String, entry: &Entry<'_>) {
    line(text, &format!("  {}", entry.recipient.address));
    if matches!(entry.action, Action::Failed | Action::Delayed) {
        line(text, &format!("    {}", meaning(entry.status)));
    }
    if let Some(until) = entry.retry_until.filter(|_| entry.action == Action::Delayed) {
        line(text, &format!("    It is tried again until {}.", date::format_rfc5322(until)));
    }
    if let (Some(reply), Action::Failed | Action::Delayed) = (entry.reply, entry.action) {
        let speaker = match entry.remote {
            Some(remote) => format!("The server {remote} said:"),
            None => "Details:".into(),
        };
        line(text, &format!("    {}", shown(&speaker)));
        for said in reply_lines(reply) {
            line(text, &format!("      {}", shown(&said)));
        }
    }
    if let (Some(advice), Action::Failed | Action::Delayed) = (entry.advice, entry.action) {
        wrapped(text, &format!("What you can do: {advice}"));
    }
    text.push('\n');
}

fn about_the_message(text: &mut String, report: &Report<'_>) {
    text.push_str("The message this is about:\n\n");
    if let Some(subject) = report.subject {
        line(text, &format!("  Subject:  {}", shown(subject)));
    }
    line(text, &format!("  Received: {}", date::format_rfc5322(report.arrival)));
    text.push('\n');
    text.push_str(match report.returned {
        Returned::Message(_) => "It is attached.\n",
        Returned::Headers(_) => "Its beginning is attached.\n",
    });
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}

/// Our own words on lines of a width that is easy to read.
fn wrapped(text: &mut String, words: &str) {
    let mut current = String::new();
    for word in words.split(' ') {
        if !current.is_empty() && current.len() + word.len() > WIDTH {
            line(text, &format!("    {current}"));
            current.clear();
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    line(text, &format!("    {current}"));
}

/// Words from outside on one line of bearable length.
fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        line.push_str("...");
    }
    line
}

/// A reply with its codes before the first line, at most a few lines.
fn reply_lines(reply: &mail::Reply) -> Vec<String> {
    let codes = match reply.enhanced {
        Some(enhanced) => format!("{} {enhanced} ", reply.code),
        None => format!("{} ", reply.code),
    };
    let mut lines: Vec<String> = reply.text.lines().take(10).map(str::to_owned).collect();
    match lines.first_mut() {
        Some(first) => first.insert_str(0, &codes),
        None => lines.push(codes.trim_end().to_owned()),
    }
    lines
}

/// What a status means to the sender and what may help (RFC 3463 §3).
fn meaning(status: EnhancedCode) -> &'static str {
    match (status.1, status.2) {
        (1, 1 | 3 | 6) => "There is no such address. Please check it for typing errors.",
        (1, 2) => "The part after the @ is no mail domain. Please check it for typing errors.",
        (1, 10) => "The domain of this address takes no mail at all.",
        (1, 7 | 8) => "The receiving server does not accept your sender address.",
        (2, 1) => "The recipient's mailbox is switched off.",
        (2, 2) => "The recipient's mailbox is full.",
        (2, 3) | (3, 4) => "The message is too large for the recipient's server.",
        (3, 1) | (4, 5) => "The receiving server has no room or is overloaded.",
        (4, 1) => "The recipient's server does not answer.",
        (4, 2) => "The connection to the recipient's server broke off.",
        (4, 3 | 4) => "No way to the recipient's server was found; its domain may be set up wrongly.",
        (4, 6) => "The message went round in circles: forwarding is set up wrongly somewhere.",
        (4, 7) => "Delivery was tried for as long as it is allowed, without success.",
        (6, 7) => "The recipient's server does not support international addresses.",
        (6, _) => "The recipient's server cannot handle this kind of content.",
        (7, 1 | 2) => "The recipient's server refused the message: its rules forbid it.",
        (7, 23..=29) => "The recipient's server could not confirm that the message comes from your domain.",
        (7, _) => "The recipient's server refused the message for security reasons.",
        _ if status.0 == 4 => "There is a problem that may pass.",
        _ => "The recipient's server did not take the message.",
    }
}
