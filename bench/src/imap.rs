//! The watcher: one IMAP session that asks again and again how many messages there are.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// A session with INBOX selected.
pub(crate) struct Watcher {
    stream: BufReader<TcpStream>,
    /// Messages in the mailbox, as last heard.
    pub(crate) exists: usize,
}

impl Watcher {
    /// Connects without TLS (loopback), logs in and selects INBOX.
    pub(crate) fn connect(address: &str, user: &str, password: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut watcher = Self { stream: BufReader::new(stream), exists: 0 };
        let mut greeting = String::new();
        watcher.stream.read_line(&mut greeting)?;
        watcher.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        watcher.command("SELECT INBOX")?;
        Ok(watcher)
    }

    /// Hears what is new.
    pub(crate) fn look(&mut self) -> Outcome<()> {
        self.command("NOOP")
    }

    fn command(&mut self, command: &str) -> Outcome<()> {
        self.stream.get_mut().write_all(format!("a {command}\r\n").as_bytes())?;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["*", number, "EXISTS"] => self.exists = number.parse()?,
                ["a", "OK", ..] => return Ok(()),
                ["a", ..] | [] => return Err(format!("{command}: {:?}", line.trim_end()).into()),
                _ => {}
            }
        }
    }
}
