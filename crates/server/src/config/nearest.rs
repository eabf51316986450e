//! Which known word was meant by an unknown one.

/// The known word nearest to `word`, if it is near enough to have been meant.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, best) = known.iter().map(|k| (distance(word, k), *k)).min()?;
    (distance <= best.len().max(word.len()).div_ceil(3)).then_some(best)
}

/// `; did you mean "…"?`, or the list of all known words.
pub(super) fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(best) => format!("; did you mean \"{best}\"?"),
        None => format!("; known here: {}", known.join(", ")),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_named_and_strangers_are_not() {
        let known = ["hostname", "data_dir", "listener", "recipients"];
        for (word, meant) in [
            ("hostnme", Some("hostname")),
            ("hsotname", Some("hostname")),
            ("datadir", Some("data_dir")),
            ("listeners", Some("listener")),
            ("recipient", Some("recipients")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
