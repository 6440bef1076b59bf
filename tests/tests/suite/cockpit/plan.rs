//! `ringtail plan`: what it says is what happens.

use super::{path, run};
use ringtail_tests::harness::{
    Members, Options, Pool, Server, scratch, wait_for, write_members, write_servers,
};
use std::time::Duration;

fn filled(servers: &[&str]) -> Pool {
    let pool = Pool::start_with(&Options::default(), &Options::args(servers));
    let mut conn = pool.endpoint.open();
    for number in 0..600 {
        assert!(conn.call(&["SET", &format!("plan:{number}"), &"v".repeat(1000)]).is_ok());
    }
    pool
}

fn names(pool: &Pool) -> Vec<(String, u16)> {
    pool.members.ports().into_iter().enumerate().map(|(number, port)| (format!("m{number}"), port)).collect()
}

#[test]
fn what_is_planned_is_what_an_edit_does() {
    let pool = filled(&["--maxmemory", "100mb"]);
    let newcomer = Server::start(&Options::args(&["--maxmemory", "100mb"]));
    let edited = scratch("plan").join("new.json");
    let mut members = names(&pool);
    members.push(("newcomer".into(), newcomer.endpoint.port));
    write_members(&edited, &members);

    let plan = run(&pool.endpoint, &["plan", path(&edited), "--json"]).json();
    assert_eq!(plan["verdict"], "good");
    let sum = |name: &str, when: &str| -> u64 {
        let members = plan["members"].as_array().expect("members").iter();
        members.map(|member| member[name][when].as_u64().expect("a number")).sum()
    };
    assert_eq!((sum("slots", "before"), sum("slots", "after")), (16384, 16384));
    assert_eq!(sum("keys", "before"), 600);
    assert!(sum("keys", "after").abs_diff(600) <= 4, "{plan}");
    assert!(sum("bytes", "before") > 600_000, "{plan}");
    let moved = plan["moved"]["slots"].as_u64().expect("a number");
    assert!((3000..6000).contains(&moved), "{plan}");

    // The proxy takes the edit: every member then has the slots that were said.
    std::fs::copy(&edited, &pool.servers_json).expect("a copy");
    // It ends with 1 while the newcomer is being connected to.
    let topology = || -> serde_json::Value {
        serde_json::from_str(&run(&pool.endpoint, &["--json", "topology"]).out).expect("JSON")
    };
    assert!(wait_for(Duration::from_secs(10), || topology()["members"]
        .as_array()
        .is_some_and(|all| all.len() == 4)));
    for member in topology()["members"].as_array().expect("members") {
        let said =
            plan["members"].as_array().expect("members").iter().find(|said| said["name"] == member["name"]);
        assert_eq!(said.expect("it was planned")["slots"]["after"], member["slots"], "{member}");
    }
    let again = run(&pool.endpoint, &["plan", path(&edited)]).good();
    assert!(again.contains("Nothing changes."), "{again}");
}

#[test]
fn what_does_not_fit_ends_with_1() {
    let pool = filled(&["--maxmemory", "100mb"]);
    let edited = scratch("plan").join("new.json");
    // A member that can't be asked, with too little memory for what comes to it.
    let mut members = names(&pool);
    members.push(("nobody".into(), 1));
    write_members(&edited, &members);
    let ended = run(&pool.endpoint, &["plan", path(&edited)]);
    assert!(
        ended.code == Some(1) && ended.out.contains("Nobody can tell whether it fits: nobody"),
        "{ended:?}"
    );
    let ended = run(&pool.endpoint, &["plan", path(&edited), "--maxmemory", "1kb"]);
    assert!(ended.code == Some(1) && ended.out.contains("It does not fit: nobody"), "{ended:?}");
    let ended = run(&pool.endpoint, &["plan", path(&edited), "--maxmemory", "1gb"]);
    assert!(ended.code == Some(0) && ended.out.contains("It fits."), "{ended:?}");
}

#[test]
fn members_in_need_are_named() {
    let mut pool = filled(&[]);
    pool.members.process(1).kill();
    let edited = scratch("plan").join("new.json");
    write_members(&edited, &names(&pool)[1..]);
    let ended = run(&pool.endpoint, &["plan", path(&edited)]);
    assert!(ended.code == Some(1) && ended.out.contains("m1 could not be asked"), "{ended:?}");
}

#[test]
fn bad_files_end_with_2_and_their_place() {
    let pool = Pool::start(&Options::default());
    let dir = scratch("plan");
    let bad = dir.join("bad.json");
    for (text, want) in [
        ("[\n  {\"addr\": \"h:1\", \"wieght\": 3}\n]", "bad.json:2:"),
        ("[", "bad.json:"),
        ("[]", "no members"),
        ("[{\"addr\":\"h:1\"},{\"addr\":\"h:1\"}]", "twice"),
    ] {
        std::fs::write(&bad, text).expect("a file");
        let ended = run(&pool.endpoint, &["plan", path(&bad)]);
        assert!(ended.code == Some(2) && ended.errors.contains(want), "{text}: {ended:?}");
        assert_eq!(ended.errors.lines().count(), 1, "{ended:?}");
    }
    let ended = run(&pool.endpoint, &["plan", path(&dir.join("none.json"))]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = run(&pool.endpoint, &["plan"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // Only a proxy has members.
    let Members::Ringtail(servers) = &pool.members else { panic!("a pool of ours") };
    let ended = run(&servers[0].endpoint, &["plan", path(&pool.servers_json)]);
    assert!(ended.code == Some(1) && ended.errors.contains("no proxy"), "{ended:?}");
}

#[test]
fn two_files_are_compared_without_a_pool() {
    let dir = scratch("plan");
    let (old, new) = (dir.join("old.json"), dir.join("new.json"));
    write_servers(&old, &[1, 2]);
    write_servers(&new, &[1, 2, 3]);
    let nobody = ringtail_tests::resp::Endpoint::plain(1);
    let args = ["plan", path(&new), "--from", path(&old)];
    let text = run(&nobody, &args).good();
    assert!(text.contains("added m2") && text.contains("was not asked"), "{text}");
    let sized = |maxmemory: &str| {
        run(&nobody, &[&args[..], &["--keys", "1000", "--bytes", "3gb", "--maxmemory", maxmemory]].concat())
            .code
    };
    assert_eq!((sized("2gb"), sized("1kb")), (Some(0), Some(1)));
}

#[test]
fn who_gets_another_server_is_planned_with_that_one() {
    let pool = filled(&["--maxmemory", "200mb"]);
    for (maxmemory, verdict) in [("200mb", "good"), ("1mb", "does-not-fit")] {
        let other = Server::start(&Options::args(&["--maxmemory", maxmemory]));
        let edited = scratch("plan").join("new.json");
        let mut members = names(&pool);
        members[0].1 = other.endpoint.port;
        write_members(&edited, &members);
        let ended = run(&pool.endpoint, &["plan", path(&edited), "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
        assert_eq!(plan["verdict"], verdict, "{plan}");
        let lost = &plan["lost"][0];
        assert!(lost["member"] == "m0" && lost["keys"].as_u64() > Some(100), "{plan}");
        let text = run(&pool.endpoint, &["plan", path(&edited)]).out;
        assert!(text.contains("m0 gets another server, without its "), "{text}");
    }
}
