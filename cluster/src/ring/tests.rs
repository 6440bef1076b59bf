use super::*;

/// Written down once: a change of any of these moves keys of running pools.
#[test]
fn the_format_is_kept() {
    let identity = Ticket::new("127.0.0.1:3000", 100).identity;
    assert_eq!(identity, 0x910e_5bdb_50cc_8802);
    assert_eq!(draw(identity, 0), 0x7aea_5c3d_8b4d_f1d4);
    assert_eq!(draw(identity, 16383), 0x18ad_79b6_025f_7efe);
    assert_eq!(cost(draw(identity, 0)), 0x1_0ef8_69a1);
    assert_eq!(
        (LOG2[0], LOG2[1], LOG2[128], LOG2[255], LOG2[256]),
        (0, 0x0170_9c46, 0x95c0_1a39, 0xff47_278a, 1 << 32)
    );
}

#[test]
fn costs_are_logarithms() {
    for draw in [0, 1, 2, 3, 1 << 40, 0x1234_5678_9abc_def0, u64::MAX / 3, u64::MAX - 1, u64::MAX] {
        let expected = 64.0 - ((draw | 1) as f64).log2();
        let cost = cost(draw) as f64 / (1u64 << FRACTION) as f64;
        assert!((cost - expected).abs() < 1e-5, "{draw:#x}: {cost}, not {expected}");
    }
}

/// The greatest weights and sums that the limits allow do not overflow, and stay within the stretch.
#[test]
fn positions_fit_their_stretch() {
    let total = 1024 * 100_000;
    for weight in [1, 100, 100_000] {
        let racer = Racer::new(Ticket::new("m", weight), total);
        let positions = (0..SLOTS as u16).filter_map(|slot| Some((slot, racer.position(slot)?)));
        for (slot, position) in positions {
            assert_eq!(position >> STRETCH, u64::from(slot));
        }
    }
}

#[test]
fn a_walk_meets_every_point_once_in_order() {
    let tickets: Vec<_> = ["a", "b", "c"].iter().map(|name| Ticket::new(name, 100)).collect();
    let ring = Ring::new(&tickets);
    let (first, middle): (Vec<_>, Vec<_>) = (ring.onward(0).collect(), ring.onward(9000).collect());
    assert_eq!(first.len(), ring.points.len());
    let offset = (0..first.len()).find(|offset| first[*offset..] == middle[..first.len() - offset]).unwrap();
    assert_eq!(first[..offset], middle[first.len() - offset..]);
    assert!(offset.abs_diff(first.len() * 9000 / SLOTS) < 1000, "a slot's walk begins at its stretch");
}
