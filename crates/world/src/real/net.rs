//! Sockets on tokio.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use crate::net::Accept;
use crate::{BoxFuture, Listener, Net, Stream};

/// Connections the kernel keeps for us until they are accepted.
const BACKLOG: u32 = 1024;
/// After so much silence the system asks the peer whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_mins(10);
/// And again after this, a few times.
const KEEPALIVE_EVERY: Duration = Duration::from_mins(1);
/// Bytes of a socket's path, with its final NUL, that the system's address structure holds.
const SOCKET_PATH_LENGTH: usize = 108;

pub(super) struct RealNet;

impl Net for RealNet {
    fn connect(&self, to: SocketAddr, source: Option<IpAddr>) -> BoxFuture<'static, io::Result<Stream>> {
        Box::pin(async move {
            let socket = new_socket(to)?;
            if let Some(source) = source {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            tcp_stream(socket.connect(to).await?)
        })
    }

    fn listen(&self, on: SocketAddr) -> io::Result<Listener> {
        let socket = new_socket(on)?;
        // Without it a restart could not bind while connections of the process before wait for their end.
        socket.set_reuseaddr(true)?;
        if on.is_ipv6() {
            // `[::]` and `0.0.0.0` are two listeners on every system, whatever its default.
            SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.bind(on)?;
        let listener = socket.listen(BACKLOG)?;
        let local = listener.local_addr()?;
        Ok(Arc::new(Tcp { listener, local }))
    }

    fn connect_local<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let reach = Reach::new(path)?;
            Ok(local_stream(UnixStream::connect(&reach.path).await?))
        })
    }

    fn listen_local(&self, path: &Path) -> io::Result<Listener> {
        let reach = Reach::new(path)?;
        remove_dead_socket(&reach.path)?;
        let listener = UnixListener::bind(&reach.path)?;
        std::fs::set_permissions(&reach.path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Arc::new(Local { listener }))
    }
}

fn new_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn tcp_stream(stream: TcpStream) -> io::Result<Stream> {
    // Sessions write whole bursts of replies; waiting for more would only add delay.
    stream.set_nodelay(true)?;
    // A peer that vanished without a word is found out, where sessions may be silent for long.
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let (peer, local) = (canonical(stream.peer_addr()?), canonical(stream.local_addr()?));
    Ok(Stream::new(Box::new(stream), peer, local))
}

/// An IPv4 address that came in through an IPv6 socket is an IPv4 address to everybody above.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn local_stream(stream: UnixStream) -> Stream {
    Stream::new(Box::new(stream), nowhere(), nowhere())
}

fn nowhere() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)
}

struct Tcp {
    listener: TcpListener,
    local: SocketAddr,
}

impl Accept for Tcp {
    fn accept(&self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move {
            loop {
                let (stream, _) = self.listener.accept().await?;
                // A peer that is gone already is no failure of the listener.
                if let Ok(stream) = tcp_stream(stream) {
                    return Ok(stream);
                }
            }
        })
    }

    fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

struct Local {
    listener: UnixListener,
}

impl Accept for Local {
    fn accept(&self) -> BoxFuture<'_, io::Result<Stream>> {
        Box::pin(async move { Ok(local_stream(self.listener.accept().await?.0)) })
    }

    fn local_addr(&self) -> SocketAddr {
        nowhere()
    }
}

/// A way to a socket that fits into the system's short path, through an open handle of its directory if need be.
struct Reach {
    path: PathBuf,
    _directory: Option<std::fs::File>,
}

impl Reach {
    fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() < SOCKET_PATH_LENGTH {
            return Ok(Self { path: path.to_owned(), _directory: None });
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let directory = std::fs::File::open(directory)?;
        let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _directory: Some(directory) })
    }
}

/// Removes a socket that nobody listens on. A live one is left, and binding then fails.
fn remove_dead_socket(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() || std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Ok(());
    }
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tcp_moves_bytes_and_names_both_ends() {
        let listener = RealNet.listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr();
        assert_ne!(address.port(), 0);
        let source = Some(IpAddr::from([127, 0, 0, 2]));
        let mut client = RealNet.connect(address, source).await.expect("it listens");
        let mut server = listener.accept().await.expect("someone connects");
        assert_eq!(server.peer().ip(), IpAddr::from([127, 0, 0, 2]));
        assert_eq!((server.local(), client.peer()), (address, address));
        client.write_all(b"hello").await.expect("open");
        let mut buffer = [0; 16];
        assert_eq!(server.read(&mut buffer).await.expect("open"), 5);
        client.shutdown().await.expect("open");
        assert_eq!(server.read(&mut buffer).await.expect("open"), 0);
    }

    #[tokio::test]
    async fn both_families_listen_on_one_port() {
        let four = RealNet.listen(SocketAddr::from(([0, 0, 0, 0], 0))).expect("a free port");
        let six = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, four.local_addr().port()));
        RealNet.listen(six).expect("the same port, the other family");
    }

    #[tokio::test]
    async fn refused_connection_is_an_error() {
        let listener = RealNet.listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.local_addr();
        drop(listener);
        let refused = RealNet.connect(address, None).await.err().map(|e| e.kind());
        assert_eq!(refused, Some(io::ErrorKind::ConnectionRefused));
    }

    #[tokio::test]
    async fn local_socket_is_private_and_replaces_a_dead_one() {
        let dir = std::env::temp_dir().join(format!("posthouse-net-{}", std::process::id()));
        let deep = dir.join("x".repeat(SOCKET_PATH_LENGTH));
        std::fs::create_dir_all(&deep).expect("a temporary directory");
        for path in [dir.join("socket"), deep.join("socket")] {
            for _ in 0..2 {
                let listener = RealNet.listen_local(&path).expect("nobody listens");
                let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
                assert!(RealNet.listen_local(&path).is_err(), "a live one stays");
                let (client, server) = tokio::join!(RealNet.connect_local(&path), listener.accept());
                client.expect("it listens").write_all(b"x").await.expect("open");
                let mut byte = [0; 1];
                // The probe of the second `listen_local` may be the first connection in line.
                if server.expect("someone connects").read(&mut byte).await.expect("open") == 0 {
                    listener.accept().await.expect("the client").read(&mut byte).await.expect("open");
                }
                assert_eq!(&byte, b"x");
            }
        }
        std::fs::remove_dir_all(&dir).expect("ours");
    }
}
