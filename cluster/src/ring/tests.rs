use super::*;

/// Written down once, from a program in Python that follows the module's description: a change of
/// any of these moves keys of running pools.
#[test]
fn the_format_is_kept() {
    let identity = Ticket::new("127.0.0.1:3000", 100).identity;
    assert_eq!(identity, 0x910e_5bdb_50cc_8802);
    assert_eq!(draw(identity, 0), 0x2ac1_3840_9bbf_9b7e);
    assert_eq!(draw(identity, 16383), 0x920b_8bf4_cb55_ef33);
    assert_eq!(cost(draw(identity, 0)), 0x2_94fd_1867);
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

/// The comparison of draws admits exactly the costs that are within the stretch.
#[test]
fn the_least_draw_is_the_first_within_reach() {
    for beyond in [1, 2, 3, 1000, 1 << 32, (3 << 32) + 7, 1 << 35, 9 << 35] {
        let least = least_draw_below(beyond);
        assert!(cost(least) < beyond || least == u64::MAX, "{beyond}");
        assert!(least == 0 || cost(least - 1) >= beyond, "{beyond}");
    }
}
