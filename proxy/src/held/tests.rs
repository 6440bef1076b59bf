//! What is counted, and who has to wait.

use super::*;

fn worker_of(all: &Arc<InFlight>) -> Rc<Held> {
    Held::new(all)
}

#[test]
fn what_holders_give_back_is_not_counted() {
    let all = Arc::new(InFlight::default());
    let (one, other) = (worker_of(&all), worker_of(&all));
    let (mut a, mut b) = (Share::new(&one), Share::new(&other));
    a.set(3 << 20);
    b.set(1 << 20);
    assert_eq!(all.bytes(), 4 << 20);
    a.set(1 << 20);
    drop(b);
    assert_eq!(all.bytes(), 1 << 20);
    drop(a);
    assert_eq!(all.bytes(), 0);
}

#[test]
fn small_changes_are_told_once_they_add_up() {
    let all = Arc::new(InFlight::default());
    let held = worker_of(&all);
    let mut shares: Vec<Share> = (0..3).map(|_| Share::new(&held)).collect();
    shares[0].set(limits::HELD_TOLD - 1);
    assert_eq!(all.bytes(), 0);
    shares[1].set(1);
    assert_eq!(all.bytes(), limits::HELD_TOLD);
}

#[test]
fn who_holds_much_waits_before_who_holds_little() {
    let all = Arc::new(InFlight::default());
    let held = worker_of(&all);
    let (mut large, small) = (Share::new(&held), Share::new(&held));
    large.set(15 << 20);
    assert!(!large.has_to_wait(), "there is no bound");
    all.most.store(16 << 20, Relaxed);
    assert!(large.has_to_wait() && !small.has_to_wait());
    large.set(17 << 20);
    assert!(small.has_to_wait());
    large.set(1 << 20);
    assert!(!large.has_to_wait());
}
