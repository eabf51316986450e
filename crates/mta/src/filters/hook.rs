//! One question to an HTTP hook: a POST with JSON, and an answer in JSON.

use std::time::Duration;

use filter::hook::{self, Answer, PIECE, Question};
use mail::limits;
use world::Stream;

use super::letter::Letter;
use super::milter::Failure;
use super::rules::{Hook, Url};
use crate::{Mta, http};

/// Asks without a message.
pub(super) async fn ask(
    mta: &Mta,
    hook: &Hook,
    wait: Duration,
    question: Question,
) -> Result<Answer, Failure> {
    let body = question.text();
    let asking = async {
        let mut stream = begin(mta, &hook.url, body.len() as u64).await?;
        stream.write_all(&body).await.map_err(http::lost)?;
        answer(stream).await
    };
    mta.world
        .clock
        .within(wait, asking)
        .await
        .unwrap_or_else(|| Err(Failure::Filter("it does not answer".into())))
}

/// Asks about a message, which goes along up to the hook's size.
pub(super) async fn ask_about(
    mta: &Mta,
    hook: &Hook,
    wait: Duration,
    mut question: Question,
    letter: &Letter,
) -> Result<Answer, Failure> {
    let size = letter.size().min(hook.message_size);
    question.set("size", letter.size());
    question.set("truncated", size < letter.size());
    question.set_headers(letter.fields().map(|(name, value)| (name, message::header::unfold(value))));
    let (before, after) = question.around_message();
    let length = before.len() as u64 + hook::encoded_length(size) + after.len() as u64;
    let asking = async {
        let mut stream = begin(mta, &hook.url, length).await?;
        stream.write_all(&before).await.map_err(http::lost)?;
        send(&mut stream, letter, size).await?;
        stream.write_all(after).await.map_err(http::lost)?;
        answer(stream).await
    };
    mta.world
        .clock
        .within(wait, asking)
        .await
        .unwrap_or_else(|| Err(Failure::Filter("it does not answer".into())))
}

/// The message in base64, piece by piece.
async fn send(stream: &mut Stream, letter: &Letter, size: u64) -> Result<(), Failure> {
    let mut waiting = letter.head();
    let (mut left, mut offset) = (size as usize, 0);
    while left > 0 {
        while waiting.len() < PIECE.min(left) {
            let more = letter.body(offset).await?;
            if more.is_empty() {
                return Err(Failure::Filter("the message is shorter than it was".into()));
            }
            offset += more.len() as u64;
            waiting.extend_from_slice(&more);
        }
        let piece: Vec<u8> = waiting.drain(..PIECE.min(left)).collect();
        stream.write_all(hook::encode(&piece).as_bytes()).await.map_err(http::lost)?;
        left -= piece.len();
    }
    Ok(())
}

/// Connects and says what comes.
async fn begin(mta: &Mta, url: &Url, length: u64) -> Result<Stream, Failure> {
    let fields = "Content-Type: application/json\r\n";
    Ok(http::post(&mta.world, mta.connector.as_ref(), url, fields, length).await?)
}

async fn answer(mut stream: Stream) -> Result<Answer, Failure> {
    let response = http::read(&mut stream, limits::HOOK_ANSWER).await?;
    if response.code != 200 {
        return Err(Failure::Filter(format!("its answer is {} instead of 200", response.code)));
    }
    Ok(hook::answer(&response.body)?)
}
