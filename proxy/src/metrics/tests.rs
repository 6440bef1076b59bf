use std::time::Duration;

use ringtail_admin::{Format, process::Process};

use super::*;
use crate::settings::Settings;
use crate::testing::{Fake, Proxy, echoing, on_a_worker, settings};

#[test]
fn every_family_is_written_and_members_have_their_own() {
    on_a_worker(async {
        let members = [Fake::start(echoing()).await, Fake::start(echoing()).await];
        let proxy = Proxy::start(&[&members[0], &members[1]], Duration::from_secs(5)).await;
        let shared = &proxy.worker.shared;
        let mut client = proxy.client().await;
        client.ask("GET key").await;
        shared.seen.stats.worker(0).error("WRONGTYPE x");
        let mut out = Metrics::new(Format::Open);
        Process::starting("test").metrics(&mut out);
        shared.metrics(&mut out);
        let text = out.finish();
        for family in families() {
            assert!(text.contains(&format!("# HELP {} ", family.name)), "{}", family.name);
        }
        assert_eq!(text.matches("# TYPE ").count(), families().len());
        for line in [
            "ringtail_proxy_members 2",
            "ringtail_proxy_member_up{member=\"a\",role=\"primary\"} 1",
            "ringtail_proxy_command_calls_total{command=\"get\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        assert_eq!(shared.ready(), Ok(()));
    });
}

#[test]
fn without_a_member_it_is_not_ready() {
    on_a_worker(async {
        let nobody = Fake::deaf().await;
        nobody.stop().await;
        let proxy = Proxy::start(&[&nobody], Duration::from_millis(100)).await;
        assert_eq!(proxy.worker.shared.ready(), Err("none of 1 members is up".to_owned()));
    });
}

/// Else nobody would ever come, behind what asks whether it is ready.
#[test]
fn where_members_know_the_users_it_is_ready_before_a_client_comes() {
    on_a_worker(async {
        let member = Fake::start(echoing()).await;
        let settings = Settings { pass_through: true, ..settings(Duration::from_secs(5)) };
        let proxy = Proxy::start_with(&[&member], settings).await;
        let shared = &proxy.worker.shared;
        assert_eq!((shared.ready(), member.connections.get()), (Ok(()), 0));
        let mut out = Metrics::new(Format::Open);
        shared.metrics(&mut out);
        assert!(!out.finish().contains("ringtail_proxy_member_up{"), "it is not known to be down");
    });
}

#[test]
fn the_page_of_metrics_is_made_of_these() {
    let page = include_str!("../../../docs/metrics.md");
    assert!(page.contains(&reference()), "docs/metrics.md is stale: make docs");
}
