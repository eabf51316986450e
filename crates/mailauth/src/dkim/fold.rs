//! Writing a field whose lines are short.

/// Characters of a line (RFC 5322 §2.1.1).
const WIDTH: usize = 78;

/// A header field under way. Where a line would get longer than 78 characters it is folded, if it can be.
pub(crate) struct Folded {
    text: String,
    column: usize,
}

impl Folded {
    /// Begins with the name and its colon.
    pub(crate) fn new(name: &str) -> Self {
        Self { text: format!("{name}:"), column: name.len() + 1 }
    }

    /// A word, with a space before it or a new line.
    pub(crate) fn word(&mut self, word: &str) {
        if self.column + 1 + word.len() > WIDTH {
            self.new_line();
        } else {
            self.append(" ");
        }
        self.append(word);
    }

    /// What follows without a space, unless the line is full.
    pub(crate) fn piece(&mut self, piece: &str) {
        if self.column + piece.len() > WIDTH {
            self.new_line();
        }
        self.append(piece);
    }

    /// ASCII that may be broken anywhere.
    pub(crate) fn stream(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.column >= WIDTH {
                self.new_line();
            }
            let (line, behind) = rest.split_at(rest.len().min(WIDTH - self.column));
            self.append(line);
            rest = behind;
        }
    }

    /// What has been written so far, without a line end.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The field with its CRLF.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("\r\n");
        self.text
    }

    fn new_line(&mut self) {
        self.text.push_str("\r\n\t");
        // A tab may be shown eight wide, but counts as one character.
        self.column = 1;
    }

    fn append(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.len();
    }
}
