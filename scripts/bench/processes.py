"""Processes of a measurement: started pinned to cores, waited for, watched, and ended."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 10
STOP_SECONDS = 5


class StartError(Exception):
    """A process did not come up."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running(command, port, cores, directory):
    """Runs `command` on `cores` until the block ends; yields it once it listens on `port`."""
    log = Path(directory) / f"{Path(command[0]).name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=lambda: os.sched_setaffinity(0, cores))
    try:
        wait_until_listening(process, port, log)
        yield process
        if process.poll() is not None:
            raise StartError(f"{command[0]} ended under load with {process.returncode}: {last_line(log)}")
    finally:
        stop(process)


def wait_until_listening(process, port, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartError(f"{process.args[0]} ended with {process.returncode}: {last_line(log)}")
        if listens(port):
            return
        time.sleep(0.02)
    raise StartError(f"{process.args[0]} does not listen on port {port}: {last_line(log)}")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def last_line(log):
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(it said nothing)"


def stop(process):
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def rss_bytes(pids):
    """Resident memory of the processes together."""
    return sum(rss_of(pid) for pid in pids)


def rss_of(pid, field="VmRSS:"):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0
