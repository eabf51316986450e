//! What goes on for a whole conversation: files that are held while a backup copies them, a backup that mail is restored
//! out of. Both are let go when it ends.

use std::sync::Arc;

use store::BlobId;
use store::embedded::backup::{Local, Needed, Source};

use super::{HeldFile, HeldMoment, Office, Reply, Request, SalvageQuery, Salvaged};
use crate::salvage::Salvage;

/// What is kept between the requests of one conversation.
pub(crate) struct Conversation {
    held: Local,
    salvage: Option<Salvage>,
}

impl Conversation {
    pub(crate) fn new(office: &Office) -> Self {
        Self { held: Local::new(Arc::clone(&office.store)), salvage: None }
    }
}

impl Office {
    /// Like [`carry_out`](Self::carry_out), in a conversation that may hold files.
    pub(crate) async fn carry_out_in(
        &self,
        conversation: &mut Conversation,
        request: Request,
    ) -> Result<Reply, String> {
        let held = &mut conversation.held;
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
            Request::SalvageOpen { query } => {
                return self
                    .salvage(conversation, Some(query))
                    .await
                    .map(|outcome| Reply::Salvaged { outcome });
            }
            Request::SalvageNext => {
                return self.salvage(conversation, None).await.map(|outcome| Reply::Salvaged { outcome });
            }
            other => return self.carry_out(other).await,
        };
        outcome.map_err(|error| error.to_string())
    }

    /// Opens a backup, or goes on with the one that is open.
    async fn salvage(
        &self,
        conversation: &mut Conversation,
        query: Option<SalvageQuery>,
    ) -> Result<Salvaged, String> {
        if let Some(query) = query {
            let opened = Box::pin(Salvage::open(self, &query)).await;
            conversation.salvage = Some(opened.map_err(String::from)?);
        }
        match &mut conversation.salvage {
            Some(salvage) => Box::pin(salvage.go_on(self)).await.map_err(String::from),
            None => Err("no backup is open".into()),
        }
    }
}

fn rows(files: Vec<Needed>) -> Vec<HeldFile> {
    files.into_iter().map(|file| HeldFile { name: file.name, bytes: file.bytes }).collect()
}
