//! Header fields, dates, addresses, encoded words, charsets, section names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::text::{Decoder, Encoding, decode_body, encode_quoted_printable, to_utf8};
use message::{date, header, section, surrogate};

fn fields_are_whole(bytes: &[u8]) {
    let raw: Vec<u8> = header::fields(bytes).flat_map(|field| field.raw).copied().collect();
    assert!(bytes.starts_with(&raw));
    let rest = &bytes[raw.len()..];
    assert!(rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n"), "fields are left out");
    for field in header::fields(bytes) {
        let line = header::unfold(field.value);
        assert!(!line.contains(|c: char| c.is_control()));
        assert!(header::message_ids(&line).all(|id| id.starts_with('<') && id.ends_with('>')));
    }
    let all = section::select_fields(bytes, &[""; 0], true);
    assert!(all.ends_with(b"\r\n") && all.starts_with(&raw));
}

fn words_go_both_ways(text: &str) {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let encoded = header::encode_rfc2047(text);
    assert!(encoded.is_ascii() && !encoded.replace("\r\n ", "").contains(|c: char| c.is_control()));
    assert_eq!(header::decode_rfc2047(encoded.replace("\r\n", "").as_bytes()), plain);
    let lines = format!("{}\r\n", plain);
    let printed = encode_quoted_printable(&lines);
    assert!(printed.is_ascii() && printed.lines().all(|line| line.len() <= 76));
    assert_eq!(decode_body(Encoding::from_name("quoted-printable"), printed.as_bytes()), lines.as_bytes());
}

fn dates_go_both_ways(text: &str) {
    if let Some(at) = date::parse(text) {
        let written = date::format_rfc5322(at);
        assert_eq!(date::parse(&written), Some(at), "{written}");
    }
    date::parse_zoned(text).map(|zoned| zoned.local_day());
}

fn bodies_decode(seed: u8, bytes: &[u8]) {
    for name in ["base64", "quoted-printable", "8bit"] {
        let encoding = Encoding::from_name(name);
        let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
        fuzz::cuts(seed, bytes).into_iter().for_each(|piece| decoder.feed(piece, &mut out));
        decoder.finish(&mut out);
        assert_eq!(out, decode_body(encoding, bytes), "it matters how the body is cut");
    }
    for charset in ["utf-7", "utf-8", "iso-2022-jp", "windows-1252", "gb18030", "none such"] {
        to_utf8(charset, bytes);
    }
}

fn surrogates_are_ascii(bytes: &[u8]) {
    let shown = surrogate(bytes);
    assert!(header::fields(&shown).all(|field| field.raw.is_ascii()));
    assert!(header::fields(&shown).count() <= header::fields(bytes).count(), "a field of nobody's");
    assert_eq!(surrogate(&shown), shown, "ASCII stays");
}

fuzz_target!(|data: &[u8]| {
    let Some((&[seed], bytes)) = data.split_first_chunk::<1>() else { return };
    fields_are_whole(bytes);
    bodies_decode(seed, bytes);
    surrogates_are_ascii(bytes);
    header::decode_rfc2047(bytes);
    for address in header::parse_addresses(bytes).0 {
        if let Some(address) = address.to_mail() {
            assert_eq!(address.to_string().parse().as_ref(), Ok(&address), "{address}");
        }
        address.decoded_name();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        words_go_both_ways(text);
        dates_go_both_ways(text);
        section::parse(text);
    }
});
