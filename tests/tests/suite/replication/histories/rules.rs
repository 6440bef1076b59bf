//! Rules of the kernel by which packets of a port are lost.

use ringtail_tests::harness::{missing, real_part};
use std::path::Path;
use std::process::Command;

/// Chains of ours; the process that made one is in its name.
const PREFIX: &str = "ringtail-";

/// A chain for this process; it and all its rules go when it is dropped.
pub(super) struct Rules(String);

fn iptables(words: &[&str]) -> Result<String, String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("iptables").arg("-w").args(words).env("PATH", path).output();
    let output = output.map_err(|error| format!("iptables: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("iptables {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

fn remove(chain: &str) {
    let _ = iptables(&["-D", "INPUT", "-i", "lo", "-j", chain]);
    let _ = iptables(&["-F", chain]);
    let _ = iptables(&["-X", chain]);
}

/// A run that was killed leaves its chain.
fn forget_those_of_the_dead() {
    for name in iptables(&["-S"]).unwrap_or_default().lines().filter_map(|line| line.strip_prefix("-N ")) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            remove(name);
        }
    }
}

impl Rules {
    /// `None` where there can be none, with a line that says why.
    pub(super) fn begin() -> Option<Rules> {
        real_part("iptables", "iptables")?;
        forget_those_of_the_dead();
        let rules = Rules(format!("{PREFIX}{}-{}", std::process::id(), fastrand::u16(..)));
        let made =
            iptables(&["-N", &rules.0]).and_then(|_| iptables(&["-I", "INPUT", "-i", "lo", "-j", &rules.0]));
        match made {
            Ok(_) => Some(rules),
            Err(why) => {
                missing(&format!("packets can't be dropped here, which takes root ({why})"));
                None
            }
        }
    }

    /// Loses what goes to a port, or what comes from it.
    pub(super) fn lose(&self, direction: &str, port: u16) {
        let lost = iptables(&["-A", &self.0, "-p", "tcp", direction, &port.to_string(), "-j", "DROP"]);
        lost.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Loses nothing any more.
    pub(super) fn heal(&self) {
        iptables(&["-F", &self.0]).unwrap_or_else(|why| panic!("{why}"));
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        remove(&self.0);
    }
}
