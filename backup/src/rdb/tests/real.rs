//! Beside a real redis-server.

#[test]
fn todo_real() {}
