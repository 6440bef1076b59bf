use super::*;

/// Follows cursors from 0 until 0, each member answering its pages; `change` may replace the names on the way.
fn visited(names: &[&str], pages: u64, change: impl Fn(usize) -> Vec<String>) -> Vec<(String, u64)> {
    let (mut seen, mut cursor, mut step) = (Vec::new(), Cursor { tag: 0, inner: 0 }, 0);
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    loop {
        let tags = tags(names.iter().map(String::as_str));
        let Some(at) = next(&tags, cursor.tag) else { return seen };
        let inner = if tags[at] == cursor.tag { cursor.inner } else { 0 };
        seen.push((names[at].clone(), inner));
        let told = if inner + 1 < pages { inner + 1 } else { 0 };
        let number = following(&tags, at, told).number();
        if number == 0 {
            return seen;
        }
        cursor = Cursor::parse(number.to_string().as_bytes()).unwrap();
        step += 1;
        let changed = change(step);
        if !changed.is_empty() {
            names = changed;
        }
    }
}

#[test]
fn every_page_of_every_member_is_visited_once() {
    let mut seen = visited(&["a", "b", "c", "d"], 3, |_| Vec::new());
    seen.sort();
    let all: Vec<(String, u64)> =
        ["a", "b", "c", "d"].iter().flat_map(|n| (0..3).map(|p| ((*n).to_owned(), p))).collect();
    assert_eq!(seen, all);
}

#[test]
fn members_that_stay_are_visited_whole_when_others_come_and_go() {
    let names = ["a", "b", "c", "d"];
    for gone in names {
        for when in 1..11 {
            let rest: Vec<String> = names.iter().filter(|n| **n != gone).map(|n| (*n).to_owned()).collect();
            let change =
                |step| if step == when { [rest.clone(), vec!["e".to_owned()]].concat() } else { Vec::new() };
            let seen = visited(&names, 3, change);
            for name in &rest {
                for page in 0..3 {
                    let times = seen.iter().filter(|(n, p)| n == name && *p == page).count();
                    assert_eq!(times, 1, "{name} page {page}, {gone} gone at {when}");
                }
            }
        }
    }
}

#[test]
fn tags_differ_and_cursors_read_back() {
    let names: Vec<String> = (0..500).map(|n| format!("10.0.0.{n}:3000")).collect();
    let mut tags = tags(names.iter().map(String::as_str));
    assert!(tags.iter().all(|tag| (1..TAGS).contains(tag)));
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 500);
    let cursor = Cursor { tag: TAGS - 1, inner: MEMBER_CURSOR };
    assert!(i64::try_from(cursor.number()).is_ok());
    assert_eq!(Cursor::parse(cursor.number().to_string().as_bytes()), Some(cursor));
    for bad in ["", "x", "-1", "18446744073709551615"] {
        assert_eq!(Cursor::parse(bad.as_bytes()), None);
    }
}
