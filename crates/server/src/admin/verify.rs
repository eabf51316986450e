//! Verifying the store of a running server: on a thread of its own, and asked after until it is done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Office, Reply, Trouble};
use crate::verify::{Progress, Report, walk};

/// The verification of a server: one at a time, and the result of the last one.
#[derive(Debug, Default)]
pub(crate) struct Verification(Mutex<Stage>);

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Never,
    UnderWay(Progress),
    Ended(Result<Report, String>),
}

impl Verification {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Office {
    /// Begins a verification, or joins the one under way, or tells how far it is.
    pub(super) fn verify(&self, start: bool) -> Result<Reply, Trouble> {
        let mut stage = self.verification.stage();
        if start && !matches!(*stage, Stage::UnderWay(_)) {
            *stage = Stage::UnderWay(Progress::default());
            self.begin_verification();
        }
        match stage.clone() {
            Stage::Never => Err(Trouble::Said("no verification is under way".into())),
            Stage::UnderWay(progress) => Ok(Reply::Verification { progress, report: None }),
            Stage::Ended(Ok(report)) => {
                Ok(Reply::Verification { progress: Progress::default(), report: Some(Box::new(report)) })
            }
            Stage::Ended(Err(why)) => Err(Trouble::Said(why)),
        }
    }

    fn begin_verification(&self) {
        let (store, verification) = (Arc::clone(&self.store), Arc::clone(&self.verification));
        let work = async move {
            let tell = |progress| *verification.stage() = Stage::UnderWay(progress);
            let report = walk(store.as_ref(), &tell).await;
            *verification.stage() = Stage::Ended(report.map_err(|error| error.to_string()));
        };
        self.world.tasks.spawn_dedicated("verify", Box::pin(work));
    }
}
