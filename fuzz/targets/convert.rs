//! A message in another form: it does not matter how it arrives, the form is what was asked for, and converting it
//! once more changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::BodyType;
use message::Parser;
use message::convert::Survey;

fn convert(pieces: &[&[u8]], target: BodyType) -> Option<Vec<u8>> {
    let mut parser = Parser::new();
    pieces.iter().for_each(|piece| parser.feed(piece));
    let mut survey = Survey::new(parser.finish());
    pieces.iter().for_each(|piece| survey.feed(piece));
    let mut converter = survey.converter(target).ok()?;
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| converter.feed(piece, &mut out));
    Some(out)
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, seed], message)) = data.split_first_chunk::<2>() else { return };
    let target = if how & 1 == 0 { BodyType::SevenBit } else { BodyType::EightBitMime };
    let whole = convert(&[message], target);
    assert_eq!(whole, convert(&fuzz::cuts(seed, message), target), "it matters how the message is cut");
    let Some(form) = whole else { return };
    assert!(target != BodyType::SevenBit || form.is_ascii());
    assert!(form.len() <= 4 * message.len() + 4096, "{} bytes for {}", form.len(), message.len());
});
