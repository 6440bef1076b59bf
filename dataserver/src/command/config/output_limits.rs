//! `client-output-buffer-limit`: Redis's form, of which the class `pubsub` has a meaning here.

use super::Refusal;
use ringtail_net::units::ByteSize;
use std::str::FromStr;

/// (hard bytes, soft bytes, seconds beyond soft).
type Limits = (u64, u64, u64);

/// Replies never pile up here, so that the other classes need no limits; they are shown as Redis shows its own.
pub(super) fn text((hard, soft, seconds): Limits) -> String {
    format!("normal 0 0 0 slave 268435456 67108864 60 pubsub {hard} {soft} {seconds}")
}

/// The limits of the class `pubsub` after a change of any classes.
pub(super) fn parse(text: &str, mut limits: Limits) -> Result<Limits, Refusal> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for class in words.chunks(4) {
        let given = class_limits(class)
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        match class[0].to_ascii_lowercase().as_str() {
            "pubsub" => limits = given,
            "normal" | "slave" | "replica" => {}
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        }
    }
    Ok(limits)
}

fn class_limits(words: &[&str]) -> Option<Limits> {
    let size = |text| ByteSize::from_str(text).ok().map(|size| size.0);
    Some((
        size(words[1])?,
        size(words[2])?,
        words[3].parse().ok().filter(|&seconds| seconds <= i32::MAX as u64)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_redis_reads_them() {
        assert_eq!(parse("pubsub 1mb 512kb 5", (0, 0, 0)), Ok((1 << 20, 512 << 10, 5)));
        assert_eq!(parse("normal 1 2 3 PUBSUB 4 5 6", (0, 0, 0)), Ok((4, 5, 6)));
        assert_eq!(parse("replica 1 2 3", (7, 8, 9)), Ok((7, 8, 9)));
        assert_eq!(text((1, 2, 3)), "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 2 3");
        for bad in ["pubsub 1 2", "pubsub x 1 1", "pubsub 1 1 -1", "master 1 1 1"] {
            assert!(parse(bad, (0, 0, 0)).is_err(), "{bad}");
        }
    }
}
