//! The list of planted bugs (`sim/teeth/*.toml`), and how they go into a source file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// Where the lists are, in the workspace.
const LISTS: &str = "sim/teeth";

/// A bug that the simulator must find.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bug {
    /// Its name, by which it is switched on.
    pub name: String,
    /// The promise it breaks, and how.
    pub breaks: String,
    /// The invariants that may find it.
    pub caught_by: Vec<String>,
    /// Within how many seeds it must be found.
    pub seeds: u64,
    /// Why the simulator does not find it yet: then it is only hunted when it is named, and the table says so.
    pub hole: Option<String>,
    /// What it changes. None if an edit of another bug asks for this one's name, too.
    #[serde(default, rename = "edit")]
    pub edits: Vec<Edit>,
}

/// One replacement in one file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The file, from the workspace's root.
    pub file: String,
    /// What is there: statements or an expression, exactly once in the file.
    pub old: String,
    /// What stands there while the bug is on; else what was there before.
    pub new: String,
    /// `new` replaces `old` in any case, and asks for itself with `$on`.
    #[serde(default)]
    pub raw: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    bug: Vec<Bug>,
}

/// Reads all lists of a workspace.
pub(super) fn read(root: &Path) -> Result<Vec<Bug>, String> {
    let dir = root.join(LISTS);
    let entries = fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut bugs = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let list: List = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        bugs.extend(list.bug);
    }
    check(&bugs)?;
    Ok(bugs)
}

fn check(bugs: &[Bug]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for bug in bugs {
        if !names.insert(&bug.name) {
            return Err(format!("there are two planted bugs {}", bug.name));
        }
        let asked = format!("on({:?})", bug.name);
        let elsewhere = || bugs.iter().flat_map(|other| &other.edits).any(|edit| edit.new.contains(&asked));
        if bug.edits.is_empty() && !elsewhere() {
            return Err(format!("the planted bug {} changes nothing", bug.name));
        }
    }
    Ok(())
}

/// The planted text of each file that bugs change, made from what `source` gives for its name.
pub(super) fn plant(
    bugs: &[Bug],
    source: impl Fn(&str) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut files: BTreeMap<&str, Vec<(&Bug, &Edit)>> = BTreeMap::new();
    for bug in bugs {
        for edit in &bug.edits {
            files.entry(&edit.file).or_default().push((bug, edit));
        }
    }
    let planted = files
        .into_iter()
        .map(|(file, edits)| Ok((file.to_owned(), plant_file(file, &source(file)?, &edits)?)));
    planted.collect()
}

fn plant_file(file: &str, text: &str, edits: &[(&Bug, &Edit)]) -> Result<String, String> {
    // By place: what lies there, and those who want it changed.
    let mut places: BTreeMap<usize, Vec<(&Bug, &Edit)>> = BTreeMap::new();
    for (bug, edit) in edits {
        places.entry(place(file, text, bug, edit)?).or_default().push((bug, edit));
    }
    let (mut out, mut done) = (String::with_capacity(text.len() * 2), 0);
    for (at, edits) in places {
        let (first, edit) = edits[0];
        let name = &first.name;
        if at < done {
            return Err(format!("{file}: planted bug {name}: its old text overlaps that of another bug"));
        }
        if let Some((other, _)) =
            edits.iter().find(|(_, other)| other.old != edit.old || (other.raw && edits.len() > 1))
        {
            return Err(format!(
                "{file}: planted bugs {name} and {} change the same text: only bugs with the same old text that are \
                 not raw can do that",
                other.name
            ));
        }
        out.push_str(&text[done..at]);
        out.push_str(&replacement(&edits));
        done = at + edit.old.len();
    }
    out.push_str(&text[done..]);
    Ok(out)
}

