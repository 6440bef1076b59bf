use super::*;

#[test]
fn each_value_is_in_a_bucket_that_ends_within_one_percent_above_it() {
    for bits in 0..MAX_BITS {
        for value in [1u64 << bits, (1 << bits) + (1 << bits) / 3, (2 << bits) - 1] {
            let highest = highest_of(bucket_of(value));
            assert!(highest >= value, "{value} is above its bucket's end {highest}");
            assert!((highest - value) as f64 <= value as f64 / 100.0, "{value} reads as {highest}");
        }
    }
}

#[test]
fn buckets_are_contiguous() {
    for bucket in 1..BUCKETS {
        assert_eq!(bucket_of(highest_of(bucket - 1) + 1), bucket.min(BUCKETS - 1));
    }
}

#[test]
fn quantiles_of_a_uniform_run() {
    let mut histogram = Histogram::default();
    for value in 1..=100_000 {
        histogram.record(value, 1);
    }
    for (fraction, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
        let read = histogram.quantile(fraction) as f64;
        assert!((exact..exact * 1.01).contains(&read), "{fraction}: {read}");
    }
    assert_eq!((histogram.quantile(1.0), histogram.max(), histogram.count()), (100_000, 100_000, 100_000));
}

#[test]
fn repeated_values_weigh_by_their_count_and_nothing_counted_reads_zero() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile(0.99), 0);
    histogram.record(10, 99);
    histogram.record(u64::MAX, 1);
    assert_eq!((histogram.quantile(0.99), histogram.quantile(0.5)), (10, 10));
    assert_eq!(histogram.max(), u64::MAX);
}

#[test]
fn two_added_are_one_of_all_values() {
    let (mut all, mut sum, mut other) = (Histogram::default(), Histogram::default(), Histogram::default());
    for value in (0..3_000).map(|i| i * i) {
        all.record(value, 1);
        if value % 2 == 0 { &mut sum } else { &mut other }.record(value, 1);
    }
    sum.add(&other);
    assert_eq!((sum.count(), sum.max()), (all.count(), all.max()));
    for fraction in [0.1, 0.5, 0.9, 0.999] {
        assert_eq!(sum.quantile(fraction), all.quantile(fraction));
    }
    assert_eq!((sum.within(0), sum.within(100), sum.within(u64::MAX)), (1, 11, 3_000));
}
