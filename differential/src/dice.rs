//! Messages out of a number: the same number, the same message.

/// A generator of numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// Each seed is a sequence of its own.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// One of them.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn some(&mut self, most: usize, items: &[&str]) -> String {
        (0..self.below(most + 1)).map(|_| *self.one_of(items)).collect()
    }

    /// A message as good programs and bad ones write it. Lines of the header section end in CRLF.
    pub fn message(&mut self) -> Vec<u8> {
        const NAMES: [&str; 12] = [
            "Subject",
            "To",
            "Cc",
            "Reply-To",
            "X-Odd",
            "Received",
            "MIME-Version",
            "Content-Type",
            "List-Id",
            "subject",
            "DATE",
            "Message-ID",
        ];
        const WORDS: [&str; 11] =
            ["word", "zwei", "grå", "a;b=c", ":", "  ", "\t", "\r\n ", "\r\n\t", "b=", "=?utf-8?q?x?="];
        let mut fields: Vec<String> = (0..self.below(9))
            .map(|_| {
                let (name, space) = (*self.one_of(&NAMES), *self.one_of(&["", " ", "\t"]));
                format!("{name}:{space}x{}z\r\n", self.some(8, &WORDS))
            })
            .collect();
        let at = self.below(fields.len() + 1);
        fields.insert(at, "From: Ann <ann@x.test>\r\n".to_owned());
        (fields.concat() + "\r\n" + &self.body()).into_bytes()
    }

    fn body(&mut self) -> String {
        const PLAIN: [&str; 10] = [
            "\r\n",
            "word\r\n",
            "two  words\r\n",
            " indented\r\n",
            "trailing \t \r\n",
            "grå\r\n",
            "a\tb\r\n",
            ".\r\n",
            "",
            "-- \r\n",
        ];
        const ODD: [&str; 8] = [" \r\n", "\t\r\n", "bare\rcr\r\n", "bare\nlf\r\n", "no end", "\r", "\n", " "];
        let mut body = self.some(10, &PLAIN);
        if self.below(3) == 0 {
            body += &self.some(3, &ODD);
            body += &self.some(2, &PLAIN);
        }
        body
    }
}
