//! BINARY and BINARY.SIZE (RFC 3516 §4.2, §4.3): parts without their transfer encoding, streamed twice: once to learn the length,
//! which stands in front, and once to send.

use std::ops::Range;

use imap::Code;
use imap::command::FetchBinary;
use message::text::{Decoder, Encoding};
use message::{Summary, section};

use super::super::connection::{Connection, WRITE_AT};
use super::super::stop::Stop;
use super::Told;
use super::section::cut;

/// Where the bytes of a part stand, and what they are wrapped in.
struct Wrapped {
    range: Range<u64>,
    encoding: Encoding,
}

/// What the first pass finds.
#[derive(Default)]
struct Measured {
    length: u64,
    has_nul: bool,
}

impl Connection<'_> {
    pub(super) async fn write_binary(
        &mut self,
        told: &Told,
        wanted: &FetchBinary,
        summary: &Summary,
    ) -> Result<(), Stop> {
        let wrapped = wrapped(summary, &wanted.part)?;
        let measured = match &wrapped {
            Some(wrapped) => self.measure(told, wrapped).await?,
            None => Measured::default(),
        };
        self.binary_label("BINARY[", &wanted.part);
        if let Some((offset, _)) = wanted.partial {
            self.session.out().text("<").number(offset).text(">");
        }
        let Some(wrapped) = wrapped else {
            self.session.out().text(" NIL");
            return Ok(());
        };
        let part = cut(0..measured.length, wanted.partial);
        self.session.out().text(if measured.has_nul { " ~" } else { " " }).literal(part.end - part.start);
        self.send_decoded(told, &wrapped, part).await
    }

    /// The number of bytes that BINARY would send of all of a part; 0 for one that is not there.
    pub(super) async fn write_binary_size(
        &mut self,
        told: &Told,
        part: &[u32],
        summary: &Summary,
    ) -> Result<(), Stop> {
        let measured = match wrapped(summary, part)? {
            Some(wrapped) => self.measure(told, &wrapped).await?,
            None => Measured::default(),
        };
        self.binary_label("BINARY.SIZE[", part);
        self.session.out().text(" ").number(measured.length);
        Ok(())
    }

    fn binary_label(&mut self, name: &str, part: &[u32]) {
        let path: Vec<String> = part.iter().map(u32::to_string).collect();
        self.session.out().text(name).text(&path.join(".")).text("]");
    }

    async fn measure(&self, told: &Told, wrapped: &Wrapped) -> Result<Measured, Stop> {
        let (mut decoder, mut out, mut measured) =
            (Decoder::new(wrapped.encoding), Vec::new(), Measured::default());
        let mut add = |out: &mut Vec<u8>| {
            measured.length += out.len() as u64;
            measured.has_nul |= out.contains(&0);
            out.clear();
        };
        let mut at = wrapped.range.start;
        while at < wrapped.range.end {
            let chunk = self.next_chunk(told, at, wrapped.range.end).await?;
            at += chunk.len() as u64;
            decoder.feed(&chunk, &mut out);
            add(&mut out);
        }
        decoder.finish(&mut out);
        add(&mut out);
        Ok(measured)
    }

    /// Sends `part` of what is decoded. What cannot be read now ends the connection: its length has been told.
    async fn send_decoded(&mut self, told: &Told, wrapped: &Wrapped, part: Range<u64>) -> Result<(), Stop> {
        let (mut decoder, mut out) = (Decoder::new(wrapped.encoding), Vec::new());
        let (mut at, mut done) = (wrapped.range.start, 0);
        while at < wrapped.range.end && done < part.end {
            if self.session.output_length() >= WRITE_AT {
                self.flush().await?;
            }
            let chunk = match self.next_chunk(told, at, wrapped.range.end).await {
                Ok(chunk) => chunk,
                Err(stop) => return Err(self.broke_off(&told.entry, stop).await),
            };
            at += chunk.len() as u64;
            decoder.feed(&chunk, &mut out);
            done = self.send_within(&mut out, done, &part);
        }
        decoder.finish(&mut out);
        self.send_within(&mut out, done, &part);
        Ok(())
    }

    /// Sends what of `out`, which stands at `done`, is in `part`; gives where the next bytes stand.
    fn send_within(&mut self, out: &mut Vec<u8>, done: u64, part: &Range<u64>) -> u64 {
        let end = done + out.len() as u64;
        let (from, to) = (part.start.clamp(done, end), part.end.clamp(done, end));
        self.session.out().raw(&out[(from - done) as usize..(to.max(from) - done) as usize]);
        out.clear();
        end
    }
}

/// Where a part stands; `NO [UNKNOWN-CTE]` if nobody here can unwrap it.
fn wrapped(summary: &Summary, part: &[u32]) -> Result<Option<Wrapped>, Stop> {
    if part.is_empty() {
        return Ok(Some(Wrapped { range: 0..summary.size, encoding: Encoding::Identity }));
    }
    let Some(part) = section::find_part(summary, part) else { return Ok(None) };
    let encoding = Encoding::known(&part.encoding)
        .ok_or(Stop::no(Code::UnknownCte, "The transfer encoding of that part is not known"))?;
    Ok(Some(Wrapped { range: part.body.clone(), encoding }))
}
