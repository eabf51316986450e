//! Sizes and durations as people write them.

use std::time::Duration;

/// `50MB`, `64KiB`, `512` in bytes.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    let bad = "is a size such as \"50MB\" or \"64KiB\"";
    let (number, unit) = split(text).ok_or(bad)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(bad),
    };
    number.checked_mul(factor).ok_or(bad)
}

/// `500ms`, `30s`, `5m`, `2h`, `5d`.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let bad = "is a duration such as \"30s\", \"5m\", \"2h\" or \"5d\"";
    let (number, unit) = split(text).ok_or(bad)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or(bad)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("50MB", 50_000_000), ("64 KiB", 65_536), ("5G", 5_000_000_000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MB", "1.5MB", "-1", "5 parsecs", "99999999999TB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("5d", 432_000_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "5", "m", "5M", "5 minutes", "-5m", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
