//! A member of servers.json: three servers and that file.

use super::{WITHIN, info};
use ringtail_tests::harness::{Mesh, Options, Server, scratch, wait_for};
use ringtail_tests::resp::Endpoint;
use std::path::{Path, PathBuf};

/// A member of three servers, the first of them the primary.
pub(super) struct Member {
    file: PathBuf,
    /// Where its servers write, unless they are told otherwise.
    dirs: Vec<PathBuf>,
    pub(super) servers: Vec<Server>,
    /// The links between them, if there can be trouble on these.
    links: Option<Mesh>,
}

impl Member {
    pub(super) fn start(args: &[&str]) -> Self {
        Self::each(|_| args.iter().map(|arg| (*arg).to_owned()).collect())
    }

    /// The same with arguments of each.
    pub(super) fn each(args: impl Fn(usize) -> Vec<String>) -> Self {
        let member = Self::alone(args);
        member.lead_by(0);
        member
    }

    /// The same with links between them on which there can be trouble.
    pub(super) fn linked(args: &[&str]) -> Self {
        let member = Self::apart(args);
        member.lead_by(0);
        member
    }

    /// The same before the file has them: each leads by itself.
    pub(super) fn apart(args: &[&str]) -> Self {
        let links = Mesh::of(3);
        let announced = |at| format!("127.0.0.1:{}", links.port(at));
        let all =
            |at| [args, &["--announce", &announced(at)]].concat().into_iter().map(str::to_owned).collect();
        let mut member = Self::alone(all);
        member.links = Some(links);
        (0..3).for_each(|at| member.tell_where(at));
        member
    }

    /// Servers that are in no file yet.
    fn alone(args: impl Fn(usize) -> Vec<String>) -> Self {
        let file = scratch("member").join("servers.json");
        // They are in it once it is known where they are.
        let nobody = r#"[{ "addr": "127.0.0.1:1" }]"#;
        std::fs::write(&file, nobody).expect("a file below target");
        let dirs: Vec<PathBuf> = (0..3).map(|_| scratch("member")).collect();
        let servers = (0..3).map(|at| {
            let (file, args) = (text(&file), args(at));
            let own = ["--threads", "2", "--servers", file, "--dir", text(&dirs[at])];
            let own = own.iter().take(if args.contains(&"--dir".to_owned()) { 4 } else { 6 });
            let args: Vec<&str> = own.copied().chain(args.iter().map(String::as_str)).collect();
            Server::start(&Options::args(&args))
        });
        Self { servers: servers.collect(), file, dirs, links: None }
    }

    /// The links between its servers.
    pub(super) fn links(&self) -> &Mesh {
        self.links.as_ref().expect("a member that was started with links")
    }

    /// Starts one again that was killed.
    pub(super) fn restart(&mut self, at: usize) {
        self.servers[at].restart();
        self.tell_where(at);
    }

    fn tell_where(&self, at: usize) {
        let server = &self.servers[at];
        self.links.iter().for_each(|links| links.is_at(at, server.process.id(), server.endpoint.port));
    }

    /// Edits the file, and waits until all is as it says.
    pub(super) fn lead_by(&self, primary: usize) {
        self.edit(primary);
        self.is_led_by(primary, &[0, 1, 2]);
    }

    pub(super) fn addr(&self, at: usize) -> String {
        format!("127.0.0.1:{}", self.port(at))
    }

    /// Where others reach it.
    pub(super) fn port(&self, at: usize) -> u16 {
        self.links.as_ref().map_or(self.servers[at].endpoint.port, |links| links.port(at))
    }

    pub(super) fn edit(&self, primary: usize) {
        let others = (0..self.servers.len()).filter(|at| *at != primary);
        let replicas: Vec<String> = others.map(|at| self.addr(at)).collect();
        self.write(&serde_json::json!([{ "name": "m", "addr": self.addr(primary), "replicas": replicas }]));
    }

    pub(super) fn write(&self, entries: &serde_json::Value) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, entries.to_string())
            .and_then(|()| std::fs::rename(&new, &self.file))
            .expect("a file");
    }

    /// Waits until `primary` leads, and the others of these follow it.
    pub(super) fn is_led_by(&self, primary: usize, which: &[usize]) {
        let port = self.port(primary).to_string();
        let is_so = |at: &usize| {
            let Ok(mut conn) = self.servers[*at].endpoint.connect() else { return false };
            // One that loads serves nobody, whatever it says of itself.
            if conn.run("GET k").error().is_some_and(|why| why.starts_with("LOADING")) {
                return false;
            }
            match *at == primary {
                true => info(&mut conn, "role") == "master",
                false => {
                    info(&mut conn, "role") == "slave"
                        && info(&mut conn, "master_link_status") == "up"
                        && info(&mut conn, "master_port") == port
                }
            }
        };
        let done = wait_for(WITHIN, || which.iter().all(is_so));
        assert!(done, "{primary} does not lead\n{}", self.tell());
    }

    pub(super) fn tell(&self) -> String {
        self.servers
            .iter()
            .map(|server| format!("--- {}\n{}", server.endpoint.port, server.process.output()))
            .collect()
    }

    pub(super) fn endpoint(&self, at: usize) -> &Endpoint {
        &self.servers[at].endpoint
    }
}

/// Many histories would fill a disk. What is needed to understand a failure stays.
impl Drop for Member {
    fn drop(&mut self) {
        self.servers.iter_mut().for_each(|server| server.process.kill());
        if !std::thread::panicking() {
            let own = self.file.parent().into_iter().chain(self.dirs.iter().map(PathBuf::as_path));
            own.for_each(|dir| _ = std::fs::remove_dir_all(dir));
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
