//! `bench pop3`: maildrops downloaded whole, again and again.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;

/// One session.
struct Maildrop {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

/// `bench pop3 --pop3 ADDRESS --users U,U,… --password P --seconds N`: one connection for each account.
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let (address, password) = (arguments.text("pop3")?, arguments.text("password")?);
    let users = arguments.list("users")?;
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(arguments.number("seconds")?);
    let messages = thread::scope(|scope| {
        let download = |user: &str| -> Outcome<usize> {
            let mut messages = 0;
            while Instant::now() < end {
                messages += Maildrop::connect(address)?.download(user, password)?;
            }
            Ok(messages)
        };
        let threads: Vec<_> = users.iter().map(|user| scope.spawn(move || download(user))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no client panics")).sum::<Outcome<usize>>()
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    Ok(json!({ "messages": messages, "seconds": seconds, "rate": messages as f64 / seconds }))
}

impl Maildrop {
    fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut maildrop = Self { stream: BufReader::new(stream), line: Vec::new() };
        maildrop.ok()?;
        Ok(maildrop)
    }

    /// Fetches all there is and leaves it; gives the number of messages.
    fn download(mut self, user: &str, password: &str) -> Outcome<usize> {
        self.ask(&format!("USER {user}"))?;
        self.ask(&format!("PASS {password}"))?;
        self.ask("STAT")?;
        let status = String::from_utf8_lossy(&self.line).into_owned();
        let count: usize = status.split_whitespace().nth(1).ok_or("STAT gave no number")?.parse()?;
        for command in ["UIDL", "LIST"] {
            self.ask(command)?;
            self.lines()?;
        }
        for number in 1..=count {
            self.ask(&format!("RETR {number}"))?;
            self.lines()?;
        }
        self.ask("QUIT")?;
        Ok(count)
    }

    fn ask(&mut self, command: &str) -> Outcome<()> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.ok()
    }

    fn ok(&mut self) -> Outcome<()> {
        self.read_line()?;
        if self.line.starts_with(b"+OK") {
            return Ok(());
        }
        Err(format!("POP3: {:?}", String::from_utf8_lossy(&self.line)).into())
    }

    /// The lines of an answer, to the final dot.
    fn lines(&mut self) -> Outcome<()> {
        loop {
            self.read_line()?;
            if self.line == b".\r\n" {
                return Ok(());
            }
        }
    }

    fn read_line(&mut self) -> Outcome<()> {
        self.line.clear();
        if self.stream.read_until(b'\n', &mut self.line)? == 0 {
            return Err("the server hung up".into());
        }
        Ok(())
    }
}
