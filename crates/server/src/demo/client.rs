//! A connection of a mail client: lines and counted bytes over a stream, in clear and then under TLS.

use std::net::SocketAddr;
use std::time::Duration;

use mail::Domain;
use world::tls::{Connector, Demand};
use world::{Stream, World};

/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that one answer may have.
const ANSWER_LENGTH: usize = 1 << 20;

/// Whom to connect to, and what certificate to demand.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    pub(super) name: Domain,
    pub(super) connector: Connector,
}

impl Door {
    pub(super) async fn connect(&self, world: &World) -> Result<Stream, String> {
        let connecting = world.net.connect(self.address, None);
        match world.clock.within(PATIENCE, connecting).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(e)) => Err(format!("cannot connect to {}: {e}", self.address)),
            None => Err(format!("{} does not answer", self.address)),
        }
    }

    /// TLS with the demo's own certificate, and no other.
    pub(super) async fn secure(&self, world: &World, stream: Stream) -> Result<Stream, String> {
        let demand = Demand::TrustedFor(self.name.clone());
        let handshake = self.connector.connect(stream, &self.name, demand);
        match world.clock.within(PATIENCE, handshake).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(e)) => Err(format!("TLS with {} failed: {e}", self.name)),
            None => Err(format!("TLS with {} takes too long", self.name)),
        }
    }
}

/// Asks and reads answers.
pub(super) struct Client {
    world: World,
    stream: Stream,
    unread: Vec<u8>,
}

impl Client {
    pub(super) fn new(world: World, stream: Stream) -> Self {
        Self { world, stream, unread: Vec::new() }
    }

    pub(super) fn into_stream(self) -> Stream {
        self.stream
    }

    pub(super) async fn write(&mut self, text: &str) -> Result<(), String> {
        let writing = self.stream.write_all(text.as_bytes());
        match self.world.clock.within(PATIENCE, writing).await {
            Some(Ok(())) => Ok(()),
            Some(Err(e)) => Err(format!("the connection broke: {e}")),
            None => Err("the server takes no bytes".into()),
        }
    }

    /// One line, without its CRLF.
    pub(super) async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.fill().await?;
        }
    }

    /// Exactly `count` bytes.
    pub(super) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, String> {
        while self.unread.len() < count {
            self.fill().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    async fn fill(&mut self) -> Result<(), String> {
        if self.unread.len() > ANSWER_LENGTH {
            return Err("the server's answer does not end".into());
        }
        let mut buffer = [0; 4096];
        let reading = self.stream.read(&mut buffer);
        match self.world.clock.within(PATIENCE, reading).await {
            Some(Ok(0)) => Err("the server hung up".into()),
            Some(Ok(n)) => {
                self.unread.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Some(Err(e)) => Err(format!("the connection broke: {e}")),
            None => Err("the server does not answer".into()),
        }
    }
}
