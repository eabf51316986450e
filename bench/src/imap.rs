//! An IMAP session as the load needs it: one command after the other, answers counted rather than understood.

use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// A session that is logged in.
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    /// Messages in the selected mailbox, as last heard.
    pub(crate) exists: usize,
}

impl Session {
    /// Connects without TLS (loopback) and logs in.
    pub(crate) fn connect(address: &str, user: &str, password: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        let mut session = Self { stream: BufReader::new(stream), line: Vec::new(), exists: 0 };
        session.read_line()?;
        session.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(session)
    }

    /// Sends a command and reads to the end of its answer, which must be OK.
    pub(crate) fn command(&mut self, command: &str) -> Outcome<()> {
        self.ask(command)?
            .ok_or_else(|| format!("{command}: {:?}", String::from_utf8_lossy(&self.line)).into())
    }

    /// Sends a command that may be refused: `None` says it was.
    pub(crate) fn ask(&mut self, command: &str) -> Outcome<Option<()>> {
        self.write(format!("a {command}\r\n").as_bytes())?;
        self.answer()
    }

    /// Appends a message, with the literal as every server takes it.
    pub(crate) fn append(&mut self, mailbox: &str, message: &[u8]) -> Outcome<()> {
        self.write(format!("a APPEND {mailbox} {{{}}}\r\n", message.len()).as_bytes())?;
        self.read_line()?;
        while self.line.starts_with(b"* ") {
            self.note();
            self.read_line()?;
        }
        if !self.line.starts_with(b"+ ") {
            return Err(format!("APPEND: {:?}", String::from_utf8_lossy(&self.line)).into());
        }
        self.write(message)?;
        self.write(b"\r\n")?;
        self.answer()?.ok_or_else(|| format!("APPEND: {:?}", String::from_utf8_lossy(&self.line)).into())
    }

    fn answer(&mut self) -> Outcome<Option<()>> {
        loop {
            self.read_line()?;
            if self.line.starts_with(b"a ") {
                return Ok(self.line.starts_with(b"a OK").then_some(()));
            }
            self.note();
        }
    }

    /// Keeps the number of messages.
    fn note(&mut self) {
        let Ok(text) = std::str::from_utf8(&self.line) else { return };
        match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["*", number, "EXISTS"] => self.exists = number.parse().unwrap_or(self.exists),
            ["*", _, "EXPUNGE"] => self.exists = self.exists.saturating_sub(1),
            _ => {}
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    /// Reads a line; literals in it are passed over.
    fn read_line(&mut self) -> Outcome<()> {
        self.line.clear();
        loop {
            if self.stream.read_until(b'\n', &mut self.line)? == 0 {
                return Err("the server hung up".into());
            }
            let Some(length) = literal(&self.line) else { return Ok(()) };
            copy(&mut self.stream.by_ref().take(length), &mut sink())?;
            // What follows belongs to the same response; the mark must not be seen again.
            self.line.truncate(self.line.len() - 3);
        }
    }
}

/// The length of the literal that a line announces at its end.
fn literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"}\r\n")?;
    let digits = line.rsplit(|byte| *byte == b'{').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_seen_at_the_end_only() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12} \r\n"), None);
        assert_eq!(literal(b"* OK {x}\r\n"), None);
    }
}