fn place(file: &str, text: &str, bug: &Bug, edit: &Edit) -> Result<usize, String> {
    let found: Vec<usize> = text.match_indices(&edit.old).map(|(at, _)| at).collect();
    match found[..] {
        [at] if !edit.old.is_empty() => Ok(at),
        _ => Err(format!(
            "{file}: planted bug {}: its old text occurs {} times, not once; bring sim/teeth up to date:\n{}",
            bug.name,
            found.len(),
            edit.old
        )),
    }
}

fn replacement(edits: &[(&Bug, &Edit)]) -> String {
    let (first, edit) = edits[0];
    if edit.raw {
        return edit.new.replace("$on", &switch(first));
    }
    let mut out = String::new();
    for (bug, edit) in edits {
        let _ = write!(out, "if {} {{\n{}\n}} else ", switch(bug), edit.new);
    }
    out + &format!("{{\n{}\n}}", edit.old)
}

/// The condition under which a bug is on.
fn switch(bug: &Bug) -> String {
    format!("::mail::planted::on({:?})", bug.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bug(name: &str, edits: &[(&str, &str, bool)]) -> Bug {
        let edit = |&(old, new, raw): &(&str, &str, bool)| Edit {
            file: "f.rs".into(),
            old: old.into(),
            new: new.into(),
            raw,
        };
        Bug {
            name: name.into(),
            breaks: String::new(),
            caught_by: Vec::new(),
            seeds: 1,
            hole: None,
            edits: edits.iter().map(edit).collect(),
        }
    }

    fn planted(text: &str, bugs: &[Bug]) -> Result<String, String> {
        check(bugs)?;
        let files = plant(bugs, |_| Ok(text.to_owned()))?;
        Ok(files["f.rs"].clone())
    }

    #[test]
    fn each_bug_has_its_switch() {
        let on = |name| format!("::mail::planted::on({name:?})");
        let plain = planted("a(); b(); c();", &[bug("x", &[("b();", "wrong();", false)])]);
        let expected = format!("a(); if {} {{\nwrong();\n}} else {{\nb();\n}} c();", on("x"));
        assert_eq!(plain, Ok(expected));
        let two = [bug("x", &[("b();", "1;", false)]), bug("y", &[("b();", "2;", false)])];
        let expected = format!("if {} {{\n1;\n}} else if {} {{\n2;\n}} else {{\nb();\n}}", on("x"), on("y"));
        assert_eq!(planted("b();", &two), Ok(expected));
        let raw = planted("if good {", &[bug("x", &[("if good {", "if $on || good {", true)])]);
        assert_eq!(raw, Ok(format!("if {} || good {{", on("x"))));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (text, bugs, words) in [
            ("a b a", vec![bug("x", &[("a", "c", true)])], "occurs 2 times, not once"),
            ("a b", vec![bug("x", &[("z", "c", true)])], "occurs 0 times, not once"),
            ("a b c", vec![bug("x", &[("a b", "1", true)]), bug("y", &[("b c", "2", true)])], "overlaps"),
            ("a b", vec![bug("x", &[("a", "1", true)]), bug("y", &[("a", "2", false)])], "same text"),
            ("a b", vec![bug("x", &[("a", "1", true)]), bug("x", &[("b", "2", true)])], "two planted bugs x"),
            ("a b", vec![bug("x", &[])], "changes nothing"),
        ] {
            let error = planted(text, &bugs).expect_err(words);
            assert!(error.contains(words), "{error}");
        }
    }

    /// Who changes the product where a bug is planted hears of it here, and not only when the teeth are built.
    #[test]
    fn the_lists_fit_the_sources() {
        let root = crate::teeth::root();
        let bugs = read(&root).expect("the lists can be read");
        let source =
            |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
        if let Err(error) = plant(&bugs, source) {
            panic!("{error}");
        }
        assert!(bugs.len() >= 15, "{} planted bugs", bugs.len());
        for bug in &bugs {
            assert!(bug.seeds > 0 && !bug.caught_by.is_empty() && !bug.breaks.is_empty(), "{}", bug.name);
        }
    }
}
