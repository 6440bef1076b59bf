use super::*;
use crate::cockpit::members::Pool;
use std::collections::HashMap;
use std::time::{Duration, Instant};

fn sample(at: Instant, done: u64, members: usize) -> Sample {
    let name = |number| format!("m{number:02}");
    let member = |number: usize| Member {
        name: name(number),
        addr: format!("10.0.0.{number}:3000"),
        state: if number == 1 { "down" } else { "up" }.into(),
        requests: done * number as u64,
        p99: Some(1500.0 + number as f64),
        ..Member::default()
    };
    let counts = |number: usize| Counts {
        hits: done * 3,
        misses: done,
        memory: 1 << (20 + number.min(10)),
        ..Counts::default()
    };
    let calls = Calls { calls: done, usec: done * 7, ..Calls::default() };
    Sample {
        at,
        own: Counts { commands: done, ..Counts::default() },
        commands: HashMap::from([("get".to_owned(), calls), ("idle".to_owned(), Calls::default())]),
        latencies: None,
        uptime: 90_061,
        pool: (members > 0).then(|| Pool { epoch: 3, members: (0..members).map(member).collect() }),
        members: (1..members).map(|number| (name(number), counts(number))).collect(),
        silent: (0..members.min(1)).map(|number| (name(number), "no answer".to_owned())).collect(),
    }
}

fn lines(size: Size, members: usize, order: Order) -> Vec<String> {
    let start = Instant::now();
    let (before, now) = (sample(start, 100, members), sample(start + Duration::from_secs(2), 300, members));
    let hot = vec![HotKey { key: b"hot\n".to_vec(), rate: 1234, writes: 50 }; 30];
    View {
        addr: "h:1",
        before: &before,
        now: &now,
        hot: &hot,
        order,
        held: false,
        silent: Some("\x1b[31mwhy"),
        colour: false,
    }
    .lines(size)
}

#[test]
fn every_picture_fits_its_screen() {
    for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (500, 300)] {
        for members in [0, 1, 3, 60] {
            let lines = lines(Size { width, height }, members, Order::Name);
            assert!(lines.len() <= height.max(1), "{} lines in {height}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
        }
    }
}

#[test]
fn a_small_screen_has_something_of_each() {
    let text = lines(Size { width: 80, height: 24 }, 12, Order::Name).join("\n");
    for part in [
        "pool of 12, 11 up, epoch 3  up 1 d 1 h",
        "commands 100/s",
        "hits 75.0 %",
        "m00",
        "get",
        "hot\\n",
        "OLD: \u{fffd}[31mwhy",
        "q quits",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("idle"), "{text}");
    assert!(text.contains("7 us"), "{text}");
    assert!(text.contains("m00 can't be asked: no answer"), "{text}");
    // Sums lack it.
    assert!(text.contains("memory ≥") && text.contains("evicted ≥0/s"), "{text}");
}

#[test]
fn members_come_in_the_order_that_is_asked_for() {
    let order = |order| {
        let lines = lines(Size { width: 120, height: 40 }, 4, order);
        let names =
            lines.iter().filter_map(|line| line.split(' ').next().filter(|name| name.starts_with("m0")));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(order(Order::Name), ["m00", "m01", "m02", "m03"]);
    assert_eq!(order(Order::Commands), ["m03", "m02", "m01", "m00"]);
    assert_eq!(order(Order::Memory), ["m03", "m02", "m01", "m00"]);
}

#[test]
fn room_goes_to_those_who_want_it() {
    assert_eq!(share(20, [3, 3, 30]), [4, 4, 12]);
    assert_eq!(share(21, [30, 30, 30]), [7, 7, 7]);
    assert_eq!(share(10, [0, 2, 30]), [0, 3, 7]);
    assert_eq!(share(0, [5, 5, 5]), [0, 0, 0]);
}
