//! The log: one event, one line, on standard error.
//!
//! Whatever a remote says may end up in a field, so control characters are escaped and lines are cut: nobody writes
//! a second line into our log, or to our operator's terminal (attacks A31).

use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

/// Chooses what is logged, in the syntax of tracing's filters.
const FILTER: &str = "POSTHOUSE_LOG";
/// Characters of one line.
const LINE_LENGTH: usize = 8192;

/// Logs from now on; `default` holds where the environment says nothing.
pub(crate) fn start(default: &str) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Escaping(io::stderr()));
    // Only a second call can fail, and then there is a log already.
    drop(tracing::subscriber::set_global_default(subscriber.finish()));
}

/// Writes each event, which arrives as one piece, as one clean line.
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(line(&String::from_utf8_lossy(event)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn line(event: &str) -> String {
    let mut line = String::with_capacity(event.len() + 1);
    for c in event.trim_end_matches('\n').chars() {
        if line.len() > LINE_LENGTH {
            line.push('…');
            break;
        }
        match c {
            c if c.is_control() => drop(write!(line, "{}", c.escape_default())),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_is_one_line_without_controls() {
        for (event, written) in [
            ("plain\n", "plain\n".to_owned()),
            ("a\r\nINFO forged\n", "a\\r\\nINFO forged\n".to_owned()),
            ("\u{1b}[2Jx\u{9b}31m", "\\u{1b}[2Jx\\u{9b}31m\n".to_owned()),
            ("é\t", "é\\t\n".to_owned()),
            (&"x".repeat(10_000), format!("{}…\n", "x".repeat(LINE_LENGTH + 1))),
        ] {
            assert_eq!(line(event), written);
        }
    }
}
