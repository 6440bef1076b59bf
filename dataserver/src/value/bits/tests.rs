//! Every function against the bits one by one.

use super::*;
use proptest::prelude::*;

fn bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |i| byte & (0x80 >> i) != 0)).collect()
}

/// Mostly runs of one value, in which searches skip words.
fn runs() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0), 4 => Just(0xff), 1 => any::<u8>()];
    prop::collection::vec((byte, 1..40_usize), 1..6)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, n)| std::iter::repeat_n(byte, n)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 20 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn counts_and_finds(bytes in runs(), a: prop::sample::Index, b: prop::sample::Index) {
        let all = bits(&bytes);
        let (a, b) = (a.index(all.len()), b.index(all.len()));
        let (first, last) = (a.min(b), a.max(b));
        let part = &all[first..=last];
        prop_assert_eq!(count(&bytes), all.iter().filter(|&&on| on).count() as u64);
        prop_assert_eq!(count_words(&bytes), count(&bytes));
        prop_assert_eq!(
            count_between(&bytes, first as u64, last as u64),
            part.iter().filter(|&&on| on).count() as u64
        );
        for wanted in [false, true] {
            let want = part.iter().position(|&on| on == wanted).map(|at| (first + at) as u64);
            prop_assert_eq!(find(&bytes, wanted, first as u64, last as u64), want);
        }
    }

    #[test]
    fn reads_and_writes(mut bytes in prop::collection::vec(any::<u8>(), 9..30), at: prop::sample::Index, width in 1..=64_u32, n: u64) {
        let mut all = bits(&bytes);
        let at = at.index(all.len() - width as usize + 1);
        let number = |bits: &[bool]| bits.iter().fold(0, |n, &on| n << 1 | u64::from(on));
        prop_assert_eq!(read(&bytes, at as u64, width), number(&all[at..at + width as usize]));
        write(&mut bytes, at as u64, width, n);
        for i in 0..width as usize {
            all[at + i] = n >> (width as usize - 1 - i) & 1 != 0;
        }
        prop_assert_eq!(bits(&bytes), all);
    }
}

#[test]
fn what_is_behind_the_end_is_zero() {
    assert!(!get(b"\xff", 8) && get(b"\xff", 7) && !get(b"", u64::MAX));
    assert_eq!((read(b"\xff", 4, 8), read(b"\xff", 100, 64), read(b"", u64::MAX, 1)), (0xf0, 0, 0));
    let mut bytes = [0; 2];
    set(&mut bytes, 9, true);
    assert_eq!(bytes, [0, 0x40]);
    set(&mut bytes, 9, false);
    assert_eq!(bytes, [0, 0]);
}
