//! Rust source with what must not be searched blanked out: comments, literals, test items.
//!
//! This is a lexer, not a parser. Blanks keep every byte at its place, so a position in any of the three texts is
//! a position in the file.

use std::fs;
use std::path::Path;

/// One source file in three views of the same length.
pub(crate) struct Source {
    /// Path relative to the root.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Without comments, strings and characters.
    pub(crate) code: String,
    /// `code` without items under `#[cfg(test)]`; empty for a file that is only tests.
    pub(crate) product: String,
}

impl Source {
    /// Looks at one file's text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank_literals(text);
        let product = if is_test_file(path) { String::new() } else { blank_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, product }
    }

    /// Line number (from 1) of a byte position.
    pub(crate) fn line(&self, position: usize) -> usize {
        1 + self.text[..position].matches('\n').count()
    }

    /// `path:line` of a byte position, as compilers print it.
    pub(crate) fn place(&self, position: usize) -> String {
        format!("{}:{}", self.path, self.line(position))
    }
}

/// All Rust files below `directory` (relative to `root`), sorted by path.
pub(crate) fn read_tree(root: &Path, directory: &str) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        let entries = fs::read_dir(root.join(&directory)).map_err(|error| format!("{directory}: {error}"))?;
        for entry in entries {
            let entry = entry.map_err(|error| format!("{directory}: {error}"))?;
            let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                waiting.push(path);
            } else if has_extension(&path, "rs") {
                let text = fs::read_to_string(entry.path()).map_err(|error| format!("{path}: {error}"))?;
                sources.push(Source::new(&path, &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

/// Positions at which `word` stands alone (no letter, digit or underscore on either side).
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(position, _)| position).filter(move |position| {
        let bytes = code.as_bytes();
        let after = position + word.len();
        (*position == 0 || !is_name(bytes[position - 1])) && (after == bytes.len() || !is_name(bytes[after]))
    })
}

/// The position of the brace that closes the one at `open`, if the file is balanced.
pub(crate) fn closing_brace(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (position, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(position),
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The first `{` or `;` outside parentheses and brackets: where an item's body begins, or that it has none.
pub(crate) fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (position, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' | b';' if depth == 0 => return Some(position),
            _ => {}
        }
    }
    None
}

pub(crate) fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// A file that holds tests only, by its name or its folder.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "benches")
        || ["tests.rs", "testing.rs"].iter().any(|name| path.ends_with(&format!("/{name}")))
}

/// Blanks every item under `#[cfg(test)]`.
fn blank_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let Some(body) = body_start(code, start + attribute.len()) else { continue };
        let end = if code.as_bytes()[body] == b';' { Some(body) } else { closing_brace(code, body) };
        blank(&mut bytes, start, end.map_or(code.len(), |end| end + 1));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Blanks comments, strings and character literals.
fn blank_literals(text: &str) -> String {
    let source = text.as_bytes();
    let mut bytes = source.to_vec();
    let mut position = 0;
    while position < source.len() {
        let end = literal_end(source, position);
        if end > position {
            blank(&mut bytes, position, end);
        }
        position = end.max(position + 1);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn literal_end(source: &[u8], at: usize) -> usize {
    let rest = &source[at..];
    let in_name = at > 0 && is_name(source[at - 1]);
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment_length(rest),
        [b'"', ..] => at + quoted_length(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !in_name => at + raw_string_length(rest),
        [b'b', b'r', b'"' | b'#', ..] if !in_name => at + 1 + raw_string_length(&rest[1..]),
        [b'\'', b'\\', ..] => at + quoted_length(rest, b'\''),
        [b'\'', ..] => at + character_length(rest),
        _ => at,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while position < rest.len() {
        match &rest[position..] {
            [b'/', b'*', ..] => (depth, position) = (depth + 1, position + 2),
            [b'*', b'/', ..] => (depth, position) = (depth - 1, position + 2),
            _ => position += 1,
        }
        if depth == 0 {
            return position;
        }
    }
    rest.len()
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut position = 1;
    while position < rest.len() && rest[position] != quote {
        position += if rest[position] == b'\\' { 2 } else { 1 };
    }
    (position + 1).min(rest.len())
}

/// `r"…"`, `r#"…"#`; 0 for a raw identifier such as `r#type`.
fn raw_string_length(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = 2 + hashes;
    let end = rest[body..].windows(close.len()).position(|window| window == close);
    end.map_or(rest.len(), |end| body + end + close.len())
}

/// `'x'`; 0 for a lifetime such as `'a`.
fn character_length(rest: &[u8]) -> usize {
    let width = match rest.get(1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_blank_and_code_stays() {
        let cases = [
            (r#"a("x\"y{") b"#, "a(       ) b"),
            ("a // b {\nc", "a       \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r##"r#"{"# x"##, "       x"),
            (r#"br"{" x"#, "      x"),
            ("'{' 'a b'\\'' c", "    'a b     c"),
            ("r#type bar\"s\"", "r#type bar   "),
        ];
        for (text, expected) in cases {
            assert_eq!(blank_literals(text), expected, "{text}");
        }
    }

    #[test]
    fn items_of_tests_are_blank_in_the_product() {
        let source =
            Source::new("crates/x/src/lib.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\nfn c() {}");
        assert!(source.product.contains("fn a") && source.product.contains("fn c"));
        assert!(!source.product.contains("fn b"));
        assert_eq!(source.product.len(), source.text.len());
        assert_eq!(Source::new("crates/x/src/tests.rs", "fn a() {}").product, "");
    }

    #[test]
    fn a_word_stands_alone() {
        assert_eq!(words("async asyncs my_async async", "async").collect::<Vec<_>>(), [0, 22]);
    }
}
