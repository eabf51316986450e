//! A connection read and written line by line: all that the actors know of transport. Their protocol code is their own, so
//! that a mistake of the product's cannot cancel itself out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use world::{Clock, Stream, World};

/// Bytes read at once.
const READ: usize = 4096;
/// Bytes of one line, without its end.
const LONGEST_LINE: usize = 2 << 20;
/// How long an actor waits for an answer, unless it says otherwise: longer than any deadline of the product's.
pub const PATIENCE: Duration = Duration::from_mins(15);

/// Why there is nothing more to read or no use in writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The connection was refused, closed or reset.
    Closed,
    /// Nothing came in time.
    Silent,
    /// A line without an end.
    Endless,
}

/// One connection.
pub struct Wire {
    stream: Stream,
    clock: Arc<dyn Clock>,
    /// What was read and not taken yet begins at `at`.
    read: Vec<u8>,
    at: usize,
    /// Where reads go first, so that a read that is given up loses and adds nothing.
    landing: Box<[u8]>,
    /// How long a read or a write may take.
    pub patience: Duration,
}

impl Wire {
    /// Connects.
    pub async fn dial(world: &World, to: SocketAddr) -> Result<Self, Gone> {
        let connecting = world.net.connect(to, None);
        match world.clock.within(PATIENCE, connecting).await {
            Some(Ok(stream)) => Ok(Self::around(stream, Arc::clone(&world.clock))),
            Some(Err(_)) => Err(Gone::Closed),
            None => Err(Gone::Silent),
        }
    }

    /// Around a connection that is there already.
    pub fn around(stream: Stream, clock: Arc<dyn Clock>) -> Self {
        Self { stream, clock, read: Vec::new(), at: 0, landing: vec![0; READ].into(), patience: PATIENCE }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// The next line without its CRLF (or LF). May be given up and called again.
    pub async fn line(&mut self) -> Result<Vec<u8>, Gone> {
        let mut seen = self.at;
        loop {
            if let Some(length) = self.read[seen..].iter().position(|&b| b == b'\n') {
                let end = seen + length;
                let line = &self.read[self.at..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.at = end + 1;
                return Ok(line);
            }
            if self.read.len() - self.at > LONGEST_LINE {
                return Err(Gone::Endless);
            }
            let before = self.read.len() - self.at;
            self.more().await?;
            seen = self.at + before;
        }
    }

    /// The next line as text.
    pub async fn text(&mut self) -> Result<String, Gone> {
        Ok(String::from_utf8_lossy(&self.line().await?).into_owned())
    }

    /// The next `count` bytes, as IMAP's literals and BDAT's chunks need them.
    pub async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Gone> {
        while self.read.len() - self.at < count {
            self.more().await?;
        }
        let bytes = self.read[self.at..self.at + count].to_vec();
        self.at += count;
        Ok(bytes)
    }

    /// Lines up to one of a single dot, with the dots that were doubled made single again (RFC 5321 §4.5.2).
    pub async fn until_dot(&mut self) -> Result<Vec<u8>, Gone> {
        let mut bytes = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b"." {
                return Ok(bytes);
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            bytes.extend_from_slice(b"\r\n");
        }
    }

    /// Whether something can be taken without waiting.
    pub fn has_more(&self) -> bool {
        self.at < self.read.len()
    }

    /// Writes all.
    pub async fn say(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        match self.clock.within(self.patience, self.stream.write_all(bytes)).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(Gone::Closed),
            None => Err(Gone::Silent),
        }
    }

    /// Ends the connection politely.
    pub async fn close(mut self) {
        let goodbye = self.stream.shutdown();
        drop(self.clock.within(Duration::from_secs(5), goodbye).await);
    }

    /// Reads some more; [`Gone::Closed`] at the end.
    async fn more(&mut self) -> Result<(), Gone> {
        if self.at > READ {
            self.read.drain(..self.at);
            self.at = 0;
        }
        match self.clock.within(self.patience, self.stream.read(&mut self.landing)).await {
            Some(Ok(count @ 1..)) => {
                self.read.extend_from_slice(&self.landing[..count]);
                Ok(())
            }
            Some(_) => Err(Gone::Closed),
            None => Err(Gone::Silent),
        }
    }
}
