//! `bench fill`: letters by APPEND, over some connections at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::imap::Session;
use crate::letters::letter;

/// `bench fill --imap ADDRESS --user U --password P --mailbox M --first N --count N --connections N`
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let (address, user) = (arguments.text("imap")?, arguments.text("user")?);
    let (password, mailbox) = (arguments.text("password")?, arguments.text("mailbox")?);
    let (first, count): (u64, u64) = (arguments.number("first")?, arguments.number("count")?);
    let connections: usize = arguments.number("connections")?;
    let sessions: Vec<_> =
        (0..connections).map(|_| Session::connect(address, user, password)).collect::<Outcome<_>>()?;
    let (begin, next, bytes) = (Instant::now(), AtomicU64::new(first), AtomicU64::new(0));
    thread::scope(|scope| {
        let append = |mut session: Session| -> Outcome<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= first + count {
                    return Ok(());
                }
                let message = letter(number);
                bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
                session.append(mailbox, &message)?;
            }
        };
        let threads: Vec<_> =
            sessions.into_iter().map(|session| scope.spawn(move || append(session))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no appender panics"))
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let bytes = bytes.into_inner();
    Ok(json!({ "messages": count, "bytes": bytes, "seconds": seconds, "rate": count as f64 / seconds }))
}
