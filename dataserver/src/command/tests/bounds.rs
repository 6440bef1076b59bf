//! What one request can make the server hold, and what it can't.

use crate::command::testing::Harness;

#[test]
fn a_reply_is_bounded() {
    let mut t = Harness::new();
    let value = vec![b'x'; 100 << 20];
    assert_eq!(t.run_args(&[b"SET", b"m", &value]), "OK");
    assert_eq!(t.run("MGET m m m m m m"), "-ERR the reply is longer than 576 MB: ask for less at once");
    assert_eq!(t.run("STRLEN m"), "104857600");
}

#[test]
fn the_limit_holds_again_after_a_command_that_grew_its_key() {
    let mut t = Harness::new();
    let memory = &t.server.store.memory;
    memory.publish_all();
    memory.set_limit(memory.used() + (4 << 20));
    assert_eq!(t.run("SETRANGE grown 50000000 x"), "50000001");
    assert!(!t.server.store.memory.is_over());
    assert_eq!(t.run("SET small v"), "OK");
}

#[test]
fn an_http_request_ends_its_connection() {
    for line in ["POST / HTTP/1.1", "Host: localhost:3000"] {
        let mut t = Harness::new();
        assert!(t.run(line).starts_with("-ERR unknown command"), "{line}");
        assert!(t.session.closing, "{line}");
    }
}
