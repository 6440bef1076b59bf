use super::*;

#[test]
fn sizes_in_redis_units() {
    let cases = [
        ("0", 0),
        ("1048576", 1 << 20),
        ("1b", 1),
        ("1k", 1000),
        ("1kb", 1024),
        ("100MB", 100 << 20),
        ("5m", 5_000_000),
        (" 2 gb ", 2 << 30),
        ("1g", 1_000_000_000),
        ("9223372036854775807", i64::MAX as u64),
    ];
    for (text, bytes) in cases {
        assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
    }
}

#[test]
fn times() {
    for (text, millis) in [("250ms", 250), ("5s", 5000), ("5", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
        assert_eq!(text.parse(), Ok(Time(Duration::from_millis(millis))), "{text}");
    }
}

#[test]
fn what_is_no_size_or_time_is_refused_with_an_example() {
    for text in ["", "gb", "-1", "1.5gb", "1 2", "1xb", "0x10", "9223372036854775808", "99999999999999gb"] {
        let error = text.parse::<ByteSize>().unwrap_err();
        assert!(error.contains(&format!("'{text}'")) && error.contains("100mb"), "{error}");
        assert!(text.parse::<Time>().is_err());
    }
}

#[test]
fn what_was_written_comes_back() {
    for text in ["0", "1000", "3kb", "100mb", "1gb"] {
        assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
    }
    for text in ["0ms", "250ms", "5s", "2m", "1h"] {
        assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
    }
}
