//! Connections.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::BoxFuture;
use crate::tls;

/// Makes and takes connections.
pub trait Net: Send + Sync {
    /// Connects by TCP, from `source` if given. Has no timeout of its own.
    fn connect(&self, to: SocketAddr, source: Option<IpAddr>) -> BoxFuture<'static, io::Result<Stream>>;
    /// Listens on a TCP address; port 0 takes any free one.
    fn listen(&self, on: SocketAddr) -> io::Result<Listener>;
    /// Connects to a socket in the file system.
    fn connect_local<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Stream>>;
    /// Listens on a socket in the file system that only this user may use. Replaces a dead one.
    fn listen_local(&self, path: &Path) -> io::Result<Listener>;
}

/// Takes connections.
pub trait Accept: Send + Sync {
    /// The next connection. Cancel-safe.
    fn accept(&self) -> BoxFuture<'_, io::Result<Stream>>;
    /// Where it listens; unspecified address and port 0 for one in the file system.
    fn local_addr(&self) -> SocketAddr;
}

/// An open listener.
pub type Listener = Arc<dyn Accept>;

/// Bytes in both directions, as the executor moves them.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// Bytes that [`Stream::read_with`] reads at once.
pub const LENT: usize = 64 * 1024;

thread_local! {
    /// What [`Stream::read_with`] reads into.
    static SHARED: RefCell<Box<[u8]>> = RefCell::new(vec![0; LENT].into());
}

/// One connection, in clear or under TLS.
pub struct Stream {
    pub(crate) io: Box<dyn Io>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: Option<tls::Facts>,
}

impl Stream {
    /// Around any byte stream; for doors of other kinds.
    pub fn new(io: Box<dyn Io>, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { io, peer, local, tls: None }
    }

    /// The same connection, secured as `facts` say; for doors that perform handshakes.
    #[must_use]
    pub fn secured(self, facts: tls::Facts) -> Self {
        Self { tls: Some(facts), ..self }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The same connection, with the ends that a proxy in front of us tells of.
    #[must_use]
    pub fn between(self, peer: SocketAddr, local: SocketAddr) -> Self {
        Self { peer, local, ..self }
    }

    /// Our own end.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What TLS agreed on; `None` in clear.
    pub fn tls(&self) -> Option<&tls::Facts> {
        self.tls.as_ref()
    }

    /// Reads some bytes; 0 at the end. Cancel-safe: no bytes are lost when the future is dropped.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.read(buffer).await
    }

    /// Reads what is there, at most [`LENT`] bytes, and lends it to `take`; nothing at the end. Cancel-safe. A connection
    /// that waits holds no buffer: each thread has one for all of them.
    pub async fn read_with<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut take = Some(take);
        poll_fn(|cx| {
            SHARED.with_borrow_mut(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
                let take = take.take().expect("a future is not polled again once it is ready");
                Poll::Ready(Ok(take(buffer.filled())))
            })
        })
        .await
    }

    /// Writes all bytes and flushes them. Not cancel-safe.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Says the end (TLS `close_notify`, then FIN).
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.io.shutdown().await
    }
}
