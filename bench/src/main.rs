//! Load for `bench/run`, which starts the servers and reads their CPU time.
//!
//! `bench load` sends by SMTP for some seconds over some connections and watches by IMAP until every message is
//! visible. `bench raw` appends the same bytes to a file with one `fdatasync` per batch. `bench queue` fills
//! a store with queued mail. `bench send` only sends, `bench idle` only holds connections open. `bench fill` appends letters by IMAP,
//! `bench mix` does what clients do all day, `bench logins` logs in and out, `bench pop3` fetches. Each prints one JSON line.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line tool talks on its standard streams
#![allow(clippy::cast_precision_loss)] // counts of messages are far below 2^52

mod arguments;
mod fill;
mod imap;
mod letters;
mod load;
mod mix;
mod pop3;
mod queue;
mod raw;
mod send;
mod smtp;

use std::process::ExitCode;

use arguments::Arguments;

/// What can go wrong here is told to the person and ends the run.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let tool = words.next().unwrap_or_default();
    let outcome = Arguments::read(words).and_then(|arguments| match tool.as_str() {
        "load" => load::run(&arguments),
        "raw" => raw::run(&arguments),
        "queue" => queue::run(&arguments),
        "send" => send::run(&arguments),
        "idle" => send::idle(&arguments),
        "fill" => fill::run(&arguments),
        "mix" => mix::run(&arguments),
        "logins" => mix::logins(&arguments),
        "pop3" => pop3::run(&arguments),
        _ => Err("usage: bench load|raw|queue|send|idle|fill|mix|logins|pop3 --name value …".into()),
    });
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}
