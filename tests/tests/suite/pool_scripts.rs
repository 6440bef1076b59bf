//! Scripts and functions through a pool of real programs: where they run, what one that runs long holds up, and what a
//! member that lost its scripts gets back.

use ringtail_tests::harness::{Options, Pool, wait_for};
use ringtail_tests::resp::{Value, request};
use std::time::Duration;

/// A script that reads its key and runs for about as many milliseconds as ARGV says.
const SLOW: &str = "redis.call('get', KEYS[1]) local function now() local t = redis.call('time') return t[1] * 1000 + t[2] / 1000 end \
    local till = now() + tonumber(ARGV[1]) while now() < till do end return 'done'";

#[test]
fn a_script_runs_longer_than_the_timeout_and_holds_up_nobody() {
    let pool = Pool::start(&Options::args(&["--timeout", "1s", "--threads", "1"]));
    let (mut busy, mut other) = (pool.endpoint.open(), pool.endpoint.open());
    busy.send(&request(&["EVAL", SLOW, "1", "held", "3000"])).expect("sent");
    for i in 0..50 {
        let set = other.run(&format!("SET k{i} v"));
        assert!(set.is_ok(), "{set}");
    }
    assert_eq!(busy.read().expect("the script's answer").text(), "done");
}

#[test]
fn a_script_without_end_is_killed_through_the_proxy() {
    let pool = Pool::start(&Options::args(&["--timeout", "200ms", "--threads", "1"]));
    let (mut busy, mut other) = (pool.endpoint.open(), pool.endpoint.open());
    let idle = other.run("SCRIPT KILL");
    assert!(idle.error().is_some_and(|text| text.starts_with("NOTBUSY ")), "{idle}");
    busy.send(&request(&["EVAL", "while true do end", "1", "held"])).expect("sent");
    assert!(wait_for(Duration::from_secs(10), || other.run("SCRIPT KILL").is_ok()), "never found");
    let killed = busy.read().expect("the script's end");
    assert!(killed.error().is_some_and(|text| text.starts_with("ERR Script killed by user")), "{killed}");
}

#[test]
fn members_that_were_restarted_get_their_scripts_and_functions_back() {
    let mut pool = Pool::start(&Options::args(&["--timeout", "5s"]));
    let mut client = pool.endpoint.open();
    let sha = client.call(&["SCRIPT", "LOAD", "return redis.call('incr', KEYS[1])"]).text().to_owned();
    let library = "#!lua name=lib\nredis.register_function('twice', function(k, a) return 2 * a[1] end)";
    assert_eq!(client.call(&["FUNCTION", "LOAD", library]).text(), "lib");
    for member in 0..3 {
        pool.members.process(member).kill();
        pool.members.restart(member);
        for key in 0..20 {
            let key = format!("k{key}");
            let back = || {
                let counted = pool.endpoint.open().call(&["EVALSHA", &sha, "1", &key]);
                matches!(counted, Value::Int(_))
            };
            assert!(wait_for(Duration::from_secs(10), back), "{key} at member {member}");
            assert_eq!(pool.endpoint.open().call(&["FCALL", "twice", "1", &key, "21"]).int(), 42);
        }
    }
}

#[test]
fn keys_of_a_rule_are_one_members_and_servers_of_other_rules_are_refused() {
    let rules = Options::args(&["--colocate", "bull:*"]);
    let pool = Pool::start_with(&rules, &rules);
    let mut client = pool.endpoint.open();
    let all: Vec<String> = (0..50).map(|n| format!("bull:q:{n}")).collect();
    let mut script =
        vec!["EVAL", "for i, k in ipairs(KEYS) do redis.call('set', k, i) end return #KEYS", "50"];
    script.extend(all.iter().map(String::as_str));
    assert_eq!(client.call(&script).int(), 50);
    assert_eq!(client.call(&["CONFIG", "GET", "colocate"]).items()[1].text(), "bull:*");
    let holders = (0..3).filter(|member| pool.members.endpoint(*member).open().run("DBSIZE").int() > 0);
    assert_eq!(holders.count(), 1);
    drop(pool);
    let pool = Pool::start(&rules);
    let refused = pool.endpoint.open().run("GET k");
    let why = "its colocation rules are '', the proxy's 'bull:*': start both with the same --colocate";
    assert!(refused.error().is_some_and(|text| text.contains(why)), "{refused}");
}
