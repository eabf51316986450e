//! Address lists (RFC 5322 §3.4, obsolete forms of §4.4), read as far as they can be understood (RFC 7103 §7.1).

use mail::limits;

use crate::{Address, header};

/// The entries of an address list field's value, groups marked as in [`Address`]. A mailbox without `@` has an empty
/// host. At most [`mail::limits::HEADER_ADDRESSES`]; the second value says whether there were more.
pub fn parse_addresses(value: &[u8]) -> (Vec<Address>, bool) {
    let text = header::unfold(value);
    let mut reader = Reader { chars: text.chars().peekable(), list: List::default() };
    reader.read();
    (reader.list.entries, reader.list.more)
}

/// The list so far and the entry being read.
#[derive(Default)]
struct List {
    entries: Vec<Address>,
    more: bool,
    in_group: bool,
    entry: Entry,
}

/// An entry whose end has not come.
#[derive(Default)]
struct Entry {
    /// Words as they are shown, single spaces between them.
    phrase: String,
    /// The same without any space: a local-part, a domain or a route.
    compact: String,
    space: bool,
    local: Option<String>,
    host: Option<String>,
    route: Option<String>,
    name: Option<String>,
    comment: Option<String>,
    in_angle: bool,
    any: bool,
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    list: List,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(c) = self.chars.next() {
            if self.list.entries.len() >= limits::HEADER_ADDRESSES {
                self.list.more = true;
                return;
            }
            match c {
                '"' => {
                    let meant = self.read_until('"');
                    self.list.entry.word(&meant);
                }
                '(' => self.read_comment(),
                '[' => {
                    let literal = self.read_until(']');
                    self.list.entry.word(&format!("[{literal}]"));
                }
                c => self.list.take(c),
            }
        }
        self.list.end_entry();
        if self.list.in_group {
            self.list.end_group();
        }
    }

    /// What stands before `end`, backslashes resolved; all of the rest if it never comes.
    fn read_until(&mut self, end: char) -> String {
        let mut meant = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                c if c == end => break,
                '\\' => meant.extend(self.chars.next()),
                c => meant.push(c),
            }
        }
        meant
    }

    /// RFC 5322 §3.2.2: comments nest.
    fn read_comment(&mut self) {
        let mut text = String::new();
        let mut depth = 1;
        while let Some(c) = self.chars.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            match c {
                _ if depth == 0 => break,
                '\\' => text.extend(self.chars.next()),
                c => text.push(c),
            }
        }
        self.list.entry.space = true;
        self.list.entry.comment = Some(text);
    }
}

impl List {
    fn take(&mut self, c: char) {
        match c {
            ' ' | '\t' => self.entry.space = true,
            ',' if self.entry.in_angle => self.entry.letter(c),
            ',' | ';' => {
                self.end_entry();
                if c == ';' && self.in_group {
                    self.end_group();
                }
            }
            ':' if self.entry.in_angle => self.entry.end_route(),
            ':' if !self.in_group && self.entry.local.is_none() => self.begin_group(),
            '<' => self.entry.begin_angle(),
            '>' => self.entry.end_angle(),
            '@' => self.entry.at_sign(),
            c => self.entry.letter(c),
        }
    }

    fn begin_group(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.entries.push(Address { mailbox: Some(entry.phrase), ..Address::default() });
        self.in_group = true;
    }

    fn end_group(&mut self) {
        self.entries.push(Address::default());
        self.in_group = false;
    }

    fn end_entry(&mut self) {
        let mut entry = std::mem::take(&mut self.entry);
        if entry.any {
            entry.settle();
            let name = entry.name.filter(|n| !n.is_empty()).or(entry.comment);
            let (mailbox, host) = (entry.local.unwrap_or_default(), entry.host.unwrap_or_default());
            self.entries.push(Address { name, route: entry.route, mailbox: Some(mailbox), host: Some(host) });
        }
    }
}

impl Entry {
    fn letter(&mut self, c: char) {
        self.separate();
        self.phrase.push(c);
        self.compact.push(c);
    }

    fn word(&mut self, text: &str) {
        self.separate();
        self.phrase.push_str(text);
        self.compact.push_str(text);
    }

    fn separate(&mut self) {
        self.any = true;
        if std::mem::take(&mut self.space) && !self.phrase.is_empty() {
            self.phrase.push(' ');
        }
    }

