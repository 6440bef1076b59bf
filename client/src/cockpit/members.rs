//! The members of a pool: as a proxy knows them, and each by itself.

use clap::Args;
use ringtail::{Client, ConnectOptions, Error, Value};
use ringtail_net::Problem;
use ringtail_net::secret::read_secret;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use super::value::{decimal, items, number, text};

/// The longest wait for a member's connection: one that is down must not hold up what is said of the others.
const CONNECT: Duration = Duration::from_secs(1);

/// The state of a member that is connected and answers.
const UP: &str = "up";

/// How the members are spoken to, where that differs from how the proxy is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How members of a pool are asked (as the proxy, unless said)")]
pub(crate) struct MemberFlags {
    /// Whether members speak TLS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    member_tls: Option<bool>,
    /// The CA that signed the members' certificates
    #[arg(long, value_name = "FILE")]
    member_cacert: Option<PathBuf>,
    /// The user's name at the members
    #[arg(long, value_name = "NAME", requires = "member_password_file")]
    member_user: Option<String>,
    /// A file with the password for the members alone in it
    #[arg(long, value_name = "FILE")]
    member_password_file: Option<PathBuf>,
}

impl MemberFlags {
    /// How to connect to members; the address is still to be given.
    pub(super) fn options(&self, context: &Context<'_>) -> Result<ConnectOptions, Problem> {
        self.apply(context.settings.options.clone().connect_timeout(CONNECT).database(0))
    }

    /// Whether anything was said.
    pub(crate) fn are_given(&self) -> bool {
        let Self { member_tls, member_cacert, member_user: _, member_password_file } = self;
        member_tls.is_some() || member_cacert.is_some() || member_password_file.is_some()
    }

    /// Whether members speak TLS, where the proxy does or not; a CA of their own means that they do.
    pub(crate) fn tls(&self, proxy: bool) -> bool {
        self.member_cacert.is_some() || self.member_tls.unwrap_or(proxy)
    }

    /// What was said, over how the proxy is spoken to.
    pub(crate) fn apply(&self, mut options: ConnectOptions) -> Result<ConnectOptions, Problem> {
        options = match self.member_tls {
            Some(true) => options.tls(true),
            Some(false) => options.plaintext(),
            None => options,
        };
        if let Some(ca) = &self.member_cacert {
            options = options.tls(true).ca_file(ca);
        }
        if let Some(file) = &self.member_password_file {
            let password = read_secret(file)?;
            options = match &self.member_user {
                Some(user) => options.auth(user, password.expose()),
                None => options.password(password.expose()),
            };
        }
        Ok(options)
    }
}

/// A member as the proxy knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) addr: String,
    pub(super) weight: u32,
    pub(super) slots: u64,
    pub(super) replicas: Vec<String>,
    /// `up`, `down`, or `silent`: connected, but its keys are refused until it answers a probe.
    pub(super) state: String,
    /// Where the proxy's breaker for it stands.
    pub(super) breaker: String,
    pub(super) requests: u64,
    pub(super) faults: u64,
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) last_error: String,
}

/// A pool as its proxy knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    pub(super) epoch: u64,
    pub(super) members: Vec<Member>,
}

impl Pool {
    /// The pool behind this server; `None` if it is no proxy.
    ///
    /// # Errors
    /// No answer, or one that the user may not have.
    pub(super) async fn ask(client: &Client) -> Result<Option<Self>, Error> {
        let mut replies =
            client.pipeline().cmd(["RINGTAIL", "TOPOLOGY"]).cmd(["RINGTAIL", "MEMBERS"]).run().await?;
        let (members, topology) =
            (replies.pop().unwrap_or(Value::Null), replies.pop().unwrap_or(Value::Null));
        match topology.error_code() {
            // A data server, or Redis.
            Some(b"ERR") => return Ok(None),
            Some(_) => {
                let text = topology.error().unwrap_or_default();
                return Err(Error::Reply(String::from_utf8_lossy(text).into_owned()));
            }
            None => {}
        }
        let mut pool = Self::of(&topology);
        let known = members.as_array().unwrap_or_default();
        for member in &mut pool.members {
            if let Some(known) = known.iter().find(|known| text(known, "name") == member.name) {
                member.learn(known);
            }
        }
        Ok(Some(pool))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let members = self.members.iter().map(Member::json).collect::<Vec<_>>();
        json!({ "epoch": self.epoch, "members": members })
    }

