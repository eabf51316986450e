//! SASLprep (RFC 4013): names and passwords in the form in which they are compared.
//!
//! Without its check of writing directions (§2.4), which would refuse a Hebrew word with a digit behind it; RFC 8265 §4, which
//! takes its place for passwords, has none. What Unicode 3.2 did not know is taken, too, as in queries (§2.5).

/// RFC 3454 C.1.2, in the place of which stands a space.
const SPACES: &[(char, char)] = &[
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200b}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
];

/// RFC 3454 B.1, which go.
const NOTHING: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{1806}', '\u{1806}'),
    ('\u{180b}', '\u{180d}'),
    ('\u{200c}', '\u{200d}'),
    ('\u{2060}', '\u{2060}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
];

/// RFC 4013 §2.3, without the controls of ASCII and Latin 1: RFC 3454 C.2.2, C.3, C.4, C.6 to C.9.
const PROHIBITED: &[(char, char)] = &[
    ('\u{340}', '\u{341}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200c}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2063}'),
    ('\u{206a}', '\u{206f}'),
    ('\u{2ff0}', '\u{2ffb}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{ffff}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
    // Private use, and what is none at the ends of the planes.
    ('\u{f0000}', '\u{10ffff}'),
];

fn is_in(table: &[(char, char)], c: char) -> bool {
    table.iter().any(|&(first, last)| (first..=last).contains(&c))
}

fn is_prohibited(c: char) -> bool {
    // RFC 3454 C.2.1, C.2.2; C.4: the last two of each plane.
    c.is_control() || is_in(PROHIBITED, c) || u32::from(c) & 0xfffe == 0xfffe
}

/// A name or a password as it is compared; `None` where a character is prohibited (§2.3). ASCII is as it was.
pub fn prepare(text: &str) -> Option<String> {
    let mapped = text.chars().filter(|&c| !is_in(NOTHING, c));
    let mapped: String = mapped.map(|c| if is_in(SPACES, c) { ' ' } else { c }).collect();
    // §2.3 speaks of what is there after the mapping; some that normalisation takes away are prohibited, too.
    if mapped.chars().any(is_prohibited) {
        return None;
    }
    let normal = mail::nfkc(&mapped).into_owned();
    (!normal.chars().any(is_prohibited)).then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples() {
        for (text, expected) in [
            // RFC 4013 §3, without the last one.
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}\u{31}", Some("\u{627}\u{31}")),
            // §2.1 to §2.3.
            ("a\u{a0}b\u{3000}c", Some("a b c")),
            ("u\u{308}", Some("\u{fc}")),
            ("\u{fb01}", Some("fi")),
            ("\u{1f468}\u{200d}\u{1f469}", Some("\u{1f468}\u{1f469}")),
            ("a\u{85}", None),
            ("\u{202e}a", None),
            ("\u{e000}", None),
            ("\u{10fffd}", None),
            ("\u{1fffe}", None),
            ("\u{fffd}", None),
            ("\u{341}", None),
            ("\u{e0041}", None),
            ("", Some("")),
        ] {
            assert_eq!(prepare(text).as_deref(), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        /// What is prepared stays as it is.
        #[test]
        fn once_is_enough(text in "\\PC{0,12}") {
            if let Some(prepared) = prepare(&text) {
                proptest::prop_assert_eq!(prepare(&prepared), Some(prepared.clone()));
            }
        }

        #[test]
        fn ascii_is_exact(text in "[ -~]{0,20}") {
            proptest::prop_assert_eq!(prepare(&text), Some(text));
        }
    }
}
