use super::*;
use proptest::prelude::*;

/// Writes one group behind what is in a buffer.
pub(crate) struct GroupBuilder<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
}

impl<'v> GroupBuilder<'v> {
    pub(crate) fn begin(out: &'v mut Vec<u8>, time: u64) -> Self {
        let start = out.len();
        begin(out, time);
        Self { out, start }
    }

    pub(crate) fn effect<'a, A>(&mut self, db: u8, args: A)
    where
        A: IntoIterator<Item = &'a [u8], IntoIter: ExactSizeIterator>,
    {
        add(self.out, db, args.into_iter());
    }

    pub(crate) fn finish(self) -> Result<usize, TooLarge> {
        finish(self.out, self.start)
    }
}

type Owned = (u8, Vec<Vec<u8>>);

fn write(out: &mut Vec<u8>, time: u64, effects: &[Owned]) -> usize {
    let mut group = GroupBuilder::begin(out, time);
    for (db, args) in effects {
        group.effect(*db, args.iter().map(Vec::as_slice));
    }
    group.finish().unwrap()
}

fn read(group: &Group<'_>) -> Vec<Owned> {
    group.effects().map(|effect| (effect.db, effect.args().map(<[u8]>::to_vec).collect())).collect()
}

fn effects() -> impl Strategy<Value = Vec<Owned>> {
    let arg = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        (0_usize..20_000).prop_map(|len| vec![b'x'; len])
    ];
    proptest::collection::vec((any::<u8>(), proptest::collection::vec(arg, 1..5)), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(groups in proptest::collection::vec((any::<u64>(), effects()), 0..5)) {
        let mut out = b"before".to_vec();
        for (time, effects) in &groups {
            let size = write(&mut out, *time, effects);
            prop_assert!(size > HEADER);
        }
        let mut rest = &out[6..];
        for (time, effects) in &groups {
            let (group, size) = next_group(rest).unwrap().unwrap();
            prop_assert_eq!(group.time, *time);
            prop_assert_eq!(&read(&group), effects);
            prop_assert_eq!(claimed(rest, GROUP_MOST), Ok(Some(size)));
            rest = &rest[size..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn no_flip_goes_unseen(effects in effects(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut out = Vec::new();
        write(&mut out, 1, &effects);
        let at = at.index(out.len());
        out[at] ^= 1_u8 << bit;
        // A longer length waits for what does not come; all else is told.
        prop_assert!(matches!(next_group(&out), Err(_) | Ok(None)));
        prop_assert!(at < 4 || next_group(&out) == Err(Damage::Checksum));
    }

    #[test]
    fn all_that_is_cut_off_needs_more(effects in effects(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        write(&mut out, 1, &effects);
        out.truncate(cut.index(out.len()));
        prop_assert_eq!(next_group(&out), Ok(None));
    }
}

#[test]
fn its_form_is_as_described() {
    let mut out = Vec::new();
    let mut group = GroupBuilder::begin(&mut out, 0x0102);
    group.effect(3, [&b"DEL"[..], b"k"]);
    assert_eq!(group.finish(), Ok(24));
    assert_eq!(out[..4], [16, 0, 0, 0]);
    assert_eq!(out[8..], *b"\x02\x01\0\0\0\0\0\0\x03\x02\x03DEL\x01k");
}

#[test]
fn claims_are_refused_before_their_bytes_come() {
    assert_eq!(next_group(&[0; 8]), Err(Damage::Length(0)), "zeros have the right checksum of nothing");
    assert_eq!(next_group(&[10, 0, 0, 0, 0, 0, 0, 0]), Err(Damage::Length(10)));
    assert_eq!(claimed(&[1, 1, 0, 0, 0, 0, 0, 0], 256), Err(Damage::Length(257)));
    assert_eq!(claimed(&[1, 1, 0, 0, 0, 0, 0, 0], 257), Ok(Some(265)));
    assert_eq!(claimed(&[1, 1, 0, 0, 0, 0, 0], 1), Ok(None));
}

#[test]
fn a_right_checksum_is_not_enough() {
    let malformed: [&[u8]; 7] = [
        b"\0\0\0",             // no argument
        b"\0\x02\x01k",        // one of two
        b"\0\x01\x02k",        // half of it
        b"\0\x01\x01k\0",      // half an effect behind
        b"\0\xff\xff\xff\x0f", // more than there could be
        b"\0\x01\xff\xff\xff\xff\xff\x01",
        b"\0\x01\xff\xff\xff\xff\x1f",
    ];
    for effects in malformed {
        let body = [&[0; TIME], effects].concat();
        let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        assert_eq!(next_group(&bytes), Err(Damage::Form), "{effects:?}");
    }
}

#[test]
fn what_is_a_group_may_begin_one() {
    let mut out = Vec::new();
    let size = write(&mut out, 1_800_000_000_000, &[(0, vec![b"PERSIST".to_vec(), b"k".to_vec()])]);
    assert!(may_begin(&out, size));
    assert!(!may_begin(&[0xff; 100], 100));
}

/// What a core writes and reads of the groups of small commands in a second.
#[test]
#[ignore = "measures; run it with --release --nocapture"]
fn speed() {
    const GROUPS: u32 = 5_000_000;
    let value = [b'v'; 60];
    let mut out = Vec::with_capacity(1 << 20);
    let start = std::time::Instant::now();
    for n in 0..GROUPS {
        if out.len() > 1 << 19 {
            out.clear();
        }
        let mut group = GroupBuilder::begin(&mut out, u64::from(n));
        group.effect(0, [&b"SET"[..], b"key:0123456789", &value]);
        group.finish().unwrap();
    }
    println!("written: {:.1} M/s", f64::from(GROUPS) / start.elapsed().as_secs_f64() / 1e6);
    let (start, mut read, mut args) = (std::time::Instant::now(), 0, 0);
    while read < GROUPS {
        let mut rest = &out[..];
        while let Some((group, size)) = next_group(rest).unwrap() {
            args += group.effects().flat_map(|effect| effect.args()).map(<[u8]>::len).sum::<usize>();
            rest = &rest[size..];
            read += 1;
        }
    }
    println!("read: {:.1} M/s ({args} bytes)", f64::from(read) / start.elapsed().as_secs_f64() / 1e6);
}
