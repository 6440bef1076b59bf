use super::*;

const MS: u64 = 1_000_000;

#[test]
fn a_bucket_holds_a_second_and_fills_evenly() {
    let bucket = Bucket::new(10);
    (0..10).for_each(|_| bucket.take(5 * SECOND).unwrap());
    assert_eq!(bucket.take(5 * SECOND), Err(Duration::from_millis(100)));
    assert_eq!(bucket.take(5 * SECOND + 60 * MS), Err(Duration::from_millis(40)));
    bucket.take(5 * SECOND + 100 * MS).unwrap();
    assert!(bucket.take(5 * SECOND + 100 * MS).is_err());
    // It never holds more than a second's.
    let taken = (0..100).filter(|_| bucket.take(60 * SECOND).is_ok()).count();
    assert_eq!(taken, 10);
}

#[test]
fn a_user_has_the_last_rule_that_names_it() {
    let rates = Rates::default();
    assert!(rates.bucket(b"a").is_none());
    rates.set(parse("a=1/s *=5/s a=3").unwrap());
    assert_eq!(rates.bucket(b"a").unwrap().most, 3);
    assert_eq!(rates.bucket(b"b").unwrap().most, 5);
    assert_eq!(rates.text(), "a=1/s *=5/s a=3/s");
    let before = rates.bucket(b"b").unwrap();
    rates.set(parse("*=5/s a=9/s").unwrap());
    assert!(Arc::ptr_eq(&before, &rates.bucket(b"b").unwrap()), "what was taken stays taken");
    assert_eq!(rates.bucket(b"a").unwrap().most, 9);
    rates.set(parse("").unwrap());
    assert!(rates.bucket(b"a").is_none());
}

#[test]
fn buckets_of_users_who_left_do_not_pile_up() {
    let rates = Rates::default();
    rates.set(parse("*=5/s").unwrap());
    let kept = rates.bucket(b"kept").unwrap();
    (0..3 * limits::RATE_BUCKETS).for_each(|n| drop(rates.bucket(n.to_string().as_bytes())));
    assert!(rates.inner().buckets.len() <= limits::RATE_BUCKETS);
    assert!(Arc::ptr_eq(&kept, &rates.bucket(b"kept").unwrap()));
}

#[test]
fn what_is_no_rate_is_refused() {
    for text in ["a", "a=", "a=0/s", "=5/s", "a=-1", "a=5/m", "a=5/s/s", "a=5000000000"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    assert_eq!("x=y=7/s".parse::<Rate>().unwrap().to_string(), "x=y=7/s");
}

#[test]
fn the_refusal_says_when_to_try_again() {
    let refusal = Bucket::new(7).refusal(b"app", Duration::from_micros(1500));
    assert_eq!(
        refusal.text(),
        "RATELIMIT user app may run 7 commands a second: nothing was run, retry in 2 ms"
    );
}
