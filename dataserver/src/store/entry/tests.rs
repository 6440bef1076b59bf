use super::*;

#[test]
fn a_string_lives_through_every_change() {
    let mut e = Entry::string(0xabcd, 3, b"key", b"value");
    assert!(e.is(3, b"key") && !e.is(2, b"key") && e.tag() == 0xabcd);
    assert_eq!((e.bytes(), e.expiry()), (Some(&b"value"[..]), None));
    e.set_expiry(Some(7));
    e.set_used(9);
    e.set_bytes(b"a longer value than before");
    assert_eq!((e.bytes(), e.expiry(), e.used()), (Some(&b"a longer value than before"[..]), Some(7), 9));
    assert_eq!(e.append(b"!"), Some(27));
    assert!(e.is_raw());
    e.set_expiry(None);
    assert_eq!((e.bytes(), e.expiry()), (Some(&b"a longer value than before!"[..]), None));
    e.set_bytes(b"");
    assert_eq!((e.bytes(), e.key(), e.tag(), e.is_raw()), (Some(&b""[..]), &b"key"[..], 0xabcd, false));
}

#[test]
fn strings_become_objects_and_back() {
    let long = vec![b'x'; INLINE_MAX + 1];
    let mut e = Entry::string(1, 0, b"k", &long);
    e.set_expiry(Some(5));
    assert_eq!(e.bytes(), Some(&long[..]));
    e.set_expiry(Some(6));
    e.set_bytes(b"short");
    assert_eq!((e.bytes(), e.expiry()), (Some(&b"short"[..]), Some(6)));
    assert_eq!(e.append(&long), Some(long.len() + 5));
    assert_eq!(e.append(b"tail"), Some(long.len() + 9));
    e.set_expiry(None);
    assert_eq!(e.bytes().map(<[u8]>::len), Some(long.len() + 9));
    let copy = e.copied(2, 1, b"other");
    let moved = e.renamed(3, 1, b"name");
    assert_eq!((copy.bytes(), moved.key(), moved.tag()), (moved.bytes(), &b"name"[..], 3));
}
