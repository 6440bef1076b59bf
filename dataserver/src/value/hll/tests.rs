//! Both encodings against plain registers, and the estimate against real sets.

use super::*;
use proptest::prelude::*;

const MOST: usize = 3000;

fn filled(elements: impl Iterator<Item = u64>, most: usize) -> Vec<u8> {
    let mut sketch = Cow::Owned(empty());
    for element in elements {
        add(&mut sketch, &element.to_le_bytes(), most).unwrap();
    }
    sketch.into_owned()
}

#[test]
fn the_estimate_is_near() {
    for n in [0, 1, 10, 100, 1000, 10_000, 100_000] {
        let sketch = filled(0..n, MOST);
        let error = count(&sketch).unwrap().abs_diff(n);
        assert!(error as f64 <= 0.03 * n as f64 + 0.5, "{n}: {error} off");
        assert_eq!(is_dense(&sketch), n >= 10_000, "{n}");
        let mut all = [0; REGISTERS];
        merge(&mut all, &sketch).unwrap();
        assert_eq!(count_registers(&all), count(&sketch).unwrap());
    }
}

#[test]
fn corrupt_runs_are_refused() {
    let broken: [&[u8]; 6] = [b"", b"\x7f", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b"\x3f\x7f\xff"];
    for runs in broken {
        let sketch = [header(SPARSE), runs.to_vec()].concat();
        assert!(is_sketch(&sketch));
        assert_eq!(count(&sketch), Err(Corrupt), "{runs:?}");
        assert_eq!(merge(&mut [0; REGISTERS], &sketch), Err(Corrupt));
        assert_eq!(written_out(&sketch), Err(Corrupt));
    }
}

#[test]
fn the_cached_count_is_forgotten_at_a_change() {
    let mut sketch = empty();
    assert_eq!(cached(&sketch), None);
    cache(&mut sketch, 1 << 40);
    assert_eq!(cached(&sketch), Some(1 << 40));
    let mut sketch = Cow::Owned(sketch);
    assert_eq!(add(&mut sketch, b"a", MOST), Ok(true));
    assert_eq!((cached(&sketch), add(&mut sketch, b"a", MOST)), (None, Ok(false)));
}

proptest! {
    #[test]
    fn registers_are_the_same_however_encoded(
        raises in prop::collection::vec((0..200_usize, 1..51_u8), 0..200), spread in 1..80_usize, most in 16..400_usize,
    ) {
        let (mut plain, mut sketch) = ([0; REGISTERS], Cow::Owned(empty()));
        for (index, value) in raises {
            let index = index * spread;
            let raised = if is_dense(&sketch) {
                let lower = dense::get(&sketch, index) < value;
                if lower {
                    dense::set(sketch.to_mut(), index, value);
                }
                lower
            } else {
                sparse::raise(&mut sketch, index, value, most).unwrap()
            };
            prop_assert_eq!(raised, plain[index] < value);
            plain[index] = plain[index].max(value);
            prop_assert!(is_dense(&sketch) || sketch.len() <= most.max(18));
        }
        let mut read = [0; REGISTERS];
        merge(&mut read, &sketch).unwrap();
        prop_assert!(read == plain);
        for bytes in [of_registers(&plain, true, most), of_registers(&plain, false, most)] {
            let mut read = [0; REGISTERS];
            merge(&mut read, &bytes).unwrap();
            prop_assert!(read == plain);
        }
        if !is_dense(&sketch) {
            prop_assert!(*registers(&written_out(&sketch).unwrap()) == plain);
        }
    }

    #[test]
    fn any_bytes_are_safe(runs in prop::collection::vec(any::<u8>(), 0..300), element: u64) {
        let sketch = [header(SPARSE), runs].concat();
        let (counted, mut changed) = (count(&sketch), Cow::Borrowed(&sketch[..]));
        let _ = (decoded(&sketch), written_out(&sketch), merge(&mut [0; REGISTERS], &sketch));
        let added = add(&mut changed, &element.to_le_bytes(), MOST);
        prop_assert!(counted.is_err() || added.is_ok());
    }
}
