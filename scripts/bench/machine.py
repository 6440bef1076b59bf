"""Where and of what a result was made."""

import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from contenders import Missing, tool

PEERS = {"redis-server": "--version", "nutcracker": "--version", "haproxy": "-v"}


def describe(root, binaries):
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "commit": git(root, "rev-parse", "HEAD"),
        "uncommitted_changes": bool(git(root, "status", "--porcelain")),
        "versions": {name: peer_version(name, flag) for name, flag in PEERS.items()}
        | {name: first_line([str(binaries / name), "--version"]) for name in ("ringtail-server", "ringtail-proxy")},
    }


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def peer_version(name, flag):
    try:
        return first_line([tool(name), flag])
    except Missing:
        return None


def first_line(command):
    """The first line that a program says; nutcracker says it on standard error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else None
