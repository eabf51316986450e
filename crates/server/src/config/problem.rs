//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Counted from 1.
    pub(crate) line: usize,
    /// With its section, `limits.recipients`; empty where the text is no TOML.
    pub(crate) key: String,
    /// What is wrong and what to do.
    pub(crate) text: String,
}

/// All that is wrong with a file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    pub(crate) file: PathBuf,
    pub(crate) found: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.found.iter().enumerate() {
            let (file, line) = (self.file.display(), problem.line);
            let newline = if i == 0 { "" } else { "\n" };
            match problem.key.as_str() {
                "" => write!(f, "{newline}{file}:{line}: {}", problem.text)?,
                key => write!(f, "{newline}{file}:{line}: {key}: {}", problem.text)?,
            }
        }
        Ok(())
    }
}

/// Collects problems while a text is read.
pub(super) struct Collector<'t> {
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Collector<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, span: &Range<usize>, key: impl Into<String>, text: impl Into<String>) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        self.found.push(Problem { line, key: key.into(), text: text.into() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_problems(mut self, file: PathBuf) -> Problems {
        self.found.sort_by_key(|problem| problem.line);
        Problems { file, found: self.found }
    }
}
