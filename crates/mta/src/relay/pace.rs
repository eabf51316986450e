//! How fast one lane may go: pauses for a destination that asks to send less, and the configured rate. Pure.

use std::time::Duration;

use mail::{Mono, Reply, limits};

use crate::settings::Rate;

/// What is known of one lane's speed. Kept in memory: after a restart it is found out again.
#[derive(Clone, Debug, Default)]
pub(super) struct Tempo {
    /// Pauses so far, less what went well since.
    slow: u32,
    /// Until when the pause lasts, and what the destination said.
    pause: Option<(Mono, Reply)>,
    /// When the next message is due at the steady rate: the generic cell rate algorithm.
    steady: Mono,
}

/// What keeps the next message from going now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hurdle {
    /// The destination asked to send less, with these words.
    Pause(Reply),
    /// The configured rate.
    Rate,
}

impl Tempo {
    /// The destination asks to send less: a pause, twice as long as the last one, unless some went well in between.
    pub(super) fn slow_down(&mut self, why: Reply, now: Mono) {
        let doubled = limits::SLOW_PAUSE.saturating_mul(1 << self.slow.min(16));
        self.slow += 1;
        self.pause = Some((now + doubled.min(limits::SLOW_PAUSE_LONGEST), why));
    }

    /// A message was taken, or refused for its own sake.
    pub(super) fn went_well(&mut self) {
        self.slow = self.slow.min(16).saturating_sub(1);
        self.pause = None;
    }

    /// How long until a message may go, and why not now; `None` if it may.
    pub(super) fn hurdle(&self, rate: Option<Rate>, now: Mono) -> Option<(Duration, Hurdle)> {
        if let Some((until, why)) = self.pause.as_ref().filter(|(until, _)| *until > now) {
            return Some((until.since(now), Hurdle::Pause(why.clone())));
        }
        let rate = rate?;
        let wait = self.steady.since(now + rate.interval() * (rate.burst() - 1));
        (!wait.is_zero()).then_some((wait, Hurdle::Rate))
    }

    /// A message goes now.
    pub(super) fn take(&mut self, rate: Option<Rate>, now: Mono) {
        if let Some(rate) = rate {
            self.steady = self.steady.max(now) + rate.interval();
        }
    }

    /// Whether forgetting it would change what may be done.
    pub(super) fn matters(&self, now: Mono) -> bool {
        self.slow > 0 || self.steady > now
    }
}

/// Words of hosts that ask to send less, not of those that speak of one message or one recipient.
const SLOW_DOWN: [&str; 13] = [
    "rate limit",
    "rate-limit",
    "ratelimit",
    "unusual rate",
    "too many",
    "too fast",
    "too much mail",
    "throttl",
    "slow down",
    "server busy",
    "server is busy",
    "temporarily deferred",
    "temporarily limited",
];

/// Words that speak of one message or one recipient only; greylisting wants the same message again, not less mail.
const ONE_OF_MANY: [&str; 8] = [
    "greylist",
    "graylist",
    "too many recipients",
    "too many hops",
    "user you are trying to contact",
    "mailbox",
    "recipient",
    "unauthenticated",
];

/// Whether a reply asks to send less: a 421 (RFC 5321 §3.8), overload or congestion (RFC 3463 §3.4 X.3.2, §3.5 X.4.5),
/// or a 4xx with words that say so.
pub(super) fn asks_to_slow_down(reply: &Reply) -> bool {
    if !reply.is_temporary() {
        return false;
    }
    let text = reply.text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&ONE_OF_MANY) {
        return false;
    }
    let status = reply.status();
    reply.code == 421 || matches!((status.1, status.2), (3, 2) | (4, 5)) || says(&SLOW_DOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_start(Duration::from_secs(seconds))
    }

    fn reply() -> Reply {
        Reply::plain(421, "4.7.0 slow down")
    }

    #[test]
    fn pauses_double_and_success_makes_them_short_again() {
        let mut tempo = Tempo::default();
        for seconds in [15, 30, 60, 120, 240, 300, 300] {
            tempo.slow_down(reply(), at(1000));
            let pause = (Duration::from_secs(seconds), Hurdle::Pause(reply()));
            assert_eq!(tempo.hurdle(None, at(1000)), Some(pause));
            assert_eq!(tempo.hurdle(None, at(1000 + seconds)), None);
        }
        for _ in 0..5 {
            tempo.went_well();
        }
        assert_eq!(tempo.hurdle(None, at(1000)), None, "and the pause is over");
        tempo.slow_down(reply(), at(2000));
        assert_eq!(tempo.hurdle(None, at(2000)).expect("a pause").0, Duration::from_mins(1));
        for _ in 0..3 {
            tempo.went_well();
        }
        assert!(!tempo.matters(at(2000)));
    }

    #[test]
    fn no_more_than_the_rate_within_any_stretch() {
        for text in ["1/1s", "5/1s", "100/1m", "1000/1h"] {
            let rate: Rate = text.parse().expect(text);
            let mut tempo = Tempo::default();
            let mut sent: Vec<Duration> = Vec::new();
            let mut now = Duration::from_secs(7);
            while now < Duration::from_secs(7) + rate.per * 3 {
                if let Some((wait, _)) = tempo.hurdle(Some(rate), Mono::from_start(now)) {
                    now += wait;
                } else {
                    tempo.take(Some(rate), Mono::from_start(now));
                    sent.push(now);
                }
            }
            for (first, began) in sent.iter().enumerate() {
                let within = sent[first..].iter().filter(|at| **at < *began + rate.per).count();
                assert!(within <= rate.messages as usize, "{text}: {within}");
            }
            assert!(sent.len() * 10 >= rate.messages as usize * 3 * 9, "{text}: only {}", sent.len());
        }
    }

    #[test]
    fn who_asks_to_slow_down() {
        for (reply, meant) in [
            ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", true),
            ("421 4.3.2 later", true),
            ("421 closing", true),
            ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]", true),
            ("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", true),
            ("450 4.2.1 Sending too fast, slow down", true),
            ("452 4.3.2 try later", true),
            ("450 4.4.5 congested", true),
            ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", false),
            ("450 4.7.1 Greylisted, too many new senders", false),
            ("451 4.7.1 Greylisting in action, please come back later", false),
            ("452 4.5.3 Too many recipients", false),
            ("452 4.2.2 Mailbox full", false),
            ("450 4.2.1 greylisted", false),
            ("451 4.3.0 local error", false),
            ("451 4.7.26 Unauthenticated email", false),
            ("550 5.7.1 too many bad messages", false),
            ("250 2.0.0 too many", false),
        ] {
            let (code, words) = reply.split_once(' ').expect(reply);
            let enhanced = words.split_once(' ').and_then(|(first, _)| first.parse().ok());
            let said = Reply { code: code.parse().expect(reply), enhanced, text: words.to_owned() };
            assert_eq!(asks_to_slow_down(&said), meant, "{reply}");
        }
    }
}
