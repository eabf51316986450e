//! What filters answer: any bytes give answers or an error, as many as there are packets at most, however they come.
#![no_main]

use filter::hook;
use filter::milter::Session;
use libfuzzer_sys::fuzz_target;

fn milter(pieces: &mut dyn Iterator<Item = &[u8]>, length: usize) -> Vec<String> {
    let mut session = Session::default();
    let mut said = Vec::new();
    let mut negotiated = false;
    for piece in pieces {
        session.push(piece);
        loop {
            if !negotiated {
                match session.negotiated() {
                    Ok(true) => negotiated = true,
                    Ok(false) => break,
                    Err(error) => {
                        said.push(format!("{error:?}"));
                        return said;
                    }
                }
            }
            match session.answer(said.len() % 2 == 0) {
                Ok(Some(answer)) => said.push(format!("{answer:?}")),
                Ok(None) => break,
                Err(error) => {
                    said.push(format!("{error:?}"));
                    return said;
                }
            }
            assert!(said.len() <= length, "more answers than bytes");
        }
    }
    said
}

fuzz_target!(|data: &[u8]| {
    let whole = milter(&mut std::iter::once(data), data.len());
    assert_eq!(whole, milter(&mut data.chunks(1), data.len()), "it does not matter how they come");
    drop(hook::answer(data));
});
