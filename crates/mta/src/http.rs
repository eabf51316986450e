//! One HTTP/1.1 request, one answer (RFC 9112): no redirects, no cookies, no second request on the same connection; bounded in
//! bytes, and by the caller in time.

pub(crate) mod public;
mod response;

use std::io;

use world::Stream;

pub(crate) use response::Response;

/// Bytes read at once.
const READ: usize = 8 * 1024;

/// Reads the answer; its headers and its body have at most `most` bytes each. Under TLS an end without TLS's own end may be
/// somebody else's: it is an error of the stream then, and ends nothing.
pub(crate) async fn read(stream: &mut Stream, most: usize) -> Result<Response, String> {
    let mut response = response::Incomplete::new(most);
    let mut buffer = vec![0; READ];
    loop {
        match stream.read(&mut buffer).await.map_err(lost)? {
            0 => return response.ended(),
            n => {
                if let Some(response) = response.take(buffer.get(..n).unwrap_or_default())? {
                    return Ok(response);
                }
            }
        }
    }
}

/// What is said of a connection that broke.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn lost(error: io::Error) -> String {
    format!("the connection was lost: {error}")
}
