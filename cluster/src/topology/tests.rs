use super::*;
use proptest::prelude::*;
use std::path::Path;

fn topology(text: &str) -> Topology {
    Topology::new(Servers::parse(text.as_bytes(), Path::new("s")).unwrap(), 1)
}

#[test]
fn a_key_leads_to_a_member() {
    let topology = topology(
        r#"[{"name": "b", "addr": "h:2", "replicas": ["r:2"]}, {"name": "a", "addr": "h:1"}, {"name": "c", "addr": "h:3"}]"#,
    );
    let owner = topology.owner_of(b"{user1000}.following");
    assert_eq!(topology.owner(3443).name, topology.members()[owner].name);
    assert_eq!(topology.owner_of(b"user1000"), owner);
    assert_eq!(topology.slot_counts().iter().sum::<usize>(), crate::slot::SLOTS);
}

#[test]
fn members_are_found_by_name_and_by_any_of_their_addresses() {
    let topology =
        topology(r#"[{"name": "b", "addr": "h:2", "replicas": ["r:2"]}, {"name": "a", "addr": "h:1"}]"#);
    let at = |text| topology.member_at(&Address::parse(text).unwrap());
    assert_eq!(topology.member_named("a"), Some(0));
    assert_eq!(topology.member_named("c"), None);
    assert_eq!((at("h:1"), at("h:2"), at("r:2"), at("h:3")), (Some(0), Some(1), Some(1), None));
}

#[test]
fn a_drained_member_is_there_without_slots() {
    let topology = topology(r#"[{"name": "a", "addr": "h:1", "weight": 0}, {"name": "b", "addr": "h:2"}]"#);
    assert_eq!(topology.members().len(), 2);
    assert_eq!(topology.slot_counts(), [0, 16384]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_the_file_does_not_matter(
        entries in prop::collection::btree_map("[a-z0-9.]{0,6}[a-z]", 1u32..1000, 2..=20),
        keys in prop::collection::vec(any::<u64>(), 20),
    ) {
        let mut entries: Vec<_> = entries.iter().filter(|(host, _)| Address::parse(&format!("{host}:1")).is_ok()).collect();
        prop_assume!(!entries.is_empty());
        let file = |entries: &[(&String, &u32)]| {
            let entries = entries.iter().map(|(host, weight)| format!("{{\"addr\": \"{host}:1\", \"weight\": {weight}}}"));
            format!("[{}]", entries.collect::<Vec<_>>().join(","))
        };
        let first = topology(&file(&entries));
        let mut keys = keys.iter();
        entries.sort_by_cached_key(|_| keys.next());
        let second = topology(&file(&entries));
        prop_assert_eq!(first.members(), second.members());
        prop_assert_eq!(first.table(), second.table());
    }
}
