use super::*;
use crate::load::reply::scan;

const SIZES: Sizes = Sizes { keys: 1000, key: 6, value: 10 };

fn first_request(mix: &str, sizes: Sizes, key: u32) -> String {
    let mut out = Vec::new();
    Workload::new(mix, sizes).unwrap().write_first(&mut out, key);
    String::from_utf8(out).unwrap()
}

fn judged(mix: &str, sizes: Sizes, key: u32, reply: &str) -> Verdict {
    let workload = Workload::new(mix, sizes).unwrap();
    let sent = workload.write_first(&mut Vec::new(), key);
    workload.judge(sent, &scan(reply.as_bytes()).unwrap().unwrap(), reply.as_bytes())
}

#[test]
fn requests_carry_the_key_and_values_start_with_it() {
    assert_eq!(first_request("GET", SIZES, 42), "*2\r\n$3\r\nGET\r\n$6\r\ns00042\r\n");
    assert_eq!(first_request("set", SIZES, 999), "*3\r\n$3\r\nSET\r\n$6\r\ns00999\r\n$10\r\ns00999....\r\n");
    let short = Sizes { value: 3, ..SIZES };
    assert_eq!(first_request("SET", short, 1234), "*3\r\n$3\r\nSET\r\n$6\r\ns01234\r\n$3\r\n234\r\n");
    assert_eq!(
        first_request("HSET", SIZES, 7),
        "*4\r\n$4\r\nHSET\r\n$6\r\nh00007\r\n$5\r\nfield\r\n$10\r\nh00007....\r\n"
    );
}

#[test]
fn another_keys_value_is_wrong() {
    assert_eq!(judged("GET", SIZES, 42, "$10\r\ns00042....\r\n"), Verdict::Right);
    assert_eq!(judged("GET", SIZES, 42, "$10\r\ns00043....\r\n"), Verdict::Wrong);
    assert_eq!(judged("GET", SIZES, 42, "$10\r\nh00042....\r\n"), Verdict::Wrong);
    assert_eq!(judged("GET", SIZES, 42, "$9\r\ns00042...\r\n"), Verdict::Wrong);
    assert_eq!(judged("GET", Sizes { value: 3, ..SIZES }, 12345, "$3\r\n345\r\n"), Verdict::Right);
    assert_eq!(judged("GET", SIZES, 42, "$-1\r\n"), Verdict::Miss);
}

#[test]
fn a_reply_of_another_type_is_wrong() {
    assert_eq!(judged("SET", SIZES, 1, "+OK\r\n"), Verdict::Right);
    assert_eq!(judged("SET", SIZES, 1, "$-1\r\n"), Verdict::Wrong);
    assert_eq!(judged("GET", SIZES, 1, "+OK\r\n"), Verdict::Wrong);
    assert_eq!(judged("INCR", SIZES, 1, ":3\r\n"), Verdict::Right);
    assert_eq!(judged("LPUSH", SIZES, 1, "-WRONGTYPE\r\n"), Verdict::Wrong);
}

#[test]
fn the_mix_is_drawn_by_weight() {
    let workload = Workload::new("GET:10,SET:1", SIZES).unwrap();
    let (mut random, mut out) = (fastrand::Rng::with_seed(1), Vec::new());
    let sets = (0..11_000).filter(|_| workload.write_random(&mut out, &mut random).template == 1).count();
    assert!((900..1100).contains(&sets), "{sets} SETs of 1000");
}

#[test]
fn bad_mixes_and_sizes_are_refused() {
    for mix in ["NOPE", "GET:x", "GET:0", ""] {
        assert!(Workload::new(mix, SIZES).is_err(), "{mix}");
    }
    assert!(Sizes { keys: 1_000_000, ..SIZES }.check().is_err());
    assert!(Sizes { keys: 100_000, ..SIZES }.check().is_ok());
    assert!(Sizes { keys: 0, ..SIZES }.check().is_err());
}