    /// What was read so far is the name; the address follows.
    fn begin_angle(&mut self) {
        if self.in_angle {
            return; // RFC 7103 §7.1.2: excessive angle brackets
        }
        if self.name.is_none() {
            let mut name = self.local.take().map(|local| local + "@").unwrap_or_default();
            name.push_str(&self.phrase);
            self.name = Some(name);
        }
        (self.local, self.host) = (None, None);
        self.clear();
        (self.in_angle, self.any) = (true, true);
    }

    fn end_angle(&mut self) {
        if self.in_angle {
            self.settle();
            self.in_angle = false;
        }
    }

    fn at_sign(&mut self) {
        if self.in_angle && self.local.is_none() && self.compact.is_empty() {
            return self.letter('@'); // a source route begins
        }
        if self.in_angle && self.compact.starts_with('@') {
            return self.letter('@');
        }
        let local = match self.local.take() {
            // In place: a field of at signs alone must not be copied for each of them (attacks A24).
            Some(mut before) => {
                before.push('@');
                before.push_str(&self.compact);
                before
            }
            None => std::mem::take(&mut self.compact),
        };
        self.any = true;
        self.local = Some(local);
        self.clear();
    }

    fn end_route(&mut self) {
        if self.compact.starts_with('@') {
            self.route = Some(std::mem::take(&mut self.compact));
            self.clear();
        } else {
            self.letter(':');
        }
    }

    /// The letters at hand are the domain, or a local-part that stands alone (RFC 7103 §7.1.7).
    fn settle(&mut self) {
        if self.compact.is_empty() {
            return;
        }
        let compact = std::mem::take(&mut self.compact);
        match (&self.local, &self.host) {
            (None, _) if self.name.is_some() && !self.in_angle => {}
            (None, _) => self.local = Some(compact),
            (Some(_), None) => self.host = Some(compact),
            (Some(_), Some(_)) => {}
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.phrase.clear();
        self.compact.clear();
        self.space = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let show = |a: Address| {
            let part = |p: Option<String>| p.unwrap_or_else(|| "-".into());
            [part(a.name), part(a.route), part(a.mailbox), part(a.host)].join("|")
        };
        parse_addresses(value.as_bytes()).0.into_iter().map(show).collect()
    }

    #[test]
    fn lists_are_understood() {
        for (text, want) in [
            ("", &[][..]),
            ("a@b", &["-|-|a|b"]),
            ("A  B <a@b>, c@d", &["A B|-|a|b", "-|-|c|d"]),
            (r#""B, A \"x\"" <a@b>"#, &[r#"B, A "x"|-|a|b"#]),
            (r#""a b"@c"#, &["-|-|a b|c"]),
            ("a@b (The Name)", &["The Name|-|a|b"]),
            ("a . b @ c . d (x (y) z)", &["x (y) z|-|a.b|c.d"]),
            ("<@r1,@r2:a@b>", &["-|@r1,@r2|a|b"]),
            ("G: a@b, C <c@d>; e@f", &["-|-|G|-", "-|-|a|b", "C|-|c|d", "-|-|-|-", "-|-|e|f"]),
            ("undisclosed-recipients:;", &["-|-|undisclosed-recipients|-", "-|-|-|-"]),
            ("G: a@b", &["-|-|G|-", "-|-|a|b", "-|-|-|-"]),
            ("=?utf-8?q?=C3=A5?= <a@b>", &["=?utf-8?q?=C3=A5?=|-|a|b"]),
            ("root", &["-|-|root|"]),
            ("Name <>", &["Name|-||"]),
            ("<<a@b>>", &["-|-|a|b"]),
            ("a@b <c@d>", &["a@b|-|c|d"]),
            ("a@b@c", &["-|-|a@b|c"]),
            ("a@[192.0.2.1]", &["-|-|a|[192.0.2.1]"]),
            ("\"open <a@b>", &["-|-|open <a@b>|"]),
            ("a@b,,;,c@d", &["-|-|a|b", "-|-|c|d"]),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn too_many_are_cut() {
        let (list, more) = parse_addresses("a@b,".repeat(limits::HEADER_ADDRESSES + 5).as_bytes());
        assert_eq!((list.len(), more), (limits::HEADER_ADDRESSES, true));
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read(text in proptest::collection::vec(proptest::sample::select(b"a@<>,:;()[]\"\\ .".to_vec()), 0..60)) {
            parse_addresses(&text);
        }
    }
}
