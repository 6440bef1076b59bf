//! Times to live.

use std::str::FromStr;

use ringtail_net::units::Time;
use ringtail_protocol::number::parse_u64;

use crate::problem::Problem;

/// A time to live in milliseconds: seconds, or with a unit, `500ms`, `10s`, `30d`.
pub(super) fn millis(text: &[u8]) -> Result<u64, Problem> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let seconds = parse_u64(text.as_bytes()).and_then(|seconds| seconds.checked_mul(1000));
    let millis = seconds.or_else(|| u64::try_from(Time::from_str(text).ok()?.0.as_millis()).ok());
    millis.filter(|millis| (1..=i64::MAX as u64).contains(millis)).ok_or_else(|| {
        Problem::bad("ttl is a number of seconds, or a time such as 500ms, 10s, 5m or 30d, and not zero")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_live() {
        for (text, time) in [
            ("10", 10_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("1", 1000),
            ("2592000", 2_592_000_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(millis(text.as_bytes()).unwrap(), time, "{text}");
        }
        for bad in ["", "0", "-1", "x", "1.5", "99999999999999999999", "9223372036854775807", "0ms"] {
            assert!(millis(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