    fn of(topology: &Value) -> Self {
        let members = items(topology, "members").iter().map(Member::of).collect();
        Self { epoch: number(topology, "epoch"), members }
    }
}

impl Member {
    /// Whether its keys are served.
    pub(super) fn is_up(&self) -> bool {
        self.state == UP
    }

    fn of(value: &Value) -> Self {
        let replicas = items(value, "replicas").iter();
        Self {
            name: text(value, "name"),
            addr: text(value, "addr"),
            weight: u32::try_from(number(value, "weight")).unwrap_or(0),
            slots: number(value, "slots"),
            replicas: replicas.filter_map(|addr| Some(addr.as_str()?.to_owned())).collect(),
            state: "unknown".into(),
            ..Self::default()
        }
    }

    fn json(&self) -> serde_json::Value {
        let Self { name, addr, weight, slots, replicas, state, breaker, last_error, .. } = self;
        json!({
            "name": name, "addr": addr, "weight": weight, "slots": slots, "replicas": replicas,
            "state": state, "breaker": breaker, "last-error": last_error,
        })
    }

    /// Who leads now is the one to ask; servers.json may name who led before, which takes its place among the replicas.
    fn follow(&mut self, leads: String) {
        if leads.is_empty() || leads == self.addr {
            return;
        }
        let led = std::mem::replace(&mut self.addr, leads);
        match self.replicas.iter_mut().find(|replica| **replica == self.addr) {
            Some(replica) => *replica = led,
            None => self.replicas.push(led),
        }
    }

    fn learn(&mut self, known: &Value) {
        self.follow(text(known, "addr"));
        self.breaker = text(known, "breaker");
        self.state = state(text(known, "state"), &self.breaker);
        self.requests = number(known, "requests");
        self.faults = number(known, "faults") + number(known, "timeouts") + number(known, "refused");
        self.p50 = decimal(known, "p50-usec");
        self.p99 = decimal(known, "p99-usec");
        self.last_error = text(known, "last-error");
    }
}

/// A connection alone makes no member up: one whose breaker is not closed has its requests refused.
fn state(connected: String, breaker: &str) -> String {
    let refused = !matches!(breaker, "" | "closed");
    if connected == UP && refused { "silent".into() } else { connected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail::Value;

    fn decoded(text: &str) -> Value {
        Value::decode(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn who_leads_is_asked() {
        let replicas = vec!["h:2".to_owned(), "h:3".to_owned()];
        let mut member = Member { addr: "h:1".into(), replicas, ..Member::default() };
        member.learn(&decoded("%1\r\n$4\r\naddr\r\n$3\r\nh:3\r\n"));
        assert_eq!((member.addr.as_str(), member.replicas.join(" ")), ("h:3", "h:2 h:1".into()));
        member.learn(&decoded("%1\r\n$4\r\naddr\r\n$3\r\nh:3\r\n"));
        assert_eq!((member.addr.as_str(), member.replicas.join(" ")), ("h:3", "h:2 h:1".into()));
    }

    #[test]
    fn a_member_whose_requests_are_refused_is_not_up() {
        for (connected, breaker, is) in [
            ("up", "closed", "up"),
            ("up", "open", "silent"),
            ("up", "probation", "silent"),
            ("down", "open", "down"),
            // An older proxy says nothing of it.
            ("up", "", "up"),
        ] {
            assert_eq!(state(connected.into(), breaker), is, "{connected}, {breaker}");
        }
    }

    #[test]
    fn a_pool_is_read_from_maps_and_from_resp2_s_lists() {
        let member = "$4\r\nname\r\n$1\r\na\r\n$4\r\naddr\r\n$5\r\nh:300\r\n$5\r\nslots\r\n:16384\r\n";
        for reply in [
            format!("%2\r\n$5\r\nepoch\r\n:3\r\n$7\r\nmembers\r\n*1\r\n%3\r\n{member}"),
            format!("*4\r\n$5\r\nepoch\r\n:3\r\n$7\r\nmembers\r\n*1\r\n*6\r\n{member}"),
        ] {
            let pool = Pool::of(&decoded(&reply));
            let [member] = &pool.members[..] else { panic!("{pool:?}") };
            assert_eq!(
                (pool.epoch, member.name.as_str(), member.addr.as_str(), member.slots),
                (3, "a", "h:300", 16384)
            );
        }
    }
}
