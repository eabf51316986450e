//! How commands reach a running server: one JSON request and one JSON reply over a socket in `data_dir` that only
//! its owner can open. Each is preceded by its length in four bytes, most significant first.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use world::{Either, Listener, Stream, World, race};

use crate::serve::told;

use crate::admin::{Conversation, Office, Reply, Request};

/// The socket's name in `data_dir`.
const SOCKET: &str = "control.sock";
/// Bytes of one request or reply.
const MESSAGE_LENGTH: usize = 16 << 20;
/// How long one side waits for the other's message.
const PATIENCE: Duration = Duration::from_secs(30);

/// What goes back: the reply, or why there is none.
type Outcome = Result<Reply, String>;

/// Opens the socket. Fails if a server has it.
pub(crate) fn listen(world: &World, data_dir: &Path) -> Result<Listener, String> {
    let path = socket(data_dir);
    world.net.listen_local(&path).map_err(|e| {
        format!("cannot listen on {}: {e}; is another posthouse using this data_dir?", path.display())
    })
}

fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

/// Carries out what commands ask for, until `stopped` says so.
pub(crate) async fn run(
    world: World,
    listener: Listener,
    office: Arc<Office>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        match race(told(&mut stopped), listener.accept()).await {
            Either::Left(()) => return,
            Either::Right(Ok(stream)) => {
                let conversation = converse(world.clone(), stream, Arc::clone(&office));
                world.tasks.spawn(Box::pin(conversation));
            }
            Either::Right(Err(error)) => {
                tracing::error!(%error, "cannot accept a command; waiting before the next try");
                world.clock.sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

async fn converse(world: World, mut stream: Stream, office: Arc<Office>) {
    // Files that a backup copies, for instance, are held as long as the conversation goes on.
    let mut conversation = Conversation::new(&office);
    while let Some(Ok(bytes)) = world.clock.within(PATIENCE, receive(&mut stream)).await {
        let outcome: Outcome = match serde_json::from_slice::<Request>(&bytes) {
            Ok(request) => office.carry_out_in(&mut conversation, request).await,
            Err(e) => {
                Err(format!("the server does not understand this command ({e}); is it another version?"))
            }
        };
        let reply = serde_json::to_vec(&outcome).expect("replies are plain data");
        if !matches!(world.clock.within(PATIENCE, send(&mut stream, &reply)).await, Some(Ok(()))) {
            return;
        }
    }
}

/// A connection to a running server.
pub(crate) struct Client {
    stream: Stream,
}

impl Client {
    /// Connects to the server of this `data_dir`; `None` if none runs.
    pub(crate) async fn connect(world: &World, data_dir: &Path) -> Result<Option<Self>, String> {
        let path = socket(data_dir);
        match world.net.connect_local(&path).await {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(e) => Err(format!(
                "cannot reach the running server through {}: {e}; run this command as the user that runs it",
                path.display()
            )),
        }
    }

    /// Has the server carry out a request.
    pub(crate) async fn call(&mut self, request: &Request) -> Outcome {
        let lost = |e: io::Error| format!("the running server did not answer: {e}");
        let bytes = serde_json::to_vec(request).expect("requests are plain data");
        send(&mut self.stream, &bytes).await.map_err(lost)?;
        let reply = receive(&mut self.stream).await.map_err(lost)?;
        serde_json::from_slice::<Outcome>(&reply).map_err(|e| {
            format!("the running server's answer makes no sense ({e}); is it another version?")
        })?
    }
}

async fn send(stream: &mut Stream, message: &[u8]) -> io::Result<()> {
    if message.len() > MESSAGE_LENGTH {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let length = (message.len() as u32).to_be_bytes();
    stream.write_all(&[&length[..], message].concat()).await
}

async fn receive(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    fill(stream, &mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MESSAGE_LENGTH {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut message = vec![0; length];
    fill(stream, &mut message).await?;
    Ok(message)
}

async fn fill(stream: &mut Stream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match stream.read(buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}
