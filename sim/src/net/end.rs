//! One end of a connection, as tokio's traits want it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Wire;
use crate::executor::{Death, ProcessId};

/// One end.
pub(crate) struct End {
    pub(super) wire: Arc<Wire>,
    pub(super) side: usize,
    pub(super) process: ProcessId,
}

impl End {
    fn death(&self) -> Option<Death> {
        self.wire.shared.executor.death_of(self.process)
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.wire.read(self.side, cx, buffer.remaining()).map(|read| {
            buffer.put_slice(&read?);
            Ok(())
        })
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.death().is_some() {
            // The process has died in the middle of this poll: what it does now does not happen.
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.wire.write(self.side, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.death().is_none() {
            self.wire.shutdown(self.side);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.wire.close(self.side, self.death());
    }
}
