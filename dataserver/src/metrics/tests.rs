use super::*;
use ringtail_admin::Format;
use ringtail_net::Shutdown;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn every_family_is_written() {
    let server = Server::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 2, Shutdown::new());
    server.stats.worker(1).error("WRONGTYPE x");
    server.stats.ran(0, ringtail_protocol::command::lookup(b"get").unwrap(), 1, 1);
    server.replication.replicas.add(1, "a:1", server.address, 0).online.store(true, Relaxed);
    let mut out = Metrics::new(Format::Open);
    ringtail_admin::process::Process::starting("test").metrics(&mut out);
    server.metrics(&mut out);
    let text = out.finish();
    for family in families() {
        assert!(text.contains(&format!("# HELP {} ", family.name)), "{}", family.name);
    }
    assert_eq!(text.matches("# TYPE ").count(), families().len());
}

#[test]
fn a_replica_is_told_of_once_and_not_before_its_first_sync_is_over() {
    let server = Server::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1, Shutdown::new());
    let replicas = &server.replication.replicas;
    let text = || {
        let mut out = Metrics::new(Format::Open);
        server.metrics(&mut out);
        out.finish()
    };
    let count = |name: &str| text().matches(&format!("\n{name}{{replica=\"a:1\"}}")).count();
    let both =
        || (count("ringtail_server_replica_lag_bytes"), count("ringtail_server_replica_silence_seconds"));
    let gone = replicas.add(1, "a:1", server.address, 0);
    assert_eq!(both(), (0, 1));
    let back = replicas.add(2, "a:1", server.address, 0);
    gone.online.store(true, Relaxed);
    back.online.store(true, Relaxed);
    assert_eq!(both(), (1, 1), "its old connection is not found dead yet");
}

#[test]
fn a_server_that_loads_is_not_ready() {
    let server = Server::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1, Shutdown::new());
    assert_eq!(server.ready(), Ok(()));
    server.log.stance.set_loading(true);
    server.loading.expect(200);
    server.loading.add(50);
    assert_eq!(server.ready(), Err("loading: 25 %".to_owned()));
    server.log.stance.set_loading(false);
    server.log.stance.set_failing(Some("disk full".to_owned()));
    assert!(server.ready().unwrap_err().contains("disk full"));
}

#[test]
fn the_page_of_metrics_is_made_of_these() {
    let page = include_str!("../../../docs/metrics.md");
    assert!(page.contains(&reference()), "docs/metrics.md is stale: make docs");
}
