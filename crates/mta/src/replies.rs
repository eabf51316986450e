//! What other servers' replies mean and what helps, from `data/replies.toml`.

use std::sync::LazyLock;

use mail::{EnhancedCode, Reply};
use serde::Deserialize;

/// What is known of a reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// What the receiver means by it.
    pub cause: String,
    /// What whoever runs this server can do.
    pub operator: String,
    /// What the sender of the message can do.
    pub sender: String,
    /// Endings of the hosts that say it; empty: any.
    #[serde(default)]
    hosts: Vec<String>,
    /// Enhanced codes; empty: any.
    #[serde(default)]
    codes: Vec<String>,
    /// Pieces of the text, in lower case; empty: any.
    #[serde(default)]
    words: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    examples: Vec<String>,
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    example_host: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    reply: Vec<Advice>,
}

static ENTRIES: LazyLock<Vec<Advice>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../data/replies.toml")).expect("a test has read it");
    file.reply
});

/// What is known of a refusal by `host`; `None` if it is no refusal or nothing is.
pub fn advice(host: &str, reply: &Reply) -> Option<&'static Advice> {
    if reply.code < 400 {
        return None;
    }
    let (host, text) = (host.to_ascii_lowercase(), reply.text.to_ascii_lowercase());
    ENTRIES.iter().find(|entry| entry.fits(&host, reply.enhanced, &text))
}

impl Advice {
    fn fits(&self, host: &str, code: Option<EnhancedCode>, text: &str) -> bool {
        let code = code.map(|code| code.to_string());
        (self.hosts.is_empty() || self.hosts.iter().any(|end| is_below(host, end)))
            && (self.codes.is_empty() || code.is_some_and(|code| self.codes.contains(&code)))
            && (self.words.is_empty() || self.words.iter().any(|word| text.contains(word.as_str())))
    }
}

/// Whether a host is this domain or lies below it.
fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the session reads it: code, enhanced code, text.
    fn reply(line: &str) -> Reply {
        let (code, rest) = line.split_once(' ').expect(line);
        let (enhanced, text) = rest.split_once(' ').expect(line);
        Reply::new(code.parse().expect(line), enhanced.parse().expect(line), text)
    }

    #[test]
    fn each_example_leads_to_its_entry_and_each_pattern_has_an_example() {
        for entry in ENTRIES.iter() {
            assert!(!entry.examples.is_empty(), "{}", entry.cause);
            for example in &entry.examples {
                let found = advice(&entry.example_host, &reply(example));
                let found = found.map(|found| found.cause.as_str());
                assert_eq!(found, Some(entry.cause.as_str()), "{example}");
            }
            for code in &entry.codes {
                let hit = entry.examples.iter().any(|example| reply(example).status().to_string() == *code);
                assert!(hit, "no example of {code}: {}", entry.cause);
            }
            for word in &entry.words {
                assert_eq!(*word, word.to_ascii_lowercase());
                let hit = entry.examples.iter().any(|text| text.to_ascii_lowercase().contains(word.as_str()));
                assert!(hit, "no example of {word:?}: {}", entry.cause);
            }
        }
    }

    #[test]
    fn advice_is_plain_text_that_a_report_can_carry() {
        for Advice { cause, operator, sender, .. } in ENTRIES.iter() {
            for text in [cause, operator, sender] {
                assert!(text.is_ascii() && text.ends_with('.') && !text.contains('\n'), "{text}");
            }
        }
    }

    #[test]
    fn hosts_are_compared_by_labels_and_successes_are_nobodys_business() {
        let said = reply("550 5.7.26 unauthenticated");
        for (host, known) in [
            ("aspmx.l.google.com", true),
            ("GOOGLE.COM", true),
            ("notgoogle.com", false),
            ("google.com.evil.test", false),
            ("", false),
        ] {
            assert_eq!(advice(host, &said).is_some(), known, "{host}");
        }
        assert!(advice("aspmx.l.google.com", &reply("250 2.0.0 greylist")).is_none());
    }
}
