//! What every program says of its process, under the names that Prometheus's own clients use, and which build it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};

use crate::metrics::Metrics;

crate::families! {
    /// All of them.
    pub static FAMILIES;
    BUILD = Info "ringtail_build" ["program", "version"]: "Which program this is, and its version.";
    CPU = Counter "process_cpu_seconds" []: "User and system time of the process.";
    START = Gauge "process_start_time_seconds" []: "When the process was started, in seconds since 1970.";
    RESIDENT = Gauge "process_resident_memory_bytes" []: "Memory of the process that is in RAM.";
    VIRTUAL = Gauge "process_virtual_memory_bytes" []: "Address space of the process.";
    FDS = Gauge "process_open_fds" []: "Open file descriptors.";
    MAX_FDS = Gauge "process_max_fds" []: "Most file descriptors that may be open.";
}

/// What does not change.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    program: &'static str,
    started: Duration,
}

impl Process {
    /// Of the program of that name, which starts now.
    pub fn starting(program: &'static str) -> Self {
        Self { program, started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// Writes all of it.
    pub fn metrics(&self, out: &mut Metrics) {
        out.with(&BUILD, &[self.program, env!("CARGO_PKG_VERSION")], true);
        out.one(&CPU, cpu_seconds());
        out.one(&START, self.started.as_secs_f64());
        let [virtual_bytes, resident] = memory();
        out.one(&RESIDENT, resident);
        out.one(&VIRTUAL, virtual_bytes);
        // Without the one that counts them.
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count).saturating_sub(1);
        out.one(&FDS, open);
        out.one(&MAX_FDS, getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft));
    }
}

fn cpu_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0.0 };
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}

/// Virtual and resident bytes; 0 where /proc is not to be had.
fn memory() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |bytes| bytes as u64);
    let mut pages = text.split(' ').map(|field| field.parse::<u64>().unwrap_or(0) * page);
    [pages.next().unwrap_or(0), pages.next().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Format;

    #[test]
    fn a_process_knows_itself() {
        let mut out = Metrics::new(Format::Open);
        Process::starting("demo").metrics(&mut out);
        let text = out.finish();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).expect(name);
            line[name.len() + 1..].parse::<f64>().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1e6 && value("process_virtual_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0 && value("process_max_fds") >= value("process_open_fds"));
        assert!(value("process_start_time_seconds") > 1.6e9 && value("process_cpu_seconds_total") >= 0.0);
        assert!(text.contains("ringtail_build_info{program=\"demo\",version=\""));
    }
}
