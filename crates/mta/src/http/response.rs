//! One HTTP/1.1 answer (RFC 9112), as its bytes come in.

/// Header fields of an answer.
const FIELDS: usize = 100;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status.
    pub(crate) code: u16,
    /// What the body is, without parameters, in lower case; empty if the answer does not say.
    pub(crate) media_type: String,
    /// What came with it.
    pub(crate) body: Vec<u8>,
}

/// An answer that is not complete yet.
pub(super) struct Incomplete {
    bytes: Vec<u8>,
    /// Bytes that headers and body may have, each.
    most: usize,
    head: Option<Head>,
    chunks: Chunks,
}

/// What the headers say.
struct Head {
    code: u16,
    media_type: String,
    /// Where the body begins.
    start: usize,
    length: Length,
}

/// How the end of the body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunks,
    ToTheEnd,
}

impl Incomplete {
    pub(super) fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, head: None, chunks: Chunks::default() }
    }

    /// Takes what was read. The answer, if it is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<Response>, String> {
        self.bytes.extend_from_slice(bytes);
        if self.head.is_none() {
            self.head = head(&self.bytes)?;
        }
        let Some(head) = &self.head else {
            let fits = self.bytes.len() <= self.most;
            return if fits { Ok(None) } else { Err("the headers are too long".into()) };
        };
        let body = self.bytes.get(head.start..).unwrap_or_default();
        let found = match head.length {
            Length::Bytes(length) if length > self.most => return Err(too_long()),
            Length::Bytes(length) => body.get(..length).map(<[u8]>::to_vec),
            Length::Chunks => {
                self.chunks.read(body, self.most)?.then(|| std::mem::take(&mut self.chunks.text))
            }
            Length::ToTheEnd => None,
        };
        match found {
            None if body.len() > 2 * self.most => Err(too_long()),
            found => Ok(found.map(|body| head.with(body))),
        }
    }

    /// The other side is done. The answer, if that is how it ends.
    pub(super) fn ended(mut self) -> Result<Response, String> {
        match self.head.take() {
            Some(head) if head.length == Length::ToTheEnd => {
                let body = self.bytes.split_off(head.start);
                if body.len() > self.most { Err(too_long()) } else { Ok(head.with(body)) }
            }
            _ => Err("the answer is cut short".into()),
        }
    }
}

fn too_long() -> String {
    "the answer is too long".into()
}

impl Head {
    fn with(&self, body: Vec<u8>) -> Response {
        Response { code: self.code, media_type: self.media_type.clone(), body }
    }
}

/// What the headers say, once they are complete.
fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head.parse(bytes).map_err(|error| format!("the answer is not HTTP: {error}"))?;
    let httparse::Status::Complete(start) = parsed else { return Ok(None) };
    let all = |name: &str| -> Vec<&str> {
        let named = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).unwrap_or("").trim()).collect()
    };
    let media_type = all("content-type").first().and_then(|value| value.split(';').next()).map(str::trim);
    let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
    let length = match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        ([], []) => Length::ToTheEnd,
        ([], [length]) => Length::Bytes(length.parse().map_err(|_| "the answer has no good length")?),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Length::Chunks,
        _ => return Err("the length of the answer is given in an unknown way, or twice".into()),
    };
    Ok(Some(Head { code: head.code.unwrap_or(0), media_type, start, length }))
}

/// A body in chunks, as far as it has come (RFC 9112 §7.1).
#[derive(Default)]
struct Chunks {
    text: Vec<u8>,
    /// Bytes of the body that have been looked at.
    seen: usize,
}

impl Chunks {
    /// Goes on where it stopped. Whether the last chunk is there.
    fn read(&mut self, body: &[u8], most: usize) -> Result<bool, String> {
        loop {
            let rest = body.get(self.seen..).unwrap_or_default();
            let size = httparse::parse_chunk_size(rest).map_err(|_| "a chunk has no good size")?;
            let httparse::Status::Complete((start, size)) = size else { return Ok(false) };
            let room = (most - self.text.len()) as u64;
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

    const MOST: usize = 65_536;

    /// The body, or why there is none; all at once, and byte by byte.
    fn read(answer: &[u8]) -> Result<String, String> {
        let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut response = Incomplete::new(MOST);
            for piece in pieces {
                if let Some(body) = response.take(piece)? {
                    return Ok(body);
                }
            }
            response.ended()
        };
        let whole = all(&mut std::iter::once(answer));
        assert_eq!(whole, all(&mut answer.chunks(1)), "it does not matter how it comes in");
        whole.map(|found| {
            format!("{} {} {}", found.code, found.media_type, String::from_utf8_lossy(&found.body))
        })
    }

    #[test]
    fn answers() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
        for (answer, expected) in [
            (format!("{plain}Content-Length: 3\r\n\r\nabc"), Ok("200 text/plain abc")),
            (format!("{plain}Content-Length: 3\r\n\r\nabcdef"), Ok("200 text/plain abc")),
            (format!("{plain}content-length: 0\r\n\r\n"), Ok("200 text/plain ")),
            (format!("{plain}\r\nabc"), Ok("200 text/plain abc")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"),
                Ok("200 text/plain abcd"),
            ),
            (
                "HTTP/1.0 200\r\ncontent-type: TEXT/Plain; charset=utf-8\r\n\r\nabc".into(),
                Ok("200 text/plain abc"),
            ),
            (format!("{plain}Content-Length: 4\r\n\r\nabc"), Err("the answer is cut short")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
                Err("the answer is cut short"),
            ),
            (format!("{plain}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), Err("a chunk does not end")),
            (format!("{plain}Transfer-Encoding: chunked\r\n\r\nz\r\n"), Err("a chunk has no good size")),
            (
                format!("{plain}Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"),
                Err("the answer is too long"),
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
            (format!("{plain}Content-Length: 65537\r\n\r\nabc"), Err("the answer is too long")),
            ("HTTP/1.1 200 OK\r\n\r\nabc".into(), Ok("200  abc")),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nabc".into(), Ok("200 text/html abc")),
            ("HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\n\r\n".into(), Ok("301  ")),
            ("HTTP/1.1 404 Not Found\r\n\r\n".into(), Ok("404  ")),
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
        let mut response = Incomplete::new(MOST);
        let line = format!("X: {}\r\n", "y".repeat(1000));
        assert_eq!(response.take(b"HTTP/1.1 200 OK\r\n"), Ok(None));
        let taken = (0..100_000).take_while(|_| response.take(line.as_bytes()).is_ok()).count();
        assert_eq!(taken, MOST / line.len());

        let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
        let most = "y".repeat(MOST);
        let mut response = Incomplete::new(MOST);
        assert_eq!(response.take(format!("{plain}\r\n{most}").as_bytes()), Ok(None));
        assert_eq!(response.ended().map(|found| found.body.len()), Ok(most.len()));
        let mut response = Incomplete::new(MOST);
        assert_eq!(response.take(format!("{plain}\r\n{most}y").as_bytes()), Ok(None));
        assert_eq!(response.ended(), Err("the answer is too long".into()));

        let mut response = Incomplete::new(MOST);
        assert_eq!(response.take(format!("{plain}Transfer-Encoding: chunked\r\n\r\n").as_bytes()), Ok(None));
        let chunk = b"100\r\n".iter().copied().chain([b'y'; 256]).chain(*b"\r\n").collect::<Vec<u8>>();
        let taken = (0..100_000).take_while(|_| response.take(&chunk).is_ok()).count();
        assert_eq!(taken, MOST / 256);
    }
}
