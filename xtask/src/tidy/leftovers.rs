//! What an unfinished change leaves behind: placeholders, debug prints, switched-off tests, notes to oneself.

use crate::source::{Source, words};

/// Macros and attributes that must not stay, looked for in code. Like the notes below in two parts, so that no search
/// for leftovers takes this list for some.
const IN_CODE: [&str; 6] = [
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("#[ig", "nore"),
    concat!("#[should_", "panic"),
    concat!("#![fea", "ture"),
];

/// Notes that must not stay, looked for in comments.
const IN_TEXT: [(&str, &str); 3] = [("FIX", "ME"), ("TO", "DO"), ("XX", "X")];

/// Checks one file.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let in_code = IN_CODE.iter().flat_map(|leftover| {
        let found = source.code.match_indices(leftover);
        found.map(move |(at, _)| format!("{}: `{leftover}` left in the code", source.place(at)))
    });
    let in_text = IN_TEXT.iter().flat_map(|(head, tail)| {
        let note = format!("{head}{tail}");
        let found: Vec<usize> = words(&source.text, &note).collect();
        found.into_iter().map(move |at| format!("{}: `{note}`: do it or file an issue", source.place(at)))
    });
    in_code.chain(in_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_outside_strings() {
        let found = |text: &str| check(&Source::new("crates/x/src/a.rs", text)).len();
        let macro_name = concat!("to", "do!");
        assert_eq!(found(&format!("fn a() {{ {macro_name}() }}")), 1);
        assert_eq!(found(concat!("#[ig", "nore = \"slow\"]\nfn a() {}")), 1);
        assert_eq!(found(&format!("fn a() {{ \"{macro_name}\" }}")), 0);
        assert_eq!(found(&format!("// {}: later", concat!("FIX", "ME"))), 1);
    }
}
