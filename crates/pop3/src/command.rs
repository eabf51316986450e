//! Command lines (RFC 1939 §9).

/// One command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    User(String),
    Pass(String),
    /// The mechanism, and the initial response as it came, in base64.
    Auth(Option<(String, Option<String>)>),
    Stls,
    Capa,
    Quit,
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u32),
    Dele(u32),
    Noop,
    Rset,
    /// RFC 6856 §2.1
    Utf8,
    /// A language range (RFC 6856 §3.2).
    Lang(Option<String>),
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The keyword is unknown.
    Unknown,
    /// The arguments are not those of the command.
    Arguments,
}

/// Parses a line without its end. Keywords in any case; arguments separated by single spaces, more are tolerated.
pub(crate) fn parse(line: &[u8]) -> Result<Command, Error> {
    let line = std::str::from_utf8(line).map_err(|_| Error::Arguments)?;
    let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split(' ').filter(|word| !word.is_empty()).collect();
    let command = match keyword.to_ascii_uppercase().as_str() {
        // Names and passwords may have spaces (RFC 1939 §7 PASS).
        "USER" => return text(rest).map(Command::User),
        "PASS" => return text(rest).map(Command::Pass),
        "AUTH" => return auth(&words),
        "LIST" => return optional_number(&words).map(Command::List),
        "UIDL" => return optional_number(&words).map(Command::Uidl),
        "RETR" => return one_number(&words).map(Command::Retr),
        "DELE" => return one_number(&words).map(Command::Dele),
        "TOP" => return top(&words),
        "LANG" => return lang(&words),
        "STLS" => Command::Stls,
        "CAPA" => Command::Capa,
        "QUIT" => Command::Quit,
        "STAT" => Command::Stat,
        "NOOP" => Command::Noop,
        "RSET" => Command::Rset,
        "UTF8" => Command::Utf8,
        _ => return Err(Error::Unknown),
    };
    if words.is_empty() { Ok(command) } else { Err(Error::Arguments) }
}

fn text(rest: &str) -> Result<String, Error> {
    if rest.is_empty() || rest.contains('\0') { Err(Error::Arguments) } else { Ok(rest.to_owned()) }
}

fn auth(words: &[&str]) -> Result<Command, Error> {
    match words {
        [] => Ok(Command::Auth(None)),
        [mechanism] => Ok(Command::Auth(Some(((*mechanism).to_owned(), None)))),
        [mechanism, initial] => {
            Ok(Command::Auth(Some(((*mechanism).to_owned(), Some((*initial).to_owned())))))
        }
        _ => Err(Error::Arguments),
    }
}

fn number(word: &str) -> Result<u32, Error> {
    let digits = word.len() <= 10 && word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|_| digits).ok_or(Error::Arguments)
}

fn one_number(words: &[&str]) -> Result<u32, Error> {
    match words {
        [word] => number(word),
        _ => Err(Error::Arguments),
    }
}

fn optional_number(words: &[&str]) -> Result<Option<u32>, Error> {
    if words.is_empty() { Ok(None) } else { one_number(words).map(Some) }
}

fn lang(words: &[&str]) -> Result<Command, Error> {
    match words {
        [] => Ok(Command::Lang(None)),
        [range] => Ok(Command::Lang(Some((*range).to_owned()))),
        _ => Err(Error::Arguments),
    }
}

fn top(words: &[&str]) -> Result<Command, Error> {
    match words {
        [message, lines] => Ok(Command::Top(number(message)?, number(lines)?)),
        _ => Err(Error::Arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        for (line, want) in [
            ("user A b@c", Ok(Command::User("A b@c".into()))),
            ("PASS  two spaces ", Ok(Command::Pass(" two spaces ".into()))),
            ("PASS", Err(Error::Arguments)),
            ("AUTH", Ok(Command::Auth(None))),
            ("auth plain =", Ok(Command::Auth(Some(("plain".into(), Some("=".into())))))),
            ("LIST", Ok(Command::List(None))),
            ("LIST 12", Ok(Command::List(Some(12)))),
            ("LIST -1", Err(Error::Arguments)),
            ("LIST 99999999999", Err(Error::Arguments)),
            ("TOP 1 0", Ok(Command::Top(1, 0))),
            ("TOP 1", Err(Error::Arguments)),
            ("RETR", Err(Error::Arguments)),
            ("STAT x", Err(Error::Arguments)),
            ("QUIT ", Ok(Command::Quit)),
            ("utf8", Ok(Command::Utf8)),
            ("UTF8 USER", Err(Error::Arguments)),
            ("LANG", Ok(Command::Lang(None))),
            ("lang en-GB", Ok(Command::Lang(Some("en-GB".into())))),
            ("LANG en de", Err(Error::Arguments)),
            ("APOP a b", Err(Error::Unknown)),
            ("", Err(Error::Unknown)),
            ("\u{e9}", Err(Error::Unknown)),
        ] {
            assert_eq!(parse(line.as_bytes()), want, "{line}");
        }
        assert_eq!(parse(b"USER \xff"), Err(Error::Arguments));
    }
}
