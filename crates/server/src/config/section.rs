//! One table of the file, read key by key. What is never asked for is unknown.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest;
use super::problem::Collector;

/// A table whose keys are taken one by one; [`Section::finish`] tells of those that nobody asked for.
pub(super) struct Section<'s, 't> {
    name: String,
    span: Range<usize>,
    table: Option<&'s DeTable<'t>>,
    asked: Vec<&'static str>,
}

/// A value with its place.
pub(super) struct Value<'s, 't> {
    /// With its section.
    pub(super) key: String,
    pub(super) span: Range<usize>,
    given: &'s DeValue<'t>,
}

impl<'s, 't> Section<'s, 't> {
    pub(super) fn new(name: impl Into<String>, span: Range<usize>, table: Option<&'s DeTable<'t>>) -> Self {
        Self { name: name.into(), span, table, asked: Vec::new() }
    }

    /// The value of `key`, if the file gives one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'s, 't>> {
        self.asked.push(key);
        let (_, value) = self.table?.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Value { key: self.path(key), span: value.span(), given: value.get_ref() })
    }

    /// Like [`Section::take`] through `read`; tells what is wrong and gives nothing then.
    pub(super) fn read<T>(
        &mut self,
        problems: &mut Collector<'_>,
        key: &'static str,
        read: impl FnOnce(&Value<'s, 't>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        read(&value).map_err(|why| problems.add(&value.span, value.key.clone(), why)).ok()
    }

    /// Like [`Section::read`], for a key that must be there.
    pub(super) fn need<T>(
        &mut self,
        problems: &mut Collector<'_>,
        key: &'static str,
        read: impl FnOnce(&Value<'s, 't>) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.asked.push(key);
            problems.add(&self.span, self.path(key), "is missing");
            return None;
        }
        self.read(problems, key, read)
    }

    /// Replaces `target` if the file gives a good value.
    pub(super) fn set<T>(
        &mut self,
        problems: &mut Collector<'_>,
        key: &'static str,
        target: &mut T,
        read: impl FnOnce(&Value<'s, 't>) -> Result<T, String>,
    ) {
        if let Some(value) = self.read(problems, key, read) {
            *target = value;
        }
    }

    /// A table within this one; an empty one if the file has none.
    pub(super) fn section(&mut self, problems: &mut Collector<'_>, key: &'static str) -> Section<'s, 't> {
        match self.take(key) {
            None => Section::new(self.path(key), self.span.clone(), None),
            Some(value) => Section::new(value.key.clone(), value.span.clone(), value.table(problems)),
        }
    }

    /// Where it stands.
    pub(super) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Whether the file gives `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.iter().any(|(k, _)| k.get_ref() == key))
    }

    /// Tells of keys that nobody asked for.
    pub(super) fn finish(self, problems: &mut Collector<'_>) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if !self.asked.contains(&name) {
                let text = format!("is unknown{}", nearest::hint(name, &self.asked));
                problems.add(&key.span(), self.path(name), text);
            }
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

impl<'s, 't> Value<'s, 't> {
    fn wrong<T>(&self, wanted: &str) -> Result<T, String> {
        Err(format!("must be {wanted}, but is {}", self.given.type_str()))
    }

    pub(super) fn string(&self) -> Result<&'s str, String> {
        self.given.as_str().map_or_else(|| self.wrong("a string in quotes"), Ok)
    }

    pub(super) fn boolean(&self) -> Result<bool, String> {
        self.given.as_bool().map_or_else(|| self.wrong("true or false"), Ok)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, least: u64, most: u64) -> Result<u64, String> {
        let Some(integer) = self.given.as_integer() else { return self.wrong("a whole number") };
        u64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| format!("must be from {least} to {most}"))
    }

    /// A string that `parse` understands; what it says otherwise follows the text.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        let text = self.string()?;
        parse(text).map_err(|why| format!("{text:?}: {why}"))
    }

    /// One string out of `choices`.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T, String> {
        let text = self.string()?;
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is unknown{}", nearest::hint(text, &names))
        })
    }

    /// The elements of a list; problems name the list.
    pub(super) fn list<T>(
        &self,
        read: impl Fn(&Value<'s, 't>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let Some(array) = self.given.as_array() else { return self.wrong("a list in [ ]") };
        array.iter().map(|element| read(&self.element(element))).collect()
    }

    /// Like [`Value::list`]; a single element needs no brackets.
    pub(super) fn one_or_list<T>(
        &self,
        read: impl Fn(&Value<'s, 't>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        if self.given.as_array().is_some() { self.list(read) } else { read(self).map(|one| vec![one]) }
    }

    /// The tables of `[[name]]`.
    pub(super) fn tables(&self, name: &'static str) -> Result<Vec<Section<'s, 't>>, String> {
        let wanted = || format!("must be written as [[{name}]]");
        let array = self.given.as_array().ok_or_else(wanted)?;
        let section = |element: &'s Spanned<DeValue<'t>>| {
            let table = element.get_ref().as_table().ok_or_else(wanted)?;
            Ok(Section::new(name, element.span(), Some(table)))
        };
        array.iter().map(section).collect()
    }

    fn element(&self, element: &'s Spanned<DeValue<'t>>) -> Value<'s, 't> {
        Value { key: self.key.clone(), span: element.span(), given: element.get_ref() }
    }

    fn table(&self, problems: &mut Collector<'_>) -> Option<&'s DeTable<'t>> {
        let table = self.given.as_table();
        if table.is_none() {
            problems.add(&self.span, self.key.clone(), format!("must be a table, [{}]", self.key));
        }
        table
    }
}
