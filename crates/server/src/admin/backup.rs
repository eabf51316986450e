//! A conversation that holds the store's files while a backup copies them: they are let go when it ends.

use store::BlobId;
use store::embedded::backup::{Local, Needed, Source};

use super::{HeldFile, HeldMoment, Office, Reply, Request};

impl Office {
    /// Like [`carry_out`](Self::carry_out), in a conversation that may hold files.
    pub(crate) async fn carry_out_in(&self, held: &mut Local, request: Request) -> Result<Reply, String> {
        let outcome = match request {
            Request::BackupHold => held.hold().await.map(|moment| Reply::Moment {
                moment: HeldMoment {
                    sequence: moment.sequence,
                    time: moment.time.millis(),
                    run: moment.run,
                    segment: moment.segment,
                    position: moment.position,
                },
            }),
            Request::BackupFiles => {
                held.files_now().map(|files| Reply::Files { rows: rows(files), next: None })
            }
            Request::BackupBodies { after } => held.bodies_now(after.map(BlobId)).map(|(files, next)| {
                let next = next.map(|next| next.0);
                Reply::Files { rows: rows(files), next }
            }),
            Request::BackupHeld => held.is_held().await.map(|()| Reply::Done { text: "held".into() }),
            other => return self.carry_out(other).await,
        };
        outcome.map_err(|error| error.to_string())
    }
}

fn rows(files: Vec<Needed>) -> Vec<HeldFile> {
    files.into_iter().map(|file| HeldFile { name: file.name, bytes: file.bytes }).collect()
}
