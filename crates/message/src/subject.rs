//! The base subject: what is left of a subject without `Re:` and its like (RFC 5256 §2.1).

use crate::header;

/// What a subject says, without what programs put around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Decoded, in lower case, its spaces single.
    pub text: String,
    /// Whether anything said that it is a reply or was forwarded.
    pub is_reply: bool,
}

/// The base of a subject as written. Linear in its length: each step takes something off an end.
pub fn base(subject: &str) -> Base {
    let decoded = header::decode_rfc2047(subject.as_bytes());
    let whole = decoded.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (mut rest, mut is_reply) = (whole.as_str(), false);
    loop {
        while let Some(shorter) = rest.strip_suffix("(fwd)") {
            (rest, is_reply) = (shorter.trim_end(), true);
        }
        loop {
            let (behind, last) = without_blobs(rest);
            let Some(shorter) = without_refwd(behind) else {
                // What is nothing but such marks keeps the last of them.
                rest = if behind.is_empty() { last } else { behind };
                break;
            };
            (rest, is_reply) = (shorter, true);
        }
        match rest.strip_prefix("[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => (rest, is_reply) = (inner.trim(), true),
            None => return Base { text: rest.to_owned(), is_reply },
        }
    }
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`
fn without_refwd(text: &str) -> Option<&str> {
    let rest = ["re", "fwd", "fw"].into_iter().find_map(|word| text.strip_prefix(word))?.trim_start();
    let rest = without_blob(rest).unwrap_or(rest);
    Some(rest.strip_prefix(':')?.trim_start())
}

/// What stands behind all marks, and where the last of them begins.
fn without_blobs(text: &str) -> (&str, &str) {
    let (mut rest, mut last) = (text, text);
    while let Some(shorter) = without_blob(rest) {
        (last, rest) = (rest, shorter);
    }
    (rest, last)
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`
fn without_blob(text: &str) -> Option<&str> {
    let (blob, rest) = text.strip_prefix('[')?.split_once(']')?;
    (!blob.contains('[')).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (subject, text, is_reply) in [
            ("Hello", "hello", false),
            ("Re: Hello", "hello", true),
            ("RE : Hello", "hello", true),
            ("Fwd: Re:  Hello\t World (fwd) (Fwd)", "hello world", true),
            ("[list] Hello", "hello", false),
            ("[list] Re: [list] Hello", "hello", true),
            ("Re[2]: Hello", "hello", true),
            ("re [x] : [y] Hello", "hello", true),
            ("[Fwd: Re: Hello]", "hello", true),
            ("[Fwd: [Fwd: Hello (fwd)]]", "hello", true),
            ("[only]", "[only]", false),
            ("Re: [only]", "[only]", true),
            ("Regarding", "regarding", false),
            ("", "", false),
            ("Re:", "", true),
            ("=?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=", "grüße", true),
            ("[a[b] c", "[a[b] c", false),
        ] {
            assert_eq!(base(subject), Base { text: text.into(), is_reply }, "{subject}");
        }
    }

    #[test]
    fn long_ones_cost_no_more_than_their_length() {
        for piece in ["re:", "[x]", "[x]re:", "[fwd:", "(fwd)", "["] {
            let long = piece.repeat(20_000);
            assert!(base(&long).text.len() <= long.len(), "{piece}");
        }
    }
}
