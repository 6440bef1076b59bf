//! Entry point.
use ringtail_dataserver::{server::Server, worker};
use ringtail_net::{Exposure, Listener, Shutdown, Workers};
use std::sync::Arc;

fn main() {
    let shutdown = Shutdown::new();
    let addr = std::env::args().nth(2).unwrap_or("127.0.0.1:3000".into());
    let threads: usize = std::env::args().nth(4).and_then(|t| t.parse().ok()).unwrap_or(1);
    let listener = Listener::bind(&addr, Exposure { encrypted: false, authenticated: false, insecure: false }).expect("bind");
    let server = Server::new(listener.local_addr(), threads, shutdown.clone());
    let s = Arc::clone(&server);
    let workers = Workers::spawn("worker", threads, &shutdown, move |cx| worker::work(cx, Arc::clone(&s), None)).expect("workers");
    let rt = ringtail_net::workers::runtime().expect("rt");
    rt.block_on(async {
        tokio::task::spawn_local(shutdown.clone().on_signals());
        listener.deal(&workers, &shutdown).await
    }).expect("deal");
    workers.join();
}
