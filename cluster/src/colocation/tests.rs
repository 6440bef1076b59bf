use super::*;
use crate::slot::slot_of;

fn rules(patterns: &[&str]) -> Colocation {
    Colocation::of(patterns).unwrap()
}

#[test]
fn keys_hash_by_the_fixed_part_as_if_it_were_a_tag() {
    let rules = rules(&["bull:*", "celery*"]);
    let tagged = slot_of(b"{bull:}x");
    for key in [&b"bull:mail:wait"[..], b"bull:", b"bull:{a}b", b"bull:\xff"] {
        assert_eq!(rules.slot(key), Some(tagged), "{:?}", String::from_utf8_lossy(key));
    }
    assert_eq!(rules.slot(b"celery-task-meta-1"), Some(slot_of(b"celery")));
    for key in [&b"bull"[..], b"bul", b"", b"xbull:", b"{bull:}x"] {
        assert_eq!(rules.slot(key), None, "{:?}", String::from_utf8_lossy(key));
    }
}

#[test]
fn the_narrowest_rule_decides_in_whatever_order_they_are_given() {
    let one = rules(&["app:*", "app:queue:*", "z*"]);
    assert_eq!(one, rules(&["z*", "app:queue:*", "app:*", "app:*"]));
    assert_eq!(one.to_string(), "app:queue:* app:* z*");
    assert_eq!(one.slot(b"app:queue:1"), Some(slot_of(b"app:queue:")));
    assert_eq!(one.slot(b"app:q"), Some(slot_of(b"app:")));
    assert!(one.divides(b"app:") && one.divides(b"") && one.divides(b"app"));
    assert!(!one.divides(b"app:queue:") && !one.divides(b"app:x"));
}

#[test]
fn what_is_no_rule_is_refused() {
    for bad in ["", "*", "bull", "bull:", "a*b*", "a*b", "a?*", "a[b]*", "a\\*", "a b*", "é*"] {
        assert!(Colocation::of([bad]).is_err(), "{bad:?}");
    }
}
