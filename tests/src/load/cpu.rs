//! CPU time of processes, from `/proc`.

use std::fs;

/// Nanoseconds in a clock tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux port that Ringtail runs on.
const NANOS_PER_TICK: u64 = 10_000_000;

/// CPU time that a process has used so far, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// All of it: of the scheduler's own account of each thread where the kernel keeps one, else of clock ticks.
    pub total: u64,
    /// In user mode, in steps of a clock tick.
    pub user: u64,
    /// In the kernel, in steps of a clock tick.
    pub system: u64,
}

impl CpuTime {
    /// What `pid` has used; `None` if there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        let (user, system) = ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { total: scheduled(pid).unwrap_or(user + system), user, system })
    }

    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total: self.total.saturating_sub(earlier.total),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// User and system time of a line of `/proc/PID/stat`; the name before them may hold anything, up to the last `)`.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || Some(fields.next()?.parse::<u64>().ok()? * NANOS_PER_TICK);
    Some((next()?, next()?))
}

/// The sum of the threads' times on a CPU; `None` where the kernel has no `schedstat`.
fn scheduled(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    tasks.map(|task| on_cpu(&fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?)).sum()
}

fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_and_parentheses_do_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 1 0 100 1 1";
        assert_eq!(ticks(stat), Some((120_000_000, 340_000_000)));
    }

    #[test]
    fn work_of_this_process_is_seen() {
        let before = CpuTime::of(std::process::id()).unwrap();
        let until = before.total + 30_000_000;
        while CpuTime::of(std::process::id()).unwrap().total < until {}
        assert!(CpuTime::of(std::process::id()).unwrap().since(before).total >= 30_000_000);
        assert_eq!(CpuTime::of(u32::MAX), None);
    }
}
