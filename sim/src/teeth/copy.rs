//! A copy of the workspace's sources with all bugs planted, each asleep until it is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::table::{self, Bug};

/// The copy, in the target directory.
const COPY: &str = "target/teeth";
/// What the simulator is built from.
const PARTS: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "sim"];
/// The copy's binary: another name, so that it lies beside the real one.
pub(super) const BINARY: &str = "planted";

/// The module that the copy has in addition.
const SWITCH: &str = r#"//! Added to a copy of the sources by the simulator's teeth: which planted bug is on.

use std::sync::OnceLock;

/// Whether this bug is on.
pub fn on(bug: &str) -> bool {
    static ON: OnceLock<Option<String>> = OnceLock::new();
    ON.get_or_init(|| std::env::var("SIM_PLANTED").ok()).as_deref() == Some(bug)
}
"#;

/// Makes or renews the copy; gives its directory. Files that are as they should be are not touched, so that only what
/// changed is built again.
pub(super) fn make(root: &Path, bugs: &[Bug]) -> Result<PathBuf, String> {
    let copy = root.join(COPY);
    let mut wanted = BTreeSet::new();
    let read = |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
    let mut changed = table::plant(bugs, read)?;
    let mut change = |file: &str, old: &str, new: &str| -> Result<(), String> {
        let text = match changed.get(file) {
            Some(text) => text.clone(),
            None => read(file)?,
        };
        if !text.contains(old) {
            return Err(format!("{file} has no {old:?}"));
        }
        changed.insert(file.into(), text.replacen(old, new, 1));
        Ok(())
    };
    change(
        "Cargo.toml",
        r#"members = ["crates/*", "xtask", "bench", "sim"]"#,
        r#"members = ["crates/*", "sim"]"#,
    )?;
    change("sim/Cargo.toml", "[[bin]]\nname = \"sim\"", &format!("[[bin]]\nname = \"{BINARY}\""))?;
    change("crates/mail/src/lib.rs", "\npub mod ", "\npub mod planted;\npub mod ")?;
    changed.insert("crates/mail/src/planted.rs".into(), SWITCH.into());
    for (file, text) in &changed {
        write(&copy.join(file), text.as_bytes())?;
        wanted.insert(copy.join(file));
    }
    for part in PARTS {
        copy_tree(root, &copy, Path::new(part), &mut wanted)?;
    }
    for part in ["crates", "sim"] {
        remove_others(&copy.join(part), &wanted)?;
    }
    Ok(copy)
}

/// Copies a file or directory, except what is there already in another form.
fn copy_tree(root: &Path, copy: &Path, part: &Path, wanted: &mut BTreeSet<PathBuf>) -> Result<(), String> {
    let (from, to) = (root.join(part), copy.join(part));
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    if from.is_dir() {
        for entry in fs::read_dir(&from).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if name != "target" {
                copy_tree(root, copy, &part.join(name), wanted)?;
            }
        }
        return Ok(());
    }
    // Cargo renews the lock file of the copy, which has fewer members.
    let is_lock = part == Path::new("Cargo.lock") && to.exists() && is_newer(&to, &from);
    if wanted.insert(to.clone()) && !is_lock {
        write(&to, &fs::read(&from).map_err(failed)?)?;
    }
    Ok(())
}

fn is_newer(one: &Path, other: &Path) -> bool {
    let age = |path: &Path| fs::metadata(path).and_then(|facts| facts.modified()).ok();
    age(one) > age(other)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(dir).and_then(|()| fs::write(path, bytes));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// Removes what an earlier copy had and the sources have no more.
fn remove_others(dir: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}
