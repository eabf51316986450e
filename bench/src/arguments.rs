//! `--name value` pairs.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::Outcome;

/// The pairs of one command line.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    /// Reads all pairs.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut pairs = BTreeMap::new();
        while let Some(name) = words.next() {
            let name =
                name.strip_prefix("--").ok_or_else(|| format!("`{name}`: expected --name"))?.to_owned();
            let value = words.next().ok_or_else(|| format!("--{name}: lacks its value"))?;
            pairs.insert(name, value);
        }
        Ok(Self(pairs))
    }

    /// A value that must be there.
    pub(crate) fn text(&self, name: &str) -> Outcome<&str> {
        Ok(self.0.get(name).ok_or_else(|| format!("--{name} is missing"))?)
    }

    /// What is parted by commas: at least one.
    pub(crate) fn list(&self, name: &str) -> Outcome<Vec<String>> {
        Ok(self.text(name)?.split(',').map(str::to_owned).collect())
    }

    /// A number that must be there.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Outcome<T> {
        let text = self.text(name)?;
        Ok(text.parse().map_err(|_| format!("--{name} {text}: not a number"))?)
    }
}
