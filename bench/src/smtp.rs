//! One sender: a connection that sends message after message, pipelined as RFC 2920 allows.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// A connection after EHLO.
pub(crate) struct Sender {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Sender {
    /// Connects and says EHLO.
    pub(crate) fn connect(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut sender = Self { stream: BufReader::new(stream), line: String::new() };
        sender.expect("220")?;
        sender.write(b"EHLO bench.test\r\n")?;
        sender.expect("250")?;
        Ok(sender)
    }

    /// Sends one message, and returns once the server has taken it over.
    pub(crate) fn send(&mut self, recipient: &str, message: &[u8]) -> Outcome<()> {
        let commands = format!("MAIL FROM:<load@bench.test>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
        self.write(commands.as_bytes())?;
        for code in ["250", "250", "354"] {
            self.expect(code)?;
        }
        self.write(message)?;
        self.expect("250")
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    fn expect(&mut self, code: &str) -> Outcome<()> {
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            if !self.line.starts_with(code) {
                return Err(format!("wanted {code}, got {:?}", self.line.trim_end()).into());
            }
            if self.line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

/// So many connections after EHLO.
pub(crate) fn connect_all(address: &str, connections: usize) -> Outcome<Vec<Sender>> {
    (0..connections).map(|_| Sender::connect(address)).collect()
}

/// A message of `size` octets with its final dot; nothing in it needs stuffing.
pub(crate) fn message(size: usize, recipient: &str) -> Vec<u8> {
    let mut text = format!(
        "From: load@bench.test\r\nTo: {recipient}\r\nSubject: load\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <load@bench.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    );
    while text.len() + 2 < size {
        let room = (size - text.len() - 2).min(70);
        text.extend(('a'..='z').cycle().skip(text.len() % 26).take(room));
        text.push_str("\r\n");
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_ends_in_a_dot() {
        for size in [2048, 20_480] {
            let text = message(size, "ann@alpha.test");
            assert!((size..size + 4).contains(&(text.len() - 1)), "{}", text.len());
            assert!(text.ends_with(b"\r\n.\r\n"));
        }
    }
}
