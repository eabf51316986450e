//! Which reply the other side must take for the answer to which command. Replies carry no name of what they answer: their order
//! tells (RFC 2920 §3.1). A remote that says one too many, or 354 to something else than DATA, is misunderstood from then on, and
//! what its client then does wrong is its own fault.

/// Everything said and asked on one connection.
#[derive(Debug)]
pub(super) struct Order {
    /// Codes of whole replies, the greeting first.
    said: Vec<u16>,
    /// The line that is being said.
    line: Vec<u8>,
    /// What replies were asked for, the greeting first.
    asked: usize,
    /// The place of DATA, if nothing was asked since.
    data: Option<usize>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self { said: Vec::new(), line: Vec::new(), asked: 1, data: None }
    }

    /// Something is said.
    pub(super) fn says(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' {
                self.said.extend(last_code(&std::mem::take(&mut self.line)));
            }
        }
    }

    /// A command came, or the end of a message.
    pub(super) fn hears(&mut self, is_data: bool) {
        self.data = is_data.then_some(self.asked);
        self.asked += 1;
    }

    /// Whether the client must believe that its message is awaited.
    pub(super) fn awaits_message(&self) -> bool {
        self.data.and_then(|at| self.said.get(at)) == Some(&354)
    }

    /// Whether what was said already must be taken for the acceptance of the message whose end is the next to come.
    pub(super) fn has_accepted(&self) -> bool {
        self.said.get(self.asked).is_some_and(|code| code / 100 == 2)
    }

    /// Whether what is said next answers what was asked last.
    pub(super) fn is_kept(&self) -> bool {
        self.said.len() + 1 == self.asked
    }
}

/// The code of a reply that ends with this line.
fn last_code(line: &[u8]) -> Option<u16> {
    let (code, rest) = line.split_at_checked(3)?;
    rest.starts_with(b" ").then(|| std::str::from_utf8(code).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection on which this was said (`S`), asked (`C`), and DATA asked.
    fn order(script: &str) -> Order {
        let mut order = Order::new();
        for word in script.split(' ') {
            match word {
                "C" => order.hears(false),
                "DATA" => order.hears(true),
                code => order.says(format!("{code}-more\r\n{code} text\r\n").as_bytes()),
            }
        }
        order
    }

    #[test]
    fn the_order_tells_what_a_reply_answers() {
        // What was said, whether the message is awaited, whether it was accepted, whether the next reply is understood.
        for (script, expected) in [
            ("220 C 250 C 250 C 250 DATA", (false, false, true)),
            ("220 C 250 C 250 C 250 DATA 354", (true, false, false)),
            ("220 C 250 C 250 C 250 DATA 354 250", (true, true, false)),
            ("220 C 250 C C DATA 250 250 354 503", (true, false, false)),
            ("220 C 250 C C DATA 250 550 503", (false, false, false)),
            ("220 C 250 C 250 C 250 DATA 354 C", (false, false, true)),
        ] {
            let order = order(script);
            assert_eq!((order.awaits_message(), order.has_accepted(), order.is_kept()), expected, "{script}");
        }
    }
}
