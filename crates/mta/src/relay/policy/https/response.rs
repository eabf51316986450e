//! One HTTP/1.1 answer with a text in it (RFC 9112), as its bytes come in.

use mail::limits;

/// Header fields of an answer.
const FIELDS: usize = 100;

/// An answer that is not complete yet.
#[derive(Default)]
pub(super) struct Response {
    bytes: Vec<u8>,
    /// Where the body begins and how long it is, once the headers are there.
    body: Option<(usize, Length)>,
    chunks: Chunks,
}

/// How the end of the body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunks,
    ToTheEnd,
}

impl Response {
    /// Takes what was read. The body, if it is complete; an error where it is not an answer with a text.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.bytes.extend_from_slice(bytes);
        if self.body.is_none() {
            self.body = head(&self.bytes)?;
        }
        let Some((start, length)) = self.body else {
            let fits = self.bytes.len() <= limits::STS_HEADERS_LENGTH;
            return if fits { Ok(None) } else { Err("the headers are too long".into()) };
        };
        let body = self.bytes.get(start..).unwrap_or_default();
        let found = match length {
            Length::Bytes(length) => body.get(..length).map(<[u8]>::to_vec),
            Length::Chunks => self.chunks.read(body)?.then(|| std::mem::take(&mut self.chunks.text)),
            Length::ToTheEnd => None,
        };
        match found {
            Some(text) if text.len() > limits::STS_POLICY_LENGTH => Err(too_long()),
            None if body.len() > 2 * limits::STS_POLICY_LENGTH => Err(too_long()),
            found => Ok(found),
        }
    }

    /// The other side is done. The body, if that is how it ends.
    pub(super) fn ended(mut self) -> Result<Vec<u8>, &'static str> {
        match self.body {
            Some((start, Length::ToTheEnd)) if self.bytes.len() - start <= limits::STS_POLICY_LENGTH => {
                Ok(self.bytes.split_off(start))
            }
            Some((_, Length::ToTheEnd)) => Err("the policy is too long"),
            _ => Err("the answer is cut short"),
        }
    }
}

fn too_long() -> String {
    "the policy is too long".into()
}

/// Where the body begins and how it ends, once the headers are complete.
fn head(bytes: &[u8]) -> Result<Option<(usize, Length)>, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head.parse(bytes).map_err(|error| format!("the answer is not HTTP: {error}"))?;
    let httparse::Status::Complete(start) = parsed else { return Ok(None) };
    // RFC 8461 §3.3: also no redirect is followed.
    match head.code {
        Some(200) => {}
        code => return Err(format!("the answer is {} instead of 200", code.unwrap_or(0))),
    }
    let all = |name: &str| -> Vec<&str> {
        let named = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).unwrap_or("").trim()).collect()
    };
    let media_type = all("content-type").first().and_then(|value| value.split(';').next()).map(str::trim);
    if !media_type.is_some_and(|value| value.eq_ignore_ascii_case("text/plain")) {
        return Err("the answer is not of type text/plain".into());
    }
    let length = match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        ([], []) => Length::ToTheEnd,
        ([], [length]) => Length::Bytes(length.parse().map_err(|_| "the answer has no good length")?),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Length::Chunks,
        _ => return Err("the length of the answer is given in an unknown way, or twice".into()),
    };
    if matches!(length, Length::Bytes(length) if length > limits::STS_POLICY_LENGTH) {
        return Err(too_long());
    }
    Ok(Some((start, length)))
}

/// A text in chunks, as far as it has come (RFC 9112 §7.1).
#[derive(Default)]
struct Chunks {
    text: Vec<u8>,
    /// Bytes of the body that have been looked at.
    seen: usize,
}

