use super::{Count, Counter, Event, Model, NEVER, Register, Use, first_impossible, is_linearizable};
use Use::{Read, Swap, Write};
use proptest::prelude::*;

fn history<O: Copy>(events: &[(u64, u64, O)]) -> Vec<Event<O>> {
    events.iter().map(|&(called, answered, operation)| Event { called, answered, operation }).collect()
}

/// Checked as it is, and settled: both say the same.
fn holds(events: &[(u64, u64, Use)]) -> bool {
    let history = history(events);
    let holds = is_linearizable(&Register, &history);
    assert_eq!(is_linearizable(&Register, &Register::settled(&history)), holds);
    holds
}

#[test]
fn overlapping_operations_have_any_order() {
    assert!(holds(&[]));
    assert!(holds(&[(0, 10, Write(1)), (1, 2, Read(0)), (3, 4, Read(1))]));
    assert!(holds(&[(0, 10, Write(1)), (0, 10, Write(2)), (11, 12, Read(1))]));
    assert!(holds(&[(0, 10, Write(1)), (2, 9, Swap(2, 3)), (3, 8, Swap(1, 2)), (11, 12, Read(3))]));
    // What is called at the very moment of a reply may come before it.
    assert!(holds(&[(0, 5, Read(1)), (5, 9, Write(1))]));
}

#[test]
fn a_stale_read_is_found() {
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Read(0))]));
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Write(2)), (4, 5, Read(1))]));
    // Once it was seen, it can't be unseen.
    assert!(!holds(&[(0, 10, Write(1)), (1, 2, Read(1)), (3, 4, Read(0))]));
}

#[test]
fn a_lost_write_is_found() {
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Write(2)), (4, 5, Read(1)), (6, 7, Read(1))]));
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Swap(0, 2))]));
    let added = [1, 2, 2].map(|sum| Count::Add(Some(sum)));
    let sums = [(0, 1, added[0]), (2, 3, added[1]), (4, 5, added[2])];
    assert!(is_linearizable(&Counter, &history(&sums[..2])) && !is_linearizable(&Counter, &history(&sums)));
}

#[test]
fn a_write_that_comes_back_is_found() {
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Write(2)), (4, 5, Read(2)), (6, 7, Read(1))]));
    // Nor may one of unknown outcome be done twice.
    assert!(!holds(&[(0, NEVER, Write(1)), (2, 3, Read(1)), (4, 5, Write(2)), (6, 7, Read(1))]));
}

#[test]
fn a_value_that_was_never_written_is_found() {
    assert!(!holds(&[(0, 1, Write(1)), (2, 3, Read(7))]));
    assert!(!holds(&[(0, 1, Read(7)), (2, 3, Write(7))]));
}

#[test]
fn what_nobody_knows_was_done_later_or_never() {
    assert!(holds(&[(0, NEVER, Write(1)), (2, 3, Read(0)), (9, 10, Read(1))]));
    assert!(holds(&[(0, NEVER, Write(1)), (2, 3, Write(2)), (9, 10, Read(2))]));
    assert!(holds(&[(0, NEVER, Write(1)), (0, NEVER, Write(2)), (2, 3, Read(2)), (4, 5, Read(1))]));
    // But not before it was called.
    assert!(!holds(&[(0, 1, Read(1)), (2, NEVER, Write(1))]));
    let adds = |sum| [(0, NEVER, Count::Add(None)), (1, NEVER, Count::Add(None)), (9, 10, Count::Read(sum))];
    let sums = [0, 1, 2, 3].map(|sum| is_linearizable(&Counter, &history(&adds(sum))));
    assert_eq!(sums, [true, true, true, false]);
}

#[test]
fn the_operation_that_does_not_fit_is_named() {
    let events = [(0, 1, Write(1)), (2, 9, Write(2)), (3, 4, Read(2)), (10, 11, Read(1)), (12, 13, Read(2))];
    assert_eq!(first_impossible(&Register, &history(&events)), Some(3));
}

