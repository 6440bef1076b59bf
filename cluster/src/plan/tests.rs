use super::*;
use crate::servers::Servers;
use std::path::Path;

fn topology(text: &str) -> Topology {
    Topology::new(Servers::parse(text.as_bytes(), Path::new("s")).unwrap(), 1)
}

fn plan(old: &str, new: &str) -> Plan {
    Plan::between(&topology(old), &topology(new))
}

#[test]
fn the_same_members_in_another_order_are_no_change() {
    let plan =
        plan(r#"[{"addr": "a:1"}, {"addr": "b:1"}]"#, r#"[{"addr": "b:1", "weight": 100}, {"addr": "A:1"}]"#);
    assert!(plan.is_empty());
    assert_eq!(plan.to_string(), "0 of 16384 slots move");
}

#[test]
fn a_named_member_is_re_addressed_without_moving_a_slot() {
    let old = r#"[{"name": "x", "addr": "a:1"}, {"name": "y", "addr": "b:1", "replicas": ["c:1"]}]"#;
    let new = r#"[{"name": "x", "addr": "a:2"}, {"name": "y", "addr": "c:1", "replicas": ["b:1"]}]"#;
    let said = plan(old, new).to_string();
    assert_eq!(
        said,
        "re-addressed x from a:1 to a:2, re-addressed y from b:1 to c:1, replicas of y changed, 0 of 16384 slots move"
    );
}

#[test]
fn every_move_names_the_owners_before_and_after() {
    let old = topology(r#"[{"name": "b", "addr": "b:1"}, {"name": "c", "addr": "c:1"}]"#);
    let new = topology(r#"[{"name": "a", "addr": "a:1"}, {"name": "c", "addr": "c:1", "weight": 300}]"#);
    let plan = Plan::between(&old, &new);
    assert_eq!((plan.added.len(), plan.removed.len(), plan.changed.len()), (1, 1, 1));
    for slot in 0..SLOTS as u16 {
        let (was, is) = (&old.owner(slot).name, &new.owner(slot).name);
        let found =
            plan.moves.binary_search_by_key(&slot, |moved| moved.slot).ok().map(|index| plan.moves[index]);
        assert_eq!(found.is_some(), was != is);
        let expected = Move { slot, from: old.table().owner(slot), to: new.table().owner(slot) };
        assert!(found.is_none_or(|found| found == expected));
    }
    let said = plan.to_string();
    assert!(said.starts_with("added a (a:1), removed b, weight of c from 100 to 300, "), "{said}");
}
