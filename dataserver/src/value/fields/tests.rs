use super::*;
use crate::value::packed::tests::element;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone)]
enum Op {
    Set(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
}

/// Few fields, so that they are set again and found; some as long as where a length's form changes.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let long =
        (prop_oneof![Just(63usize), Just(64), Just(65), 253usize..258], 0u8..2).prop_map(|(n, b)| vec![b; n]);
    prop_oneof![6 => (0u8..40).prop_map(|n| n.to_string().into_bytes()), 1 => Just(Vec::new()), 1 => long]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let set = (field(), element()).prop_map(|(f, v)| Op::Set(f, v));
    let op = prop_oneof![3 => set, 1 => field().prop_map(Op::Remove)];
    proptest::collection::vec(op, 0..200)
}

fn check(fields: &Fields, model: &BTreeMap<Vec<u8>, Vec<u8>>) {
    assert_eq!(fields.len(), model.len());
    let mut all: Vec<_> = fields.all().into_iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
    all.sort();
    assert!(all.iter().map(|(f, v)| (f, v)).eq(model.iter()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_map(
        ops in ops(),
        entries in prop_oneof![Just(128usize), 0usize..20],
        longest in prop_oneof![Just(64usize), Just(1 << 20)],
    ) {
        let (hasher, limit) = (Hasher::default(), Limit { entries, value: longest });
        let (mut fields, mut model) = (Fields::default(), BTreeMap::new());
        for op in ops {
            match op {
                Op::Set(f, v) => {
                    prop_assert_eq!(fields.set(&f, &v, hasher, limit), model.insert(f, v).is_none());
                }
                Op::Remove(f) => prop_assert_eq!(fields.remove(&f, hasher), model.remove(&f).is_some()),
            }
            check(&fields, &model);
            if let Fields::Packed(pairs) = &fields {
                prop_assert!(pairs.count() <= entries);
            }
        }
        for (f, v) in &model {
            prop_assert_eq!(fields.get(f, hasher), Some(&v[..]));
        }
        check(&fields.clone(), &model);
        prop_assert_eq!(fields.random(&mut fastrand::Rng::with_seed(1)).is_some(), !model.is_empty());
    }
}

const LIMIT: Limit = Limit { entries: 128, value: 64 };

fn filled(n: usize) -> Fields {
    let mut fields = Fields::default();
    for i in 0..n {
        fields.set(format!("f{i}").as_bytes(), b"v", Hasher::default(), LIMIT);
    }
    fields
}

#[test]
fn a_scan_sees_what_stays_while_the_hash_grows() {
    for start in [10, 128, 129, 3000] {
        let (mut fields, mut seen, mut cursor, mut next) = (filled(start), HashSet::new(), 0, start);
        loop {
            cursor = fields.scan(cursor, 10, |field, _| {
                seen.insert(field.to_vec());
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..if next < 10_000 { 100 } else { 0 } {
                fields.set(format!("f{next}").as_bytes(), b"v", Hasher::default(), LIMIT);
                next += 1;
            }
        }
        assert!((0..start).all(|i| seen.contains(format!("f{i}").as_bytes())), "{start}");
    }
    assert_eq!(filled(1000).scan(65_536, 10, |_, _| unreachable!()), 0);
}

#[test]
fn each_field_is_as_likely() {
    for n in [20, 500] {
        let (fields, mut random) = (filled(n), fastrand::Rng::with_seed(7));
        let mut found = BTreeMap::<Vec<u8>, usize>::new();
        for _ in 0..n * 400 {
            let (field, _) = fields.random(&mut random).unwrap();
            *found.entry(field.to_vec()).or_default() += 1;
        }
        assert_eq!(found.len(), n);
        // Where the table has a gap the field behind it is found more often, and where these are differs from run to run.
        assert!(found.values().all(|&times| (130..1300).contains(&times)), "{:?}", found.values());
    }
}

#[test]
fn a_small_hash_is_one_small_allocation() {
    let mut fields = Fields::default();
    for i in 0..20 {
        fields.set(format!("field{i:03}").as_bytes(), b"value---", Hasher::default(), LIMIT);
    }
    assert!(matches!(&fields, Fields::Packed(pairs) if pairs.size() < 20 * 18 * 5 / 4));
}

mod timed {
    use super::super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u8),
        SetKeeping(u8, u8),
        Time(u8, Option<u16>),
        Remove(u8),
        Expire(u16, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..20_u8, any::<u8>()).prop_map(|(f, v)| Step::Set(f, v)),
            (0..20_u8, any::<u8>()).prop_map(|(f, v)| Step::SetKeeping(f, v)),
            (0..20_u8, prop::option::of(1..100_u16)).prop_map(|(f, at)| Step::Time(f, at)),
            (0..20_u8).prop_map(Step::Remove),
            (0..50_u16, 1..10_usize).prop_map(|(after, most)| Step::Expire(after, most)),
        ]
    }

    type Model = HashMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

    fn expire(hash: &mut Fields, model: &mut Model, now: u64, most: usize) {
        let over = model.values().filter(|(_, at)| at.is_some_and(|at| at <= now)).count();
        let Fields::Timed(timed) = hash else { return assert_eq!(over, 0) };
        let entries = |timed: &Timed| timed.dict().map_or(0, Dict::len);
        let before = entries(timed);
        assert_eq!(timed.expire(now, most), over);
        assert!(before - entries(timed) <= most, "a step takes away no more than it should");
        model.retain(|_, (_, at)| at.is_none_or(|at| at > now));
        let first = model.values().filter_map(|(_, at)| *at).min();
        assert!(timed.next() == first || (timed.hides_any() && timed.next() <= Some(now)));
    }

    proptest! {
        #[test]
        fn fields_expire_as_in_a_map(steps in prop::collection::vec(step(), 1..80), entries in 1..30_usize) {
            let (mut hash, mut model, hasher) = (Fields::default(), Model::new(), Hasher::default());
            let mut clock = 0;
            let limit = Limit { entries, value: 64 };
            for step in steps {
                match step {
                    Step::Set(f, v) => {
                        let new = hash.set(&[f], &[v], hasher, limit);
                        prop_assert_eq!(new, model.insert(vec![f], (vec![v], None)).is_none());
                    }
                    Step::SetKeeping(f, v) => {
                        hash.set_keeping(&[f], &[v], hasher, limit);
                        let at = model.get(&vec![f]).and_then(|(_, at)| *at);
                        model.insert(vec![f], (vec![v], at));
                    }
                    Step::Time(f, at) => {
                        let at = at.map(|at| clock + u64::from(at));
                        prop_assert_eq!(hash.time(&[f], hasher), model.get(&vec![f]).map(|(_, at)| *at));
                        if let Some((_, time)) = model.get_mut(&vec![f]) {
                            hash.set_time(&[f], at, hasher);
                            *time = at;
                        }
                    }
                    Step::Remove(f) => prop_assert_eq!(hash.remove(&[f], hasher), model.remove(&vec![f]).is_some()),
                    Step::Expire(after, most) => {
                        clock += u64::from(after);
                        expire(&mut hash, &mut model, clock, most);
                    }
                }
                prop_assert_eq!(hash.len(), model.len());
                prop_assert_eq!(hash.all().len(), model.len());
                let drawn = hash.random(&mut fastrand::Rng::with_seed(clock));
                prop_assert_eq!(drawn.is_some(), !model.is_empty());
                prop_assert!(drawn.is_none_or(|(field, _)| model.contains_key(field)));
                if let Fields::Timed(timed) = &hash {
                    let first = model.values().filter_map(|(_, at)| *at).min();
                    prop_assert!(first.is_none() || timed.next() <= first);
                }
            }
            let copy = hash.clone();
            let mut scanned = 0;
            copy.scan(0, usize::MAX >> 20, |field, _| scanned += usize::from(model.contains_key(field)));
            prop_assert_eq!((scanned, copy.len()), (model.len(), model.len()));
            for (field, (value, at)) in &model {
                prop_assert_eq!(copy.get(field, hasher), Some(&value[..]));
                prop_assert_eq!(copy.time(field, hasher), Some(*at));
            }
        }
    }
}
