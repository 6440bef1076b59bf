"""What is measured: Ringtail's processes and their peers, each as a context that yields a running `Target`.

The processes under test run on core 0 alone. The servers behind a proxy share core 1 with the generator: what a proxy
costs is read from its own CPU time, which they do not change.
"""

import json
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from processes import free_port, running

TESTED = {0}
OTHERS = {1}


class Missing(Exception):
    """Something that must be installed or built for this is not there."""


@dataclass
class Target:
    """Where to send the load, and whose CPU time and memory count."""

    port: int
    pids: list
    cacert: str | None = None
    # The servers behind a proxy, which belong to the bench but not to what is measured.
    behind: list = field(default_factory=list)
    behind_ports: list = field(default_factory=list)
    http_port: int | None = None
    # Where the measurement may leave files.
    directory: str | None = None


@dataclass
class Lab:
    """What every contender needs to know."""

    directory: Path
    binaries: Path
    certs: dict = field(default_factory=dict)


def tool(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def built(lab, name):
    path = lab.binaries / name
    if not path.exists():
        raise Missing(f"{path} is not built")
    return str(path)


@contextmanager
def redis_server(lab, cores=TESTED, options=()):
    port = free_port()
    command = [tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
               *options]
    with running(command, port, cores, lab.directory) as process:
        yield Target(port, [process.pid])


@contextmanager
def ringtail_server(lab, threads=1, cores=TESTED, options=()):
    port = free_port()
    command = [built(lab, "ringtail-server"), "--addr", f"127.0.0.1:{port}", "--threads", str(threads), *options]
    with running(command, port, cores, lab.directory) as process:
        yield Target(port, [process.pid])


@contextmanager
def backends(lab, count=3):
    """Redis servers behind a proxy; yields their addresses and processes."""
    with ExitStack() as stack:
        servers = [stack.enter_context(redis_server(lab, OTHERS)) for _ in range(count)]
        yield [f"127.0.0.1:{server.port}" for server in servers], [pid for server in servers for pid in server.pids]


@contextmanager
def ringtail_pool(lab, behind=OTHERS, http=False):
    """A proxy before three of Ringtail's own servers, with its HTTP door if that is wanted."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ringtail_server(lab, 1, behind)) for _ in range(3)]
        port = free_port()
        listed = lab.directory / f"servers-{port}.json"
        listed.write_text(json.dumps([{"addr": f"127.0.0.1:{server.port}"} for server in servers]))
        command = [built(lab, "ringtail-proxy"), "--addr", f"127.0.0.1:{port}", "--servers", str(listed),
                   "--threads", "1", "--timeout", "250ms"]
        http_port = free_port() if http else None
        if http:
            command += ["--http", f"127.0.0.1:{http_port}"]
        process = stack.enter_context(running(command, port, TESTED, lab.directory))
        yield Target(port, [process.pid], behind=[server.pids[0] for server in servers],
                     behind_ports=[server.port for server in servers], http_port=http_port, directory=lab.directory)


def ringtail_pool_on_one_core(lab):
    """The same with its servers beside the proxy, so that the generator has the other core to itself."""
    return ringtail_pool(lab, TESTED)


@contextmanager
def haproxy(lab):
    """haproxy alone, which ends TLS before one redis-server."""
    with redis_server(lab, OTHERS) as plain:
        port = free_port()
        config = lab.directory / f"haproxy-{port}.cfg"
        config.write_text(HAPROXY.format(port=port, behind=plain.port, pem=certificates(lab)["pem"]))
        with running([tool("haproxy"), "-db", "-f", str(config)], port, TESTED, lab.directory) as process:
            yield Target(port, [process.pid], certificates(lab)["ca"], plain.pids)


@contextmanager
def ringtail_proxy(lab, tls=False):
    with backends(lab) as (addresses, behind):
        port = free_port()
        servers = lab.directory / f"servers-{port}.json"
        servers.write_text(json.dumps([{"addr": address} for address in addresses]))
        command = [built(lab, "ringtail-proxy"), "--addr", f"127.0.0.1:{port}", "--servers", str(servers),
                   "--threads", "1", "--maxclients", "20000"]
        if tls:
            command += ["--cert", certificates(lab)["cert"], "--key", certificates(lab)["key"]]
        with running(command, port, TESTED, lab.directory) as process:
            yield Target(port, [process.pid], certificates(lab)["ca"] if tls else None, behind)


@contextmanager
def nutcracker(lab):
    with backends(lab) as (addresses, behind):
        port = free_port()
        config = lab.directory / f"nutcracker-{port}.yml"
        config.write_text(NUTCRACKER.format(port=port, servers="".join(f"   - {a}:1\n" for a in addresses)))
        command = [tool("nutcracker"), "-c", str(config), "-a", "127.0.0.1", "-s", str(free_port())]
        with running(command, port, TESTED, lab.directory) as process:
            yield Target(port, [process.pid], behind=behind)


@contextmanager
def haproxy_and_nutcracker(lab):
    with nutcracker(lab) as plain:
        port = free_port()
        config = lab.directory / f"haproxy-{port}.cfg"
        config.write_text(HAPROXY.format(port=port, behind=plain.port, pem=certificates(lab)["pem"]))
        with running([tool("haproxy"), "-db", "-f", str(config)], port, TESTED, lab.directory) as process:
            yield Target(port, [process.pid, *plain.pids], certificates(lab)["ca"], plain.behind)


def certificates(lab):
    """Paths of a CA and of a certificate and key for 127.0.0.1, made once for each bench and gone after it."""
    if not lab.certs:
        lab.certs = make_certificates(lab)
    return lab.certs


def make_certificates(lab):
    subprocess.run([built(lab, "ringtail-certs"), "--out", str(lab.directory)], check=True, capture_output=True)
    paths = {"ca": lab.directory / "ca.crt", "cert": lab.directory / "server.crt", "key": lab.directory / "server.key"}
    # haproxy wants both in one file.
    paths["pem"] = lab.directory / "server.pem"
    paths["pem"].write_bytes(paths["cert"].read_bytes() + paths["key"].read_bytes())
    return {name: str(path) for name, path in paths.items()}


NUTCRACKER = """\
bench:
  listen: 127.0.0.1:{port}
  hash: fnv1a_64
  distribution: ketama
  redis: true
  preconnect: true
  timeout: 5000
  backlog: 512
  servers:
{servers}"""

HAPROXY = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend tls
    bind 127.0.0.1:{port} ssl crt {pem}
    default_backend plain
backend plain
    server nutcracker 127.0.0.1:{behind}
"""
