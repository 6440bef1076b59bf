//! What the log costs a command, in process: `cargo bench -p ringtail-dataserver --bench log`. An operation is one request of a batch of 64.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringtail_dataserver::execute::Executor;
use ringtail_dataserver::log::merge::Merge;
use ringtail_dataserver::server::Server;
use ringtail_dataserver::session::Session;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::write_request;
use ringtail_protocol::request::{Batch, Parser};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

const BATCH: usize = 64;
/// Groups are collected after so many of them, as the log's thread would.
const COLLECTED: usize = 4096;

/// One client's batch of requests, run again and again.
struct Client {
    server: Arc<Server>,
    executor: Executor,
    session: Session,
    requests: Vec<u8>,
    batch: Batch,
    out: Vec<u8>,
    merge: Merge,
    stream: Vec<u8>,
    ran: usize,
}

impl Client {
    fn new(logged: bool, line: impl Fn(usize) -> Vec<Vec<u8>>) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::new(address, 1, ringtail_net::Shutdown::new());
        server.store.set_logged(logged);
        let client = server.clients.register(address, address, 0);
        let session = Session::new(client, &server.access);
        let (mut requests, mut batch) = (Vec::new(), Batch::default());
        for i in 0..BATCH {
            write_request(&mut requests, line(i).iter().map(Vec::as_slice));
        }
        Parser::default().parse(&mut requests, RequestLimits::FULL, &mut batch);
        let executor = Executor::new(Arc::clone(&server), 0);
        let (out, merge, stream) = (Vec::new(), Merge::default(), Vec::new());
        Self { server, executor, session, requests, batch, out, merge, stream, ran: 0 }
    }

    fn run(&mut self) {
        self.out.clear();
        self.executor.run_at(1, &mut self.session, &self.batch, &self.requests, &mut self.out);
        self.ran += BATCH;
        if self.ran.is_multiple_of(COLLECTED) {
            self.merge.collect(&self.server.store.intake, &mut self.stream);
            self.stream.clear();
        }
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn log(c: &mut Criterion) {
    let value = "v".repeat(64);
    let lines = [
        ("SET", format!("SET key:# {value}")),
        ("SET PX", format!("SET key:# {value} PX 100000")),
        ("INCR", "INCR n:#".to_owned()),
        ("HSET", "HSET h:# field value".to_owned()),
        ("LMOVE", "LMOVE l l LEFT RIGHT".to_owned()),
        ("GET", "GET key:#".to_owned()),
    ];
    for (name, line) in lines {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(BATCH as u64));
        for logged in [false, true] {
            let mut client = Client::new(logged, |i| words(&line.replace('#', &format!("{i:08}"))));
            let label = if logged { "logged" } else { "not logged" };
            group.bench_function(label, |b| b.iter(|| client.run()));
        }
        group.finish();
    }
}

criterion_group!(benches, log);
criterion_main!(benches);
