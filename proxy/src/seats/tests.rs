use super::*;

#[test]
fn a_seat_is_free_again_when_its_client_leaves() {
    let seats = Arc::new(Seats::default());
    let first = seats.take("a", 2).unwrap();
    let _second = seats.take("a", 2).unwrap();
    assert!(seats.take("a", 2).is_none());
    assert!(seats.take("b", 2).is_some(), "others have their own");
    assert!(seats.take("a", 0).is_some(), "0 is no bound");
    drop(first);
    assert!(seats.take("a", 2).is_some());
}

#[test]
fn nothing_is_kept_of_who_has_left() {
    let seats = Arc::new(Seats::default());
    drop(seats.take("a", 1));
    assert!(seats.taken().is_empty());
}
