//! An answer over HTTP: it does not matter how its bytes come, nothing is longer than allowed, and it has one end.
#![no_main]

#[allow(dead_code, clippy::all)]
#[path = "../../crates/mta/src/http/response.rs"]
mod response;

use libfuzzer_sys::fuzz_target;
use response::{Incomplete, Response};

const MOST: usize = 1000;

fn read(pieces: &mut dyn Iterator<Item = &[u8]>) -> Result<Response, String> {
    let mut incomplete = Incomplete::new(MOST);
    for piece in pieces {
        if let Some(found) = incomplete.take(piece)? {
            return Ok(found);
        }
    }
    incomplete.ended()
}

fuzz_target!(|data: &[u8]| {
    let bytewise = read(&mut data.chunks(1));
    if let Ok(found) = &bytewise {
        assert!(found.body.len() <= MOST, "longer than allowed");
        let whole = read(&mut std::iter::once(data));
        // What comes at once may be too much where its first part would have been enough.
        assert!(whole.is_err() || whole.as_ref() == Ok(found), "{whole:?} and {bytewise:?}");
    }
});
