//! Whether a message that passes by has header fields that are not ASCII.

/// Looks at a message piece by piece, up to the empty line that ends its header section.
#[derive(Debug)]
pub(crate) struct Head {
    /// Some byte above 127 has passed in the header section.
    pub(crate) has_8bit: bool,
    /// The header section is over.
    pub(crate) ended: bool,
    /// Bytes of the header section so far, its empty line included.
    pub(crate) length: usize,
    at_line_start: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self { has_8bit: false, ended: false, length: 0, at_line_start: true }
    }
}

impl Head {
    /// The next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &b in bytes {
            if self.ended {
                return;
            }
            self.length += 1;
            match b {
                b'\n' => {
                    self.ended = self.at_line_start;
                    self.at_line_start = true;
                }
                b'\r' => {}
                b => {
                    self.has_8bit |= !b.is_ascii();
                    self.at_line_start = false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_section_counts() {
        for (message, has_8bit) in [
            ("Subject: ü\r\n\r\nx", true),
            ("Subject: u\r\n\r\nü", false),
            ("Subject: u\n\nü", false),
            ("\r\nü", false),
            ("a: b\r\nSubject: ü", true),
            ("", false),
        ] {
            for size in 1..5 {
                let mut head = Head::default();
                message.as_bytes().chunks(size).for_each(|some| head.feed(some));
                assert_eq!(head.has_8bit, has_8bit, "{message:?}");
                let end = message.find("\r\n\r\n").map(|at| at + 4).or(message.find("\n\n").map(|at| at + 2));
                let end = if message.starts_with("\r\n") { 2 } else { end.unwrap_or(message.len()) };
                assert_eq!(head.length, end, "{message:?}");
            }
        }
    }
}
