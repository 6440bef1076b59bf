use super::*;
use ringtail_admin::Format;
use ringtail_net::Shutdown;
use std::net::{Ipv4Addr, SocketAddr};

#[test]
fn every_family_is_written() {
    let server = Server::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 2, Shutdown::new());
    server.stats.worker(1).error("WRONGTYPE x");
    server.stats.ran(0, ringtail_protocol::command::lookup(b"get").unwrap(), 1, 1);
    server.replication.replicas.add(1, "a:1", server.address, 0);
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
