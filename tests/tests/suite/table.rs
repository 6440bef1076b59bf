//! The table of cases against every kind of target.

use ringtail_tests::cases::{Case, Target, load, run};
use ringtail_tests::harness::{Certs, Options, Pool, Redis, Server, repo_file};
use ringtail_tests::resp::Endpoint;

fn cases() -> Vec<Case> {
    load(&repo_file("tests/cases"))
}

fn check(name: &str, selectors: &[&str], endpoint: &Endpoint) {
    let target = Target { name, selectors, endpoint: endpoint.clone() };
    run(&cases(), &target).check(name);
}

#[test]
fn real_redis() {
    let Some(redis) = Redis::start(&[]) else { return };
    check("redis-server", &["redis"], &redis.endpoint);
}

#[test]
fn data_server() {
    let server = Server::start(&Options::default());
    check("ringtail-server", &["server"], &server.endpoint);
}

#[test]
fn data_server_over_tls() {
    let server = Server::start(&Options::default().with_certs(&Certs::get()));
    check("ringtail-server with TLS", &["server", "tls"], &server.endpoint);
}

#[test]
fn pool() {
    let pool = Pool::start(&Options::default());
    check("a pool", &["pool", "ringtail-pool"], &pool.endpoint);
}

#[test]
fn pool_over_tls() {
    let pool = Pool::start(&Options::default().with_certs(&Certs::get()));
    check("a pool with TLS", &["pool", "ringtail-pool", "tls"], &pool.endpoint);
}

#[test]
fn pool_of_redis() {
    let Some(pool) = Pool::of_redis(&Options::default()) else { return };
    check("a pool of redis-servers", &["redis", "pool", "redis-pool"], &pool.endpoint);
}
