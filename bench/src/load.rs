//! `bench load`: senders for some seconds, a watcher until all is visible.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::imap::Session;
use crate::smtp::{self, Sender};

/// How often the watcher looks: the resolution of the times to visibility.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// When mail that was taken over must have become visible.
const PATIENCE: Duration = Duration::from_mins(2);

/// When one message began to be sent and when the server had taken it over.
type Sent = (Instant, Instant);

/// Runs one cell of the benchmark and reports it.
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let (user, password) = (arguments.text("user")?, arguments.text("password")?);
    let connections: usize = arguments.number("connections")?;
    let duration = Duration::from_secs_f64(arguments.number("seconds")?);
    let message = smtp::message(arguments.number("size")?, user);
    let mut watcher = Session::connect(arguments.text("imap")?, user, password)?;
    watcher.command("SELECT INBOX")?;
    let senders = smtp::connect_all(arguments.text("smtp")?, connections)?;
    let (before, begin) = (watcher.exists, Instant::now());
    let (end, acknowledged) = (begin + duration, AtomicUsize::new(0));
    let (mut sent, seen) = thread::scope(|scope| {
        let threads: Vec<_> = senders
            .into_iter()
            .map(|sender| scope.spawn(|| send_until(end, sender, user, &message, &acknowledged)))
            .collect();
        let seen = watch(&mut watcher, before, end, &acknowledged, || {
            threads.iter().all(thread::ScopedJoinHandle::is_finished)
        })?;
        let sent = threads.into_iter().map(|thread| thread.join().expect("no sender panics"));
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((sent.collect::<Outcome<Vec<_>>>()?.concat(), seen))
    })?;
    sent.sort();
    Ok(report(&sent, &seen, begin))
}

fn send_until(
    end: Instant,
    mut sender: Sender,
    recipient: &str,
    message: &[u8],
    acknowledged: &AtomicUsize,
) -> Outcome<Vec<Sent>> {
    let mut sent = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        sender.send(recipient, message)?;
        acknowledged.fetch_add(1, Ordering::SeqCst);
        sent.push((begin, Instant::now()));
    }
    Ok(sent)
}

/// When each message became visible: the n-th entry is when the mailbox first held n more than before.
fn watch(
    watcher: &mut Session,
    before: usize,
    end: Instant,
    acknowledged: &AtomicUsize,
    finished: impl Fn() -> bool,
) -> Outcome<Vec<Instant>> {
    let mut seen = Vec::new();
    loop {
        let done = finished();
        watcher.command("NOOP")?;
        let now = Instant::now();
        seen.resize(watcher.exists.saturating_sub(before).max(seen.len()), now);
        if done && seen.len() >= acknowledged.load(Ordering::SeqCst) {
            return Ok(seen);
        }
        if now > end + PATIENCE {
            return Err(format!(
                "{} of {} messages visible",
                seen.len(),
                acknowledged.load(Ordering::SeqCst)
            )
            .into());
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn report(sent: &[Sent], seen: &[Instant], begin: Instant) -> Value {
    let seconds = seen.last().map_or(0.0, |last| (*last - begin).as_secs_f64());
    let taken: Vec<f64> = sent.iter().map(|(begin, end)| milliseconds(*end - *begin)).collect();
    // Which message became visible when is not known, only how many: the first sent is matched with the first seen.
    let visible =
        sent.iter().zip(seen).map(|((begin, _), seen)| milliseconds(seen.saturating_duration_since(*begin)));
    json!({
        "messages": sent.len(),
        "seconds": seconds,
        "rate": sent.len() as f64 / seconds,
        "taken_ms": percentiles(taken),
        "visible_ms": percentiles(visible.collect()),
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Half and 99 of a hundred took at most this long.
fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let at =
        |share: usize| values.get((values.len() * share / 100).min(values.len().saturating_sub(1))).copied();
    [at(50).unwrap_or(0.0), at(99).unwrap_or(0.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let [half, most] = percentiles((0..100).rev().map(f64::from).collect());
        assert!((49.5..50.5).contains(&half) && most > 98.5);
        assert!(percentiles(Vec::new())[0] < 0.5);
    }
}