impl Chunks {
    /// Goes on where it stopped. Whether the last chunk is there.
    fn read(&mut self, body: &[u8]) -> Result<bool, String> {
        loop {
            let rest = body.get(self.seen..).unwrap_or_default();
            let size = httparse::parse_chunk_size(rest).map_err(|_| "a chunk has no good size")?;
            let httparse::Status::Complete((start, size)) = size else { return Ok(false) };
            let room = (limits::STS_POLICY_LENGTH - self.text.len()) as u64;
            if size > room {
                return Err(too_long());
            }
            if size == 0 {
                return Ok(true);
            }
            let end = start + size as usize + 2;
            let Some(chunk) = rest.get(start..end) else { return Ok(false) };
            let Some(data) = chunk.strip_suffix(b"\r\n") else { return Err("a chunk does not end".into()) };
            self.text.extend_from_slice(data);
            self.seen += end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body, or why there is none; all at once, and byte by byte.
    fn read(answer: &[u8]) -> Result<String, String> {
        let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut response = Response::default();
            for piece in pieces {
                if let Some(body) = response.take(piece)? {
                    return Ok(body);
                }
            }
            response.ended().map_err(str::to_owned)
        };
        let whole = all(&mut std::iter::once(answer));
        assert_eq!(whole, all(&mut answer.chunks(1)), "it does not matter how it comes in");
        whole.map(|body| String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn answers() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
        for (answer, expected) in [
            (format!("{plain}Content-Length: 3\r\n\r\nabc"), Ok("abc")),
            (format!("{plain}Content-Length: 3\r\n\r\nabcdef"), Ok("abc")),
            (format!("{plain}content-length: 0\r\n\r\n"), Ok("")),
            (format!("{plain}\r\nabc"), Ok("abc")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"),
                Ok("abcd"),
            ),
            ("HTTP/1.0 200\r\ncontent-type: TEXT/Plain; charset=utf-8\r\n\r\nabc".into(), Ok("abc")),
            (format!("{plain}Content-Length: 4\r\n\r\nabc"), Err("the answer is cut short")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
                Err("the answer is cut short"),
            ),
            (format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), Err("a chunk does not end")),
            (format!("{plain}Transfer-Encoding: chunked\r\n\r\nz\r\n"), Err("a chunk has no good size")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"),
                Err("the policy is too long"),
            ),
            (
                format!("{plain}Transfer-Encoding: gzip\r\n\r\n"),
                Err("the length of the answer is given in an unknown way, or twice"),
            ),
            (
                format!("{plain}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
                Err("the length of the answer is given in an unknown way, or twice"),
            ),
            (
                format!("{plain}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabcd"),
                Err("the length of the answer is given in an unknown way, or twice"),
            ),
            (format!("{plain}Content-Length: -3\r\n\r\nabc"), Err("the answer has no good length")),
            (format!("{plain}Content-Length: 65537\r\n\r\nabc"), Err("the policy is too long")),
            ("HTTP/1.1 200 OK\r\n\r\nabc".into(), Err("the answer is not of type text/plain")),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nabc".into(),
                Err("the answer is not of type text/plain"),
            ),
            (
                "HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\n\r\n".into(),
                Err("the answer is 301 instead of 200"),
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n".into(), Err("the answer is 404 instead of 200")),
            (String::new(), Err("the answer is cut short")),
        ] {
            assert_eq!(
                read(answer.as_bytes()),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{answer}"
            );
        }
        assert!(read(b"\x15\x03\x01\x00").is_err_and(|why| why.starts_with("the answer is not HTTP")));
    }

    #[test]
    fn what_is_too_long_is_not_read_to_its_end() {
        let mut response = Response::default();
        let line = format!("X: {}\r\n", "y".repeat(1000));
        assert_eq!(response.take(b"HTTP/1.1 200 OK\r\n"), Ok(None));
        let taken = (0..100_000).take_while(|_| response.take(line.as_bytes()).is_ok()).count();
        assert_eq!(taken, limits::STS_HEADERS_LENGTH / line.len());

        let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
        let most = "y".repeat(limits::STS_POLICY_LENGTH);
        let mut response = Response::default();
        assert_eq!(response.take(format!("{plain}\r\n{most}").as_bytes()), Ok(None));
        assert_eq!(response.ended().map(|body| body.len()), Ok(most.len()));
        let mut response = Response::default();
        assert_eq!(response.take(format!("{plain}\r\n{most}y").as_bytes()), Ok(None));
        assert_eq!(response.ended(), Err("the policy is too long"));

        let mut response = Response::default();
        assert_eq!(response.take(format!("{plain}Transfer-Encoding: chunked\r\n\r\n").as_bytes()), Ok(None));
        let chunk = b"100\r\n".iter().copied().chain([b'y'; 256]).chain(*b"\r\n").collect::<Vec<u8>>();
        let taken = (0..100_000).take_while(|_| response.take(&chunk).is_ok()).count();
        assert_eq!(taken, limits::STS_POLICY_LENGTH / 256);
    }
}
