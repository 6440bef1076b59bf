//! What a server still does when it follows already is in nobody's log.

use super::{WITHIN, equal, follow, in_step, replica_of, says, server};
use ringtail_tests::harness::{scratch, wait_for};

#[test]
fn a_script_that_outlasts_its_server_s_lead_is_set_aside() {
    let dir = scratch("astray");
    let old = server(&["--dir", dir.to_str().expect("a path in UTF-8")]);
    let new = replica_of(&old.endpoint, &[]);
    assert!(old.endpoint.open().run("SET k v").is_ok());
    in_step(&old, &new);
    let script = "redis.call('SET', KEYS[1], 'v') local i = 0 while i < 3e8 do i = i + 1 end return 1";
    let mut conn = old.endpoint.open();
    conn.set_patience(WITHIN);
    let ended = std::thread::scope(|scope| {
        let runs = scope.spawn(|| conn.call(&["EVAL", script, "1", "alone"]));
        let is_there = || {
            old.endpoint.open().run("SCRIPT KILL").error().is_some_and(|why| why.starts_with("UNKILLABLE"))
        };
        assert!(wait_for(WITHIN, is_there), "{}", old.process.output());
        assert!(new.endpoint.open().run("REPLICAOF NO ONE").is_ok());
        follow(&old.endpoint, &new.endpoint);
        for n in 0..100 {
            assert!(new.endpoint.open().run(&format!("SET k{n} v")).is_ok());
        }
        runs.join().expect("a client")
    });
    assert_eq!(ended.int(), 1);
    let said = || says(&old, "all that this server has is set aside");
    assert!(wait_for(WITHIN, || said() == 1), "{}", old.process.output());
    equal(&new, &old);
    assert_eq!(old.endpoint.open().run("GET alone").bytes(), None);
}
