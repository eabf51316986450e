//! One HTTP/1.1 request, one answer (RFC 9112): no redirects, no cookies, no second request on the same connection; bounded in
//! bytes, and by the caller in time.

use std::io;

use world::Stream;

/// Header fields of an answer.
const FIELDS: usize = 100;
/// Bytes read at once.
const READ: usize = 8 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status.
    pub(crate) code: u16,
    /// What came with it.
    pub(crate) body: Vec<u8>,
}

/// How the end of the body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunks,
    ToTheEnd,
}

/// Reads the answer; its headers and its body have at most `most` bytes each.
pub(crate) async fn read(stream: &mut Stream, most: usize) -> Result<Response, String> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; READ];
    loop {
        let n = stream.read(&mut buffer).await.map_err(lost)?;
        bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if let Some(response) = parse(&bytes, n == 0, most)? {
            return Ok(response);
        }
        if n == 0 {
            return Err("its answer is cut short".into());
        }
        if bytes.len() > 3 * most {
            return Err("its answer is too long".into());
        }
    }
}

/// What is said of a connection that broke.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn lost(error: io::Error) -> String {
    format!("the connection was lost: {error}")
}

/// The answer, once it is complete.
fn parse(bytes: &[u8], ended: bool, most: usize) -> Result<Option<Response>, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head.parse(bytes).map_err(|error| format!("its answer is not HTTP: {error}"))?;
    let httparse::Status::Complete(start) = parsed else {
        return if bytes.len() > most { Err("its headers are too long".into()) } else { Ok(None) };
    };
    let code = head.code.unwrap_or(0);
    let rest = bytes.get(start..).unwrap_or_default();
    let body = match length(head.headers)? {
        Length::Bytes(length) if length > most => return Err("its answer is too long".into()),
        Length::Bytes(length) => rest.get(..length).map(<[u8]>::to_vec),
        Length::Chunks => chunks(rest)?,
        Length::ToTheEnd => ended.then(|| rest.to_vec()),
    };
    if body.as_ref().is_some_and(|body| body.len() > most) {
        return Err("its answer is too long".into());
    }
    Ok(body.map(|body| Response { code, body }))
}

fn length(fields: &[httparse::Header<'_>]) -> Result<Length, String> {
    let all = |name: &str| -> Vec<&str> {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).unwrap_or_default().trim()).collect()
    };
    match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        ([], []) => Ok(Length::ToTheEnd),
        ([], [length]) => {
            length.parse().map(Length::Bytes).map_err(|_| "its answer has no good length".to_owned())
        }
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunks),
        _ => Err("the length of its answer is given in an unknown way, or twice".into()),
    }
}

/// A body in chunks (RFC 9112 §7.1), once the last one is there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest).map_err(|_| "a chunk of its answer has no good size")?;
        let httparse::Status::Complete((start, size)) = size else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| "a chunk of its answer is too long")?;
        let Some(chunk) = rest.get(start..).and_then(|rest| rest.get(..size.saturating_add(2))) else {
            return Ok(None);
        };
        let Some(data) = chunk.strip_suffix(b"\r\n") else {
            return Err("a chunk of its answer does not end".into());
        };
        body.extend_from_slice(data);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_in_one_of_three_ways() {
        let ok = "HTTP/1.1 200 OK\r\n";
        for (text, expected) in [
            (format!("{ok}Content-Length: 3\r\n\r\nabc"), Ok("abc")),
            (format!("{ok}Content-Length: 3\r\n\r\nabcdef"), Ok("abc")),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"),
                Ok("abcd"),
            ),
            ("HTTP/1.0 200 OK\r\n\r\nabc".into(), Ok("abc")),
            (format!("{ok}Content-Length: 4\r\n\r\nabc"), Err("cut short")),
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), Err("cut short")),
            (format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), Err("does not end")),
            (format!("{ok}Transfer-Encoding: gzip\r\n\r\n"), Err("in an unknown way")),
            (format!("{ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), Err("twice")),
            (format!("{ok}Content-Length: 999\r\n\r\n"), Err("too long")),
            (format!("{ok}Content-Length: -1\r\n\r\n"), Err("no good length")),
            ("hello\r\n\r\n".into(), Err("not HTTP")),
            (String::new(), Err("cut short")),
        ] {
            let bytes = text.as_bytes();
            let mut found = None;
            for end in 0..=bytes.len() {
                if let Some(response) = parse(&bytes[..end], end == bytes.len(), 90).transpose() {
                    found = Some(response);
                    break;
                }
            }
            let found = found.unwrap_or(Err("its answer is cut short".into()));
            match expected {
                Ok(body) => assert_eq!(found, Ok(Response { code: 200, body: body.into() }), "{text}"),
                Err(why) => {
                    assert!(found.as_ref().is_err_and(|found| found.contains(why)), "{text}: {found:?}");
                }
            }
        }
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(200));
        assert!(parse(endless.as_bytes(), false, 90).is_err());
    }
}
