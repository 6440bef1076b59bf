//! servers.json edited under load.

use crate::traffic::{Client, Log};
use ringtail_tests::harness::{Options, Pool, Server, Signal, pause, start_proxy, wait_for, write_members};
use std::path::Path;
use std::time::Duration;

/// How soon an edit must show.
const SOON: Duration = Duration::from_secs(3);

/// A pool whose file a test edits while clients go on.
struct Edited {
    pool: Pool,
    clients: Vec<Client>,
}

impl Edited {
    fn start() -> Edited {
        let pool = Pool::start(&Options::args(&["--timeout", "2s"]));
        let keys = |client: usize| (0..100).map(|i| format!("c{client}-{i}")).collect();
        let clients = (0..3).map(|client| Client::start(&pool.endpoint, keys(client))).collect();
        let edited = Edited { pool, clients };
        edited.settle();
        edited
    }

    /// The three members of the start, as the file names them.
    fn first(&self) -> Vec<(String, u16)> {
        self.pool.members.ports().into_iter().enumerate().map(|(i, port)| (format!("m{i}"), port)).collect()
    }

    fn with(&self, name: &str, server: &Server) -> Vec<(String, u16)> {
        let mut members = self.first();
        members.push((name.into(), server.endpoint.port));
        members
    }

    fn write(&self, members: &[(String, u16)]) {
        write_members(&self.pool.servers_json, members);
    }

    /// Waits until every client has made some rounds more.
    fn settle(&self) {
        let before: Vec<u64> = self.clients.iter().map(Client::fine).collect();
        let on = wait_for(Duration::from_secs(10), || {
            self.clients.iter().zip(&before).all(|(client, before)| client.fine() > before + 100)
        });
        assert!(on, "the clients do not get on:\n{}", self.pool.process.output());
    }

    /// Ends the clients: nothing may have gone wrong for any of them.
    fn judge(self) {
        self.settle();
        for log in self.clients.into_iter().map(Client::stop) {
            let Log { wrong, .. } = &log;
            assert!(wrong.is_empty(), "wrong replies: {wrong:?}");
            assert!(log.troubles().is_empty(), "{:?}", log.troubles());
        }
    }
}

/// Whether the server gets writes through the proxy before long.
fn is_used(server: &Server) -> bool {
    let mut conn = server.endpoint.open();
    wait_for(SOON, || conn.run("DBSIZE").int() > 0)
}

/// Whether writes stop reaching it before long.
fn falls_silent(server: &Server) -> bool {
    let mut conn = server.endpoint.open();
    wait_for(SOON, || {
        conn.run("FLUSHALL");
        pause(Duration::from_millis(300));
        conn.run("DBSIZE").int() == 0
    })
}

#[test]
fn a_member_is_added_and_removed() {
    let edited = Edited::start();
    let fourth = Server::start(&Options::default());
    edited.write(&edited.with("m3", &fourth));
    assert!(is_used(&fourth), "an added member gets nothing:\n{}", edited.pool.process.output());
    edited.write(&edited.first());
    assert!(falls_silent(&fourth), "a removed member still gets writes");
    edited.judge();
}

#[test]
fn a_member_moves_to_another_address() {
    let edited = Edited::start();
    let successor = Server::start(&Options::default());
    let mut members = edited.first();
    members[1].1 = successor.endpoint.port;
    edited.write(&members);
    assert!(is_used(&successor), "the new address gets nothing");
    edited.judge();
}

#[test]
fn a_bad_file_changes_nothing() {
    let edited = Edited::start();
    let fourth = Server::start(&Options::default());
    let path = edited.pool.servers_json.clone();
    let whole = std::fs::read_to_string(&path).expect("servers.json");
    let half = &whole[..whole.len() / 2];
    let bad =
        [half, "", "[]", "{}", "null", "[{\"addr\": \"nowhere\"}]", "[{\"addr\": \"a:1\", \"weigth\": 1}]"];
    for text in bad {
        std::fs::write(&path, text).expect("servers.json");
        edited.settle();
        assert!(
            !edited.pool.process.output().contains("panicked"),
            "{text:?}: {}",
            edited.pool.process.output()
        );
    }
    std::fs::remove_file(&path).expect("servers.json");
    edited.settle();
    edited.write(&edited.with("m3", &fourth));
    assert!(is_used(&fourth), "after a bad file a good one is not taken");
    edited.judge();
}

#[test]
fn a_file_written_in_place_piece_by_piece_is_taken_when_it_is_whole() {
    use std::io::Write;
    let edited = Edited::start();
    let fourth = Server::start(&Options::default());
    let aside = edited.pool.servers_json.with_file_name("aside.json");
    write_members(&aside, &edited.with("m3", &fourth));
    let text = std::fs::read(&aside).expect("the whole file");
    let mut file = std::fs::File::create(&edited.pool.servers_json).expect("servers.json");
    for piece in text.chunks(40) {
        file.write_all(piece).and_then(|()| file.flush()).expect("servers.json");
        pause(Duration::from_millis(20));
    }
    drop(file);
    assert!(is_used(&fourth), "a file written in place is not taken");
    edited.judge();
}

#[test]
fn a_symlink_swapped_as_a_config_map_does_is_followed() {
    let mut edited = Edited::start();
    let fourth = Server::start(&Options::default());
    let dir = edited.pool.servers_json.with_file_name("mounted");
    std::fs::create_dir(&dir).expect("a directory");
    publish(&dir, "v1", &edited.first());
    std::os::unix::fs::symlink("data/servers.json", dir.join("servers.json")).expect("a link");
    // Another proxy takes the place of the first: it reads the linked file.
    std::mem::take(&mut edited.clients).into_iter().for_each(|client| drop(client.stop()));
    let (process, endpoint) = start_proxy(&Options::default(), &dir.join("servers.json"));
    edited.pool.process = process;
    edited.clients.push(Client::start(&endpoint, (0..200).map(|i| format!("linked{i}")).collect()));
    edited.settle();
    publish(&dir, "v2", &edited.with("m3", &fourth));
    assert!(is_used(&fourth), "a swapped link is not followed:\n{}", edited.pool.process.output());
    edited.judge();
}

/// Writes a version of the file and swaps the link `data` to it, as Kubernetes does.
fn publish(dir: &Path, version: &str, members: &[(String, u16)]) {
    std::fs::create_dir(dir.join(version)).expect("a directory");
    write_members(&dir.join(version).join("servers.json"), members);
    std::os::unix::fs::symlink(version, dir.join("data.new")).expect("a link");
    std::fs::rename(dir.join("data.new"), dir.join("data")).expect("the swap");
}

#[test]
fn many_edits_in_quick_succession_end_at_the_last() {
    let edited = Edited::start();
    let fourth = Server::start(&Options::default());
    for round in 0..40 {
        let members = if round % 2 == 0 { edited.with("m3", &fourth) } else { edited.first() };
        edited.write(&members);
        pause(Duration::from_millis(10 + round * 3));
    }
    assert!(falls_silent(&fourth), "not at the last version:\n{}", edited.pool.process.output());
    edited.judge();
}

#[test]
fn a_hangup_reloads_and_ends_nothing() {
    let edited = Edited::start();
    for _ in 0..5 {
        edited.pool.process.signal(Signal::Hangup);
        edited.settle();
    }
    edited.judge();
}