/// Eight clients who write and read one after another: each operation overlaps seven others, and each hundredth is never answered.
fn many(operations: u64) -> Vec<(u64, u64, Use)> {
    let one = |n| match n % 100 {
        0 => (10 * n, NEVER, Write(1_000_000 + n)),
        _ if n % 2 == 1 => (10 * n, 10 * n + 75, Write(n)),
        2 => (10 * n, 10 * n + 75, Read(n - 1)),
        _ => (10 * n, 10 * n + 75, Swap(n - 1, 2_000_000 + n)),
    };
    (0..operations).map(one).collect()
}

#[test]
fn long_histories_of_many_clients_are_checked() {
    assert!(is_linearizable(&Register, &Register::settled(&history(&many(20_000)))));
    let mut lost = many(2000);
    lost.push((1_000_000, 1_000_001, Read(1)));
    let settled = Register::settled(&history(&lost));
    assert_eq!(first_impossible(&Register, &settled), Some(settled.len() - 1));
}

#[test]
fn so_are_those_of_numbers() {
    // Each tenth addition is of unknown outcome, and half of those were done, each within the next ten.
    let (mut sum, mut sums) = (0, Vec::new());
    for n in 0..800_u64 {
        if n % 10 == 0 {
            sums.push((10 * n, NEVER, Count::Add(None)));
        } else {
            sum += 1 + u64::from(n % 20 == 7);
            sums.push((10 * n, 10 * n + 75, Count::Add(Some(sum))));
        }
    }
    assert!(is_linearizable(&Counter, &history(&sums)));
    // One more than could have been done.
    sums.push((1_000_000, 1_000_001, Count::Read(sum + 41)));
    assert_eq!(first_impossible(&Counter, &history(&sums)), Some(800));
}

/// All orders of all operations that may be.
fn brute_force<M: Model>(model: &M, state: &M::State, left: &[&Event<M::Operation>]) -> bool {
    if left.iter().all(|event| !event.is_known()) {
        return true;
    }
    (0..left.len()).any(|i| {
        let event = left[i];
        let is_next = left.iter().all(|other| event.called <= other.answered);
        let rest: Vec<_> =
            left.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, event)| *event).collect();
        is_next && model.step(state, &event.operation).is_some_and(|next| brute_force(model, &next, &rest))
    })
}

fn spans() -> impl Strategy<Value = (u64, u64)> {
    (0_u64..12, 0_u64..8).prop_map(|(called, time)| (called, if time == 7 { NEVER } else { called + time }))
}

/// Up to six operations; those that write write 1, 2 and so on.
fn uses() -> impl Strategy<Value = Vec<Event<Use>>> {
    let one = (spans(), 0_u8..3, 0_u64..5);
    proptest::collection::vec(one, 0..7).prop_map(|all| {
        let event = |(i, ((called, answered), kind, seen)): (usize, ((u64, u64), u8, u64))| {
            let own = i as u64 + 1;
            let operation = [Read(seen), Write(own), Swap(seen, own)][usize::from(kind)];
            // What has no reply has seen nothing.
            let operation = if answered == NEVER { Write(own) } else { operation };
            Event { called, answered, operation }
        };
        all.into_iter().enumerate().map(event).collect()
    })
}

fn counts() -> impl Strategy<Value = Vec<Event<Count>>> {
    let one = (spans(), any::<bool>(), 0_u64..5);
    proptest::collection::vec(one, 0..7).prop_map(|all| {
        let event = |((called, answered), reads, sum)| {
            let known = if reads { Count::Read(sum) } else { Count::Add(Some(sum)) };
            let operation = if answered == NEVER { Count::Add(None) } else { known };
            Event { called, answered, operation }
        };
        all.into_iter().map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_what_all_orders_find(history in uses()) {
        let all: Vec<_> = history.iter().collect();
        let holds = brute_force(&Register, &0, &all);
        prop_assert_eq!(is_linearizable(&Register, &history), holds);
        prop_assert_eq!(is_linearizable(&Register, &Register::settled(&history)), holds);
    }

    #[test]
    fn so_it_does_of_numbers(history in counts()) {
        let all: Vec<_> = history.iter().collect();
        prop_assert_eq!(is_linearizable(&Counter, &history), brute_force(&Counter, &0, &all));
    }
}
