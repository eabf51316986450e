//! Random commands against a small model of the standard's order of commands (attacks A2).

use proptest::prelude::*;

use super::*;

/// Commands whose syntax is good; what they lead to depends on the order alone.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Helo,
    Ehlo,
    Mail,
    MailRefused,
    Rcpt,
    RcptRefused,
    /// With an empty message behind it if it is accepted.
    Data,
    Chunk,
    LastChunk,
    Rset,
    Noop,
    Vrfy,
    Nonsense,
}

const STEPS: [Step; 13] = [
    Step::Helo,
    Step::Ehlo,
    Step::Mail,
    Step::MailRefused,
    Step::Rcpt,
    Step::RcptRefused,
    Step::Data,
    Step::Chunk,
    Step::LastChunk,
    Step::Rset,
    Step::Noop,
    Step::Vrfy,
    Step::Nonsense,
];

/// All that RFC 5321 §4.1.4 and RFC 3030 §2 let a server remember.
#[derive(Default, Debug)]
struct Model {
    greeted: bool,
    recipients: Option<usize>,
    chunks: bool,
}

impl Model {
    fn reset(&mut self) {
        (self.recipients, self.chunks) = (None, false);
    }

    /// The code of the reply, and of a second one after the message.
    #[expect(clippy::match_same_arms, reason = "one arm per rule")]
    fn step(&mut self, step: Step) -> (u16, Option<u16>) {
        match step {
            Step::Helo | Step::Ehlo => {
                self.reset();
                self.greeted = true;
                (250, None)
            }
            Step::Rset => {
                self.reset();
                (250, None)
            }
            Step::Noop => (250, None),
            Step::Vrfy => (252, None),
            Step::Nonsense => (500, None),
            Step::Mail | Step::MailRefused if !self.greeted || self.recipients.is_some() => (503, None),
            Step::MailRefused => (550, None),
            Step::Mail => {
                self.recipients = Some(0);
                (250, None)
            }
            Step::Rcpt | Step::RcptRefused if self.recipients.is_none() || self.chunks => (503, None),
            Step::RcptRefused => (550, None),
            Step::Rcpt => {
                self.recipients = self.recipients.map(|count| count + 1);
                (250, None)
            }
            Step::Data | Step::Chunk | Step::LastChunk if self.recipients.unwrap_or(0) == 0 => (503, None),
            Step::Data if self.chunks => (503, None),
            Step::Data => {
                self.reset();
                (354, Some(250))
            }
            Step::Chunk => {
                self.chunks = true;
                (250, None)
            }
            Step::LastChunk => {
                self.reset();
                (250, None)
            }
        }
    }
}

fn wire(step: Step) -> &'static str {
    match step {
        Step::Helo => "HELO c\r\n",
        Step::Ehlo => "EHLO c\r\n",
        Step::Mail => "MAIL FROM:<a@x.test>\r\n",
        Step::MailRefused => "MAIL FROM:<refused@x.test>\r\n",
        Step::Rcpt => "RCPT TO:<b@y.test>\r\n",
        Step::RcptRefused => "RCPT TO:<refused@y.test>\r\n",
        Step::Data => "DATA\r\n",
        Step::Chunk => "BDAT 6\r\nRSET\r\n",
        Step::LastChunk => "BDAT 6 LAST\r\nQUIT\r\n",
        Step::Rset => "RSET\r\n",
        Step::Noop => "NOOP\r\n",
        Step::Vrfy => "VRFY a\r\n",
        Step::Nonsense => "NONSENSE\r\n",
    }
}

fn codes(output: &[u8]) -> Vec<u16> {
    let text = String::from_utf8(output.to_vec()).expect("ASCII");
    let last_lines = text.lines().filter(|line| line.as_bytes()[3] == b' ');
    last_lines.map(|line| line[..3].parse().expect("a code")).collect()
}

/// Plays the steps and compares every reply and the envelope.
fn agree(steps: &[Step]) {
    let most = u32::MAX;
    let config =
        Config { max_errors: most, max_rejections: most, max_idle_commands: most, ..config(Service::Mx) };
    let (mut driver, mut model) = (Driver::new(config), Model::default());
    for step in steps {
        driver.output.clear();
        let (code, after) = model.step(*step);
        driver.feed(wire(*step).as_bytes());
        if code == 354 {
            driver.feed(b".\r\n");
        }
        let expected: Vec<u16> = [Some(code), after].into_iter().flatten().collect();
        assert_eq!(codes(&driver.output), expected, "{step:?} of {steps:?}");
        assert_eq!(driver.session.envelope().recipients.len(), model.recipients.unwrap_or(0), "{steps:?}");
    }
}

#[test]
fn all_short_orders_agree_with_the_model() {
    for code in 0..STEPS.len().pow(4) {
        let steps: Vec<Step> =
            (0..4).map(|digit| STEPS[code / STEPS.len().pow(digit) % STEPS.len()]).collect();
        agree(&steps);
    }
}

proptest! {
    #[test]
    fn random_orders_agree_with_the_model(steps in proptest::collection::vec(proptest::sample::select(&STEPS[..]), 0..300)) {
        agree(&steps);
    }
}
