//! A listening port under test, whatever process stands behind it.

use ringtail_tests::harness::{Certs, Options, Pool, Process, Redis, Server};
use ringtail_tests::resp::Endpoint;

/// What keeps the processes behind a port alive.
pub(crate) enum Behind {
    /// A data server.
    Server(Server),
    /// A pool.
    Pool(Pool),
    /// A real redis-server.
    Redis(Redis),
}

/// One of the ports that clients may speak to.
pub(crate) struct Front {
    /// What a failure calls it.
    pub(crate) name: &'static str,
    behind: Behind,
}

impl Front {
    /// A data server with these options.
    pub(crate) fn server(options: &Options) -> Front {
        Front { name: "ringtail-server", behind: Behind::Server(Server::start(options)) }
    }

    /// A pool whose proxy has these options.
    pub(crate) fn pool(options: &Options) -> Front {
        Front { name: "ringtail-proxy", behind: Behind::Pool(Pool::start(options)) }
    }

    /// A pool whose proxy and servers have colocation rules.
    pub(crate) fn pool_with_rules(patterns: &[&str]) -> Front {
        let rules: Vec<&str> = patterns.iter().flat_map(|pattern| ["--colocate", pattern]).collect();
        // Programs that are not built for speed, on a machine that has other work, are not to run out of time.
        let proxy: Vec<&str> = ["--timeout", "10s"].into_iter().chain(rules.iter().copied()).collect();
        let pool = Pool::start_with(&Options::args(&proxy), &Options::args(&rules));
        Front { name: "ringtail-proxy", behind: Behind::Pool(pool) }
    }

    /// A real redis-server, where there is one.
    pub(crate) fn redis(args: &[&str]) -> Option<Front> {
        Some(Front { name: "redis-server", behind: Behind::Redis(Redis::start(args)?) })
    }

    /// A real redis-server that asks for this password.
    pub(crate) fn redis_with_password(password: &str) -> Option<Front> {
        let redis = Redis::start_with_password(password)?;
        Some(Front { name: "redis-server", behind: Behind::Redis(redis) })
    }

    /// Both of Ringtail's ports, and the real one to prove the test by.
    pub(crate) fn all() -> Vec<Front> {
        Front::all_with(&Options::default(), &[])
    }

    /// As `all`, started with these.
    pub(crate) fn all_with(options: &Options, redis: &[&str]) -> Vec<Front> {
        let mut fronts = Front::ours(options);
        fronts.extend(Front::redis(redis));
        fronts
    }

    /// Both of Ringtail's ports.
    pub(crate) fn ours(options: &Options) -> Vec<Front> {
        vec![Front::server(options), Front::pool(options)]
    }

    /// Both of Ringtail's ports with TLS.
    pub(crate) fn ours_tls() -> Vec<Front> {
        Front::ours(&Options::default().with_certs(&Certs::get()))
    }

    /// Whether the real redis-server stands behind it.
    pub(crate) fn is_redis(&self) -> bool {
        matches!(self.behind, Behind::Redis(_))
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        match &self.behind {
            Behind::Server(s) => &s.endpoint,
            Behind::Pool(p) => &p.endpoint,
            Behind::Redis(r) => &r.endpoint,
        }
    }

    /// The process that listens.
    pub(crate) fn process(&self) -> &Process {
        match &self.behind {
            Behind::Server(s) => &s.process,
            Behind::Pool(p) => &p.process,
            Behind::Redis(r) => &r.process,
        }
    }
}
