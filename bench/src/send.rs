//! `bench send`: senders only, for servers whose mail goes on to somewhere else; what becomes of it is the caller's to
//! count. `bench idle`: connections that say EHLO and then nothing.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;
use crate::smtp::{self, Sender};

/// Sends for so many seconds over so many connections.
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let recipient = arguments.text("recipient")?;
    let connections: usize = arguments.number("connections")?;
    let duration = Duration::from_secs_f64(arguments.number("seconds")?);
    let message = smtp::message(arguments.number("size")?, recipient);
    let senders = smtp::connect_all(arguments.text("smtp")?, connections)?;
    let begin = Instant::now();
    let sent = thread::scope(|scope| {
        let threads: Vec<_> = senders
            .into_iter()
            .map(|sender| scope.spawn(|| send_until(begin + duration, sender, recipient, &message)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no sender panics")).sum::<Outcome<usize>>()
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(json!({ "messages": sent, "seconds": seconds, "rate": sent as f64 / seconds }))
}

/// Opens connections and keeps them until standard input ends.
pub(crate) fn idle(arguments: &Arguments) -> Outcome<Value> {
    let connections: usize = arguments.number("connections")?;
    let held = smtp::connect_all(arguments.text("smtp")?, connections)?;
    println!("open");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(json!({ "connections": held.len() }))
}

fn send_until(end: Instant, mut sender: Sender, recipient: &str, message: &[u8]) -> Outcome<usize> {
    let mut sent = 0;
    while Instant::now() < end {
        sender.send(recipient, message)?;
        sent += 1;
    }
    Ok(sent)
}
