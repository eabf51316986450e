//! A client's connection, the same for IMAP and POP3: writing that does not wait for ever, STARTTLS, and compression.

use std::io;
use std::time::Duration;

use mail::{TlsOffer, limits};
use world::{Stream, World};

use crate::deflate::Deflate;
use crate::turn::take_turn;
use crate::{Parts, Port, login};

/// A client that takes nothing for this long is gone (F19).
const WRITE_TIMEOUT: Duration = Duration::from_mins(5);

/// A client's connection.
pub(crate) struct Wire {
    /// Only absent during a handshake, and after one that failed.
    stream: Option<Stream>,
    /// While the client and we compress (RFC 4978): before TLS, whichever came first (§3).
    deflate: Option<Box<Deflate>>,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream: Some(stream), deflate: None }
    }

    pub(crate) fn stream(&self) -> io::Result<&Stream> {
        self.stream.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(crate) fn stream_mut(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Reads at most `size` bytes; none at the end. Cancel-safe, as reading is. Of compressed bytes no more are expanded
    /// than are asked for: the rest waits as it came, so that a client that packs much into little holds no memory.
    pub(crate) async fn read(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let mut fresh = false;
        loop {
            if let Some(deflate) = &mut self.deflate {
                if deflate.has_input() && !fresh {
                    // What came in one piece may expand to much work.
                    take_turn().await;
                }
                let bytes = deflate.expand(size)?;
                if !bytes.is_empty() {
                    return Ok(bytes);
                }
            }
            let bytes = read(self.stream_mut()?, size).await?;
            match &mut self.deflate {
                Some(deflate) if !bytes.is_empty() => {
                    deflate.take(bytes);
                    fresh = true;
                }
                _ => return Ok(bytes),
            }
        }
    }

    /// Compresses what is written, and expands what is read, from now on.
    pub(crate) fn compress(&mut self) {
        self.deflate = Some(Box::default());
    }

    /// Writes and reads plainly again. Gives what was read already and is not compressed.
    pub(crate) fn compress_no_more(&mut self) -> Vec<u8> {
        self.deflate.take().map_or_else(Vec::new, |deflate| deflate.end())
    }

    /// Gives back what compressing takes while nothing is written.
    pub(crate) fn release(&mut self) {
        if let Some(deflate) = &mut self.deflate {
            deflate.release();
        }
    }

    pub(crate) async fn write(&mut self, world: &World, bytes: &[u8]) -> io::Result<()> {
        if self.deflate.is_none() {
            return self.write_raw(world, bytes).await;
        }
        let mut rest = bytes;
        loop {
            let Some(deflate) = &mut self.deflate else { return Ok(()) };
            let (packed, more) = deflate.pack(&mut rest)?;
            self.write_raw(world, &packed).await?;
            if !more {
                return Ok(());
            }
        }
    }

    async fn write_raw(&mut self, world: &World, bytes: &[u8]) -> io::Result<()> {
        let written = world.clock.within(WRITE_TIMEOUT, self.stream_mut()?.write_all(bytes)).await;
        written.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The server's side of a handshake; what was to be said in clear has been written. Gives the mechanisms to offer
    /// from now on.
    pub(crate) async fn secure(
        &mut self,
        parts: &Parts,
        port: Port,
        alpn: &'static [u8],
    ) -> io::Result<Vec<&'static str>> {
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let acceptor = parts.acceptor.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let handshake = parts.world.clock.within(limits::LOGIN_TIMEOUT, acceptor.accept(stream, alpn)).await;
        let stream = handshake.ok_or(io::ErrorKind::TimedOut)??;
        let mechanisms = login::mechanisms(&parts.directory, &stream, port);
        self.stream = Some(stream);
        Ok(mechanisms)
    }
}

/// What a session may say of TLS on a new connection.
pub(crate) fn tls_offer(parts: &Parts, stream: &Stream) -> TlsOffer {
    TlsOffer::of(stream.tls().is_some(), parts.acceptor.is_some())
}

/// A silent client costs this much of a buffer.
pub(crate) const SMALL_READ: usize = 256;

/// Reads some bytes; none at the end. Cancel-safe, as reading is.
async fn read(stream: &mut Stream, size: usize) -> io::Result<Vec<u8>> {
    if size > SMALL_READ {
        let mut buffer = vec![0; size];
        let length = stream.read(&mut buffer).await?;
        buffer.truncate(length);
        return Ok(buffer);
    }
    let mut buffer = [0; SMALL_READ];
    let length = stream.read(&mut buffer).await?;
    Ok(buffer[..length].to_vec())
}
