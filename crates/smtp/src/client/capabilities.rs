//! What a peer offers in its reply to EHLO.

/// The extensions that this client uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "extensions are independent of each other")]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_codes: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// BINARYMIME (RFC 3030 §3); only with CHUNKING.
    pub binary_mime: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// DELIVERBY (RFC 2852): offered, with the least time in seconds for mail to be returned, if one was named.
    pub deliver_by: Option<Option<u64>>,
    /// MT-PRIORITY (RFC 6710).
    pub priority: bool,
    /// SIZE (RFC 1870): offered, with the limit if one was named.
    pub size: Option<Option<u64>>,
    /// AUTH mechanisms, in capitals (RFC 4954).
    pub auth: Vec<String>,
    /// LIMITS RCPTMAX (RFC 9422): recipients of one transaction.
    pub rcpt_max: Option<u64>,
    /// LIMITS RCPTDOMAINMAX: different domains of one transaction's recipients.
    pub rcpt_domain_max: Option<u64>,
    /// LIMITS MAILMAX: transactions of one connection.
    pub mail_max: Option<u64>,
}

impl Capabilities {
    /// From the text of the reply to EHLO: the first line is the peer's name, then one extension a line
    /// (RFC 5321 §4.1.1.1). What is malformed or not known is left out.
    pub(super) fn parse(text: &str) -> Self {
        let mut offered = Self::default();
        for line in text.lines().skip(1) {
            let mut words = line.split_ascii_whitespace().map(str::to_ascii_uppercase);
            if let Some(keyword) = words.next() {
                offered.add(&keyword, words.collect());
            }
        }
        offered
    }

    fn add(&mut self, keyword: &str, values: Vec<String>) {
        match keyword {
            "PIPELINING" => self.pipelining = true,
            "STARTTLS" => self.starttls = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_codes = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary_mime = true,
            "MT-PRIORITY" => self.priority = true,
            "DELIVERBY" => {
                let least = values.first().and_then(|options| options.split(',').next());
                self.deliver_by = Some(least.and_then(|n| n.parse().ok()));
            }
            "REQUIRETLS" => self.require_tls = true,
            // RFC 1870 §4: 0 means no fixed limit.
            "SIZE" => self.size = Some(values.first().and_then(|n| n.parse().ok()).filter(|n| *n > 0)),
            "AUTH" => self.auth.extend(values),
            "LIMITS" => {
                self.rcpt_max = limit(&values, "RCPTMAX");
                self.rcpt_domain_max = limit(&values, "RCPTDOMAINMAX");
                self.mail_max = limit(&values, "MAILMAX");
            }
            _ => (),
        }
    }
}

/// `limit-name-value`: digits that do not begin with a zero, six of them at most (RFC 9422 §3).
fn limit(values: &[String], name: &str) -> Option<u64> {
    let value = values.iter().find_map(|value| value.strip_prefix(name)?.strip_prefix('='))?;
    let digits = (1..=6).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    (digits && !value.starts_with('0')).then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read() {
        let text = "starttls is only a name here\npipelining\nSIZE 100\nAUTH plain LOGIN\nLIMITS X=1 RCPTMAX=7\nOTHER";
        let offered = Capabilities::parse(text);
        assert!(offered.pipelining && !offered.starttls && !offered.smtputf8);
        assert_eq!((offered.size, offered.rcpt_max), (Some(Some(100)), Some(7)));
        assert_eq!(offered.auth, ["PLAIN", "LOGIN"]);
        for (value, limit) in
            [("7", Some(7)), ("0", None), ("07", None), ("1234567", None), ("+7", None), ("", None)]
        {
            let offered = Capabilities::parse(&format!("peer\nLIMITS MAILMAX={value} RCPTDOMAINMAX={value}"));
            assert_eq!((offered.mail_max, offered.rcpt_domain_max, offered.rcpt_max), (limit, limit, None));
        }
        for (line, least) in [("DELIVERBY", None), ("DELIVERBY 30,x", Some(30)), ("DELIVERBY ,x", None)] {
            assert_eq!(Capabilities::parse(&format!("peer\n{line}")).deliver_by, Some(least), "{line}");
        }
        for (line, size) in [("SIZE", None), ("SIZE 0", None), ("SIZE x", None)] {
            assert_eq!(Capabilities::parse(&format!("peer\n{line}")).size, Some(size), "{line}");
        }
    }
}
