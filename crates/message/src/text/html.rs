//! What people read of HTML: its text, without markup.

/// The longest character reference that is looked for, `&CounterClockwiseContourIntegral;`.
const REFERENCE_MAX: usize = 33;

/// Elements whose content nobody reads.
const UNSEEN: [&str; 4] = ["head", "script", "style", "title"];

/// References by name that are common in mail.
const NAMED: [(&str, char); 14] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("zwnj", '\u{200c}'),
    ("shy", '\u{ad}'),
    ("copy", '©'),
    ("euro", '€'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("rsquo", '’'),
    ("hellip", '…'),
];

/// The text of an HTML document; each tag leaves a space. Reads whatever is given, in time linear in its length.
pub fn html_to_text(html: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(html.len() / 2), html);
    while let Some(at) = rest.find(['<', '&']) {
        let (before, mark) = rest.split_at(at);
        text.push_str(before);
        rest = if mark.starts_with('<') {
            behind_markup(mark, &mut text)
        } else {
            behind_reference(mark, &mut text)
        };
    }
    text.push_str(rest);
    text
}

/// What follows a tag or comment, and the element it begins if nobody reads that.
fn behind_markup<'a>(mark: &'a str, text: &mut String) -> &'a str {
    if let Some(comment) = mark.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if !mark[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return &mark[1..];
    }
    let Some((tag, rest)) = mark.split_once('>') else { return "" };
    text.push(' ');
    let name = tag[1..].split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    match UNSEEN.into_iter().find(|unseen| unseen.eq_ignore_ascii_case(name)) {
        Some(unseen) => behind_end(rest, unseen),
        None => rest,
    }
}

/// What follows `</name>`.
fn behind_end<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some((_, end)) = rest.split_once("</") {
        rest = end;
        if end.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return end.split_once('>').map_or("", |(_, behind)| behind);
        }
    }
    ""
}

fn behind_reference<'a>(mark: &'a str, text: &mut String) -> &'a str {
    let near =
        mark.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= REFERENCE_MAX).last();
    let found = mark[..near.unwrap_or(1)].find(';').and_then(|end| Some((character(&mark[1..end])?, end)));
    if let Some((c, end)) = found {
        text.push(c);
        return &mark[end + 1..];
    }
    text.push('&');
    &mark[1..]
}

fn character(reference: &str) -> Option<char> {
    let Some(number) = reference.strip_prefix('#') else {
        return NAMED.into_iter().find(|(name, _)| *name == reference).map(|(_, c)| c);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).filter(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (html, text) in [
            ("plain", "plain"),
            ("<p>Hello <b>World</b></p>", "Hello World"),
            ("<HTML><Head><title>x</title><style>p{}</style></HEAD><body>seen", "seen"),
            ("a<script>if (a<b) {}</script>b", "a b"),
            ("a<!-- <b>x</b> -->b", "ab"),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &#8364;&#x20AC;&euro;", "1 < 2 && 3 > 2 €€€"),
            ("a & b &unknown; &#xD800; &#0;", "a & b &unknown; &#xD800; &#0;"),
            ("1 < 2", "1 < 2"),
            ("a<br/>b<br", "a b"),
            ("<style>", ""),
            ("<!--", ""),
            ("&ü&üüüüüüüüüüüüüüüüüüüüüüüüü;", "&ü&üüüüüüüüüüüüüüüüüüüüüüüüü;"),
            ("ü<ü>", "ü<ü>"),
        ] {
            let words = html_to_text(html);
            assert_eq!(words.split_whitespace().collect::<Vec<_>>().join(" "), text, "{html}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read(html in "[<>&;#/!a-zü -]{0,200}") {
            html_to_text(&html);
        }
    }
}
