//! The logins of one connection, one at a time, as every protocol carries them.

use std::sync::Arc;

use super::{Channel, Exchange, Failure, Login, Step};
use crate::Directory;

/// What a step of a login has led to.
#[derive(Debug)]
pub enum Progress {
    /// To be sent to the client, which answers it.
    Challenge(Vec<u8>),
    /// It is logged in.
    Done(Login),
    /// It is not; the login is over.
    Failed {
        /// Why.
        failure: Failure,
        /// The name the client gave, if it came that far; for logs.
        name: Option<String>,
    },
    /// That mechanism is not offered on this channel; no login has begun.
    NotOffered,
    /// A response without a login.
    NotUnderWay,
}

/// The logins of one connection.
#[derive(Default)]
pub struct Dialogue {
    exchange: Option<Box<Exchange>>,
}

impl Dialogue {
    /// Begins a login, with the client's initial response if it sent one (an empty one is `Some`).
    pub async fn start(
        &mut self,
        directory: &Arc<Directory>,
        channel: Channel,
        mechanism: &str,
        initial: Option<&[u8]>,
    ) -> Progress {
        let Some(mut exchange) = directory.sasl(mechanism, channel) else { return Progress::NotOffered };
        let step = exchange.start(initial).await;
        self.after(Box::new(exchange), step)
    }

    /// Goes on with the client's response to the last challenge.
    pub async fn respond(&mut self, response: &[u8]) -> Progress {
        let Some(mut exchange) = self.exchange.take() else { return Progress::NotUnderWay };
        let step = exchange.step(response).await;
        self.after(exchange, step)
    }

    /// Forgets the login that is under way, if any.
    pub fn abort(&mut self) {
        self.exchange = None;
    }

    fn after(&mut self, exchange: Box<Exchange>, step: Step) -> Progress {
        match step {
            Step::Challenge(challenge) => {
                self.exchange = Some(exchange);
                Progress::Challenge(challenge)
            }
            Step::Done(login) => Progress::Done(login),
            Step::Failed(failure) => Progress::Failed { failure, name: exchange.name().map(str::to_owned) },
        }
    }
}
