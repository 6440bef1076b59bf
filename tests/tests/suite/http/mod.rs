//! The HTTP door of the proxy.

mod client;
mod clients;
mod hostile;
mod keys;
mod memory;
mod operated;
mod rights;
mod values;
mod whole;

use client::{Answer, Http};
use ringtail_tests::harness::{Options, Pool, free_port, wait_for};
use ringtail_tests::resp::Endpoint;
use std::time::Duration;

/// Waits for what has to come.
fn comes_true(what: &str, condition: impl FnMut() -> bool) {
    assert!(wait_for(Duration::from_secs(15), condition), "in vain: {what}");
}

/// A pool whose proxy has an HTTP door.
struct Door {
    pool: Pool,
    endpoint: Endpoint,
}

impl Door {
    fn open(options: &Options) -> Door {
        let port = free_port();
        let mut options = options.clone();
        options.args.extend(["--http".to_owned(), format!("127.0.0.1:{port}")]);
        let pool = Pool::start(&options);
        let endpoint = Endpoint { port, ..pool.endpoint.clone() };
        Door { pool, endpoint }
    }

    fn plain() -> Door {
        Door::open(&Options::default())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.endpoint.port)
    }

    /// A connection to it.
    fn client(&self) -> Http {
        Http::connect(&self.endpoint)
    }

    /// One request on a connection of its own.
    fn ask(&self, line: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        self.client().ask(line, fields, body)
    }

    /// Some commands as JSON: their answers.
    fn commands(&self, json: &str) -> serde_json::Value {
        self.client().commands(json)
    }
}
