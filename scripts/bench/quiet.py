"""How much of the machine others used during a measurement, and waiting until they use little."""

import os
import resource
import time
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe, Process
from pathlib import Path

# Others may use this share of the machine in a measurement that counts as undisturbed.
QUIET = 0.08
SAMPLE_SECONDS = 0.3
TICKS = os.sysconf("SC_CLK_TCK")
# How often a core is asked whether it runs at all.
WATCH_SECONDS = 0.0005


class Patience:
    """Seconds that may be spent, in the whole bench, on waiting for others and on repeating what they disturbed."""

    def __init__(self, seconds):
        self.seconds = seconds

    def spend(self, since):
        self.seconds -= time.monotonic() - since

    def wait(self):
        """Returns once the machine is quiet, or the patience is at its end."""
        while self.seconds > 0:
            start, busy = time.monotonic(), busy_seconds()
            time.sleep(SAMPLE_SECONDS)
            if share(busy_seconds() - busy, time.monotonic() - start) <= QUIET:
                return
            self.spend(start)

    def accepts(self, others, since):
        """Whether a measurement that began at `since`, disturbed that much, is taken as it is."""
        if others <= QUIET or self.seconds <= 0:
            return True
        self.spend(since)
        return False


class Others:
    """What processes other than the bench's use from now on."""

    def __init__(self, pids):
        self.pids = pids
        self.start, self.busy, self.own = time.monotonic(), busy_seconds(), self.own_seconds()

    def share(self):
        used = busy_seconds() - self.busy - (self.own_seconds() - self.own)
        return share(max(used, 0.0), time.monotonic() - self.start)

    def own_seconds(self):
        """Of the servers, of this process, and of the generators, which are its children that ended."""
        own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return own + sum(process_seconds(pid) for pid in self.pids)


def share(used, elapsed):
    return used / (elapsed * (os.cpu_count() or 1))


def busy_seconds():
    """CPU time that all processors have used: user, nice, system, irq, softirq and stolen."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def process_seconds(pid):
    """User and system time of a process; its name may hold blanks, up to the last parenthesis."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def watching():
    """How long each core did not run at all while the block runs (its hypervisor had something else to do), in the list that it yields.

    That is how late a thread is that goes before all others; nothing is told where that may not be asked for.
    """
    late = []
    with ExitStack() as stack:
        ends = [stack.enter_context(watched(core)) for core in sorted(os.sched_getaffinity(0))]
        yield late
        for end in ends:
            end.send("stop")
            late += end.recv()


@contextmanager
def watched(core):
    here, there = Pipe()
    process = Process(target=watch, args=(core, there), daemon=True)
    process.start()
    try:
        here.recv()
        yield here
    finally:
        process.terminate()
        process.join()


def watch(core, pipe):
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pipe.send("not allowed")
        pipe.recv()
        return pipe.send([])
    pipe.send("ready")
    late = 0.0
    while not pipe.poll():
        since = time.perf_counter()
        time.sleep(WATCH_SECONDS)
        late = max(late, time.perf_counter() - since - WATCH_SECONDS)
    return pipe.send([late])
