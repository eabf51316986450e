use super::*;

/// Feeds what is asked for and no more, as a reader does; what is left over is the client's.
fn read(bytes: &[u8]) -> Result<(Told, usize), &'static str> {
    let mut at = 0;
    loop {
        match parse(&bytes[..at], 256) {
            Progress::Whole(told) => return Ok((told, at)),
            Progress::Bad(why) => return Err(why),
            Progress::More(count) => {
                assert!(count > 0);
                at += count;
                if at > bytes.len() {
                    return Err("more");
                }
            }
        }
    }
}

fn ends(source: &str, destination: &str) -> Told {
    let end = |text: &str| text.parse().expect("an address");
    Told::Ends { source: end(source), destination: end(destination) }
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [SIGNATURE, &[command, family][..], &length[..], rest].concat()
}

#[test]
fn version_1() {
    let most = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let longest = &*format!("PROXY TCP6 {most} {most} 65535 65535\r\n");
    for (line, told) in [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\r\n", Ok(ends("192.0.2.7:50000", "198.51.100.1:25"))),
        (
            "PROXY TCP6 2001:db8::7 2001:db8::1 0 65535\r\n",
            Ok(ends("[2001:db8::7]:0", "[2001:db8::1]:65535")),
        ),
        ("PROXY UNKNOWN\r\n", Ok(Told::Itself)),
        ("PROXY UNKNOWN 1 2 3\r\n", Ok(Told::Itself)),
        (
            longest,
            Ok(ends(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            )),
        ),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\n", Err("the PROXY header must end in CRLF")),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 50000\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 50000 25 1\r\n", Err("the PROXY header is malformed")),
        ("PROXY  TCP4 192.0.2.7 198.51.100.1 50000 25\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 192.0.2.256 198.51.100.1 50000 25\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 050 25\r\n", Err("the PROXY header is malformed")),
        ("PROXY TCP4 192.0.2.7 198.51.100.1 +50 25\r\n", Err("the PROXY header is malformed")),
        ("PROXY UDP4 192.0.2.7 198.51.100.1 50000 25\r\n", Err("the PROXY header is malformed")),
        ("proxy UNKNOWN\r\n", Err("no PROXY header")),
        ("EHLO client.test\r\n", Err("no PROXY header")),
        ("PROXY UNKNOWN", Err("more")),
        ("", Err("more")),
    ] {
        // What follows is the client's and not touched.
        let with_more = format!("{line}EHLO x\r\n");
        let text = if told == Err("more") { line } else { &with_more };
        assert_eq!(read(text.as_bytes()).map(|(told, _)| told), told, "{line:?}");
        if told.is_ok() {
            assert_eq!(read(text.as_bytes()).expect("good").1, line.len(), "{line:?}");
        }
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(read(endless.as_bytes()), Err("the PROXY header does not end"));
}

#[test]
fn binary_headers() {
    let four = [192, 0, 2, 7, 198, 51, 100, 1, 0xc3, 0x50, 0, 25];
    let six: Vec<u8> = [Ipv6Addr::LOCALHOST.octets(), Ipv6Addr::UNSPECIFIED.octets()].concat();
    let six = [&six[..], &[0, 1, 0, 2]].concat();
    let told_four = ends("192.0.2.7:50000", "198.51.100.1:25");
    let with_tlvs = [&four[..], &[3, 0, 4, 1, 2, 3, 4], &[4, 0, 0]].concat();
    for (what, bytes, told) in [
        ("TCP over IPv4", version_2(0x21, 0x11, &four), Ok(told_four)),
        ("TCP over IPv6", version_2(0x21, 0x21, &six), Ok(ends("[::1]:1", "[::]:2"))),
        ("TLVs", version_2(0x21, 0x11, &with_tlvs), Ok(told_four)),
        ("LOCAL", version_2(0x20, 0x00, b""), Ok(Told::Itself)),
        ("LOCAL with addresses", version_2(0x20, 0x11, &four), Ok(Told::Itself)),
        ("unspecified", version_2(0x21, 0x00, b"anything"), Ok(Told::Itself)),
        ("UDP", version_2(0x21, 0x12, &four), Err("the PROXY header is of a kind that is not TCP")),
        (
            "a socket in the file system",
            version_2(0x21, 0x31, &[0; 216]),
            Err("the PROXY header is of a kind that is not TCP"),
        ),
        (
            "another command",
            version_2(0x22, 0x11, &four),
            Err("the PROXY header is of a kind that is not TCP"),
        ),
        (
            "version 1 in binary",
            version_2(0x11, 0x11, &four),
            Err("the PROXY header is of an unknown version"),
        ),
        ("version 3", version_2(0x31, 0x11, &four), Err("the PROXY header is of an unknown version")),
        (
            "too short",
            version_2(0x21, 0x11, &four[..11]),
            Err("the PROXY header is too short for its addresses"),
        ),
        (
            "too short for IPv6",
            version_2(0x21, 0x21, &four),
            Err("the PROXY header is too short for its addresses"),
        ),
        ("too long", version_2(0x20, 0x00, &[0; 241]), Err("the PROXY header is too long")),
        ("a part", version_2(0x21, 0x11, &four)[..20].to_vec(), Err("more")),
    ] {
        let whole = bytes.len();
        let more = if told == Err("more") { bytes } else { [bytes, b"EHLO x\r\n".to_vec()].concat() };
        assert_eq!(read(&more), told.map(|told| (told, whole)), "{what}");
    }
}

#[test]
fn it_waits_for_the_whole_and_never_for_more() {
    let text = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\r\n".to_vec();
    for header in [text, version_2(0x21, 0x11, &[7; 40]), version_2(0x20, 0x00, b"")] {
        for length in 0..header.len() {
            assert_eq!(read(&header[..length]), Err("more"), "{length} of {header:?}");
        }
        assert_eq!(read(&header).map(|(_, length)| length), Ok(header.len()));
    }
}
