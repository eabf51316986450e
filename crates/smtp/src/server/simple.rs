//! The commands that only say something: RSET, NOOP, QUIT, VRFY, HELP.

use mail::Reply;

use super::{Event, Session, words};

impl Session {
    /// RFC 5321 §4.1.1.5.
    pub(super) fn rset(&mut self, args: &str) -> Result<(), Reply> {
        no_parameters(args)?;
        self.abandon_transaction();
        self.say(&words::ok());
        Ok(())
    }

    /// RFC 5321 §4.1.1.9: a parameter is ignored.
    pub(super) fn noop(&mut self) {
        self.say(&words::ok());
    }

    /// RFC 5321 §4.1.1.10.
    pub(super) fn quit(&mut self, args: &str) -> Result<(), Reply> {
        no_parameters(args)?;
        self.close(&words::goodbye());
        self.events.push_back(Event::Quit);
        Ok(())
    }

    /// RFC 5321 §3.5.3: says neither yes nor no, so that nobody learns who lives here (attacks A11).
    pub(super) fn vrfy(&mut self, args: &str) -> Result<(), Reply> {
        if args.is_empty() {
            return Err(words::needs_argument());
        }
        self.say(&words::cannot_verify());
        Ok(())
    }

    /// RFC 5321 §4.1.1.8.
    pub(super) fn help(&mut self) {
        self.say(&words::help());
    }
}

/// RFC 5321 §4.1.1: 501 for parameters where there are none.
pub(super) fn no_parameters(args: &str) -> Result<(), Reply> {
    if args.is_empty() { Ok(()) } else { Err(words::no_parameters()) }
}
