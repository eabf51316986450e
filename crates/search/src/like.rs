//! Who has words like those that are asked for (RFC 6203).
//!
//! A word is like another if it is the same, begins with it or has it within, differs by a slip or two of the keyboard, or
//! begins with most of its letters. All words of a segment are compared, so it takes as long as the vocabulary is large.

use std::cmp::Reverse;

use crate::cut::{LONG, WORD_LENGTH, Zones, words};
use crate::find::read;
use crate::segment::Segment;

/// Words of one question; what is beyond is not asked for.
const WORDS: usize = 8;
/// Words of a segment that one word is like, the most like ones.
const LIKE: usize = 4096;

/// Words that are asked for.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// As characters.
    words: Vec<Vec<char>>,
    zones: Zones,
}

impl Likeness {
    /// The words of a text, folded as the texts were that they are looked for in. `None` if it has none.
    pub fn new(text: &str, zones: Zones) -> Option<Self> {
        let mut found: Vec<Vec<char>> = Vec::new();
        words(text, |begin, end| {
            let word: Vec<char> = text[begin..end].chars().collect();
            if end - begin <= WORD_LENGTH && found.len() < WORDS && !found.contains(&word) {
                found.push(word);
            }
        });
        (!found.is_empty()).then_some(Self { words: found, zones })
    }

    /// How well a message fits whose words are so like those asked for: 0 if it does not, which is so if it lacks more than
    /// half of them, else 1 to 100.
    fn total(&self, sum: u32, found: u32) -> u8 {
        let asked = self.words.len() as u32;
        if found == 0 || found * 2 < asked { 0 } else { (sum / asked).clamp(1, 100) as u8 }
    }
}

impl Segment {
    /// How well each message fits, by its place: 0 if it does not, else 1 to 100.
    pub fn find_like(&self, asked: &Likeness) -> Vec<u8> {
        let mut totals = vec![(0_u32, 0_u32); self.len()];
        for word in &asked.words {
            let mut best = vec![0_u8; self.len()];
            for (score, like) in self.like(word) {
                read(self.postings(like), |place, has| {
                    if let Some(best) = best.get_mut(place as usize).filter(|_| has.meets(asked.zones)) {
                        *best = score.max(*best);
                    }
                });
            }
            for ((sum, found), best) in totals.iter_mut().zip(best) {
                *sum += u32::from(best);
                *found += u32::from(best > 0);
            }
        }
        totals.into_iter().map(|(sum, found)| asked.total(sum, found)).collect()
    }

    /// The words that are like one, and how much.
    fn like(&self, asked: &[char]) -> Vec<(u8, usize)> {
        let scored = |word: usize| {
            let text = std::str::from_utf8(self.word(word)).ok().filter(|text| *text != LONG)?;
            let score = likeness(asked, &text.chars().collect::<Vec<_>>());
            (score > 0).then_some((score, word))
        };
        let mut like: Vec<(u8, usize)> = (0..self.words()).filter_map(scored).collect();
        if like.len() > LIKE {
            like.select_nth_unstable_by_key(LIKE, |(score, _)| Reverse(*score));
            like.truncate(LIKE);
        }
        like
    }
}

/// How like two words are: 0 not at all, 100 the same.
fn likeness(asked: &[char], word: &[char]) -> u8 {
    if asked == word {
        return 100;
    }
    let (short, long) = (asked.len().min(word.len()), asked.len().max(word.len()));
    let surplus = (long - short).min(10) as u8;
    let within = within(asked, word).map_or(0, |base| base - 3 * surplus);
    let slips = match short {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    };
    let mistyped = match distance(asked, word, slips) {
        Some(1) => 80,
        Some(_) => 60,
        None => 0,
    };
    let common = asked.iter().zip(word).take_while(|(a, b)| a == b).count();
    let same_beginning = if common >= 4 && long - common <= 3 { 50 } else { 0 };
    within.max(mistyped).max(same_beginning)
}

/// Whether the word has what is asked for in it, and what that is worth: at its beginning more than elsewhere.
fn within(asked: &[char], word: &[char]) -> Option<u8> {
    if asked.len() >= 2 && word.starts_with(asked) {
        return Some(90);
    }
    (asked.len() >= 3 && word.windows(asked.len()).any(|part| part == asked)).then_some(60)
}

/// Characters left out, put in, changed, or swapped with the next: how many turn the one word into the other, if at most
/// `most`, which is small.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if most == 0 || a.len().abs_diff(b.len()) > most {
        return None;
    }
    let first: Vec<usize> = (0..=b.len()).collect();
    let (mut before, mut last, mut next) = (first.clone(), first.clone(), first);
    for i in 1..=a.len() {
        next[0] = i;
        let mut least = i;
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = changed.min(last[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
            least = least.min(next[j]);
        }
        if least > most {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut next);
    }
    Some(last[b.len()]).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_like_words_are() {
        for (asked, word, expected) in [
            ("helo", "helo", 100),
            ("helo", "hello", 80),
            ("helo", "help", 80),
            ("helo", "hleo", 80),
            ("recieve", "receive", 80),
            ("recieve", "recived", 60),
            ("work", "working", 81),
            ("working", "worked", 50),
            ("work", "homework", 48),
            ("work", "world", 0),
            ("work", "wonder", 0),
            ("to", "two", 0),
            ("to", "today", 81),
            ("a", "ab", 0),
            ("apple", "pear", 0),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(likeness(&chars(asked), &chars(word)), expected, "{asked} {word}");
        }
    }

    #[test]
    fn what_is_asked_and_what_is_like_it_is_bounded() {
        let asked = (0..20).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ");
        let likeness = Likeness::new(&asked, Zones::BODY).expect("words");
        assert_eq!(likeness.words.len(), WORDS);
        let long = "x".repeat(WORD_LENGTH + 1);
        assert!(Likeness::new(&long, Zones::BODY).is_none());
        let mut builder = crate::Builder::default();
        let many = (0..LIKE + 10).map(|number| format!("ab{number}")).collect::<Vec<_>>().join(" ");
        for (uid, text) in [(1, many.as_str()), (2, "ab")] {
            let document = crate::Document { uid, body: u64::from(uid), sent: None };
            builder.add(document, [(Zones::BODY, text)]);
        }
        let segment = Segment::open(builder.finish()).expect("just made");
        let like = segment.like(&['a', 'b']);
        assert_eq!(like.len(), LIKE);
        assert!(like.iter().any(|(score, _)| *score == 100), "the most like ones are kept");
        let likeness = Likeness::new("ab", Zones::BODY).expect("a word");
        assert_eq!(segment.find_like(&likeness), [87, 100]);
    }

    proptest::proptest! {
        /// Slips cut short are those of the whole table.
        #[test]
        fn a_bound_changes_no_distance(a in "[ab]{0,6}", b in "[ab]{0,6}", most in 1..4_usize) {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let whole = distance(&a, &b, 12);
            proptest::prop_assert_eq!(distance(&a, &b, most), whole.filter(|distance| *distance <= most));
            proptest::prop_assert_eq!(whole, distance(&b, &a, 12));
            proptest::prop_assert_eq!(whole == Some(0), a == b);
        }
    }
}
