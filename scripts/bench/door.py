"""The HTTP door beside the same proxy's own protocol, and beside a small web service before one redis-server.

wrk asks: GETs of a value over connections that are kept, and 100 GETs in one POST. Everything is judged by what a second of the tested
process's core does, since here the generator and the members share the other one.
"""

import http.client
import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import contenders
from across import loaded
from contenders import OTHERS, TESTED, Missing, Target, tool
from drive import DriveError, encoded
from fanout import cpu_seconds
from processes import free_port, running

HERE = Path(__file__).resolve().parent
KEYS = 1_000
VALUE = b"v" * 256
BATCH = 100
# Different POSTs, each of other keys.
BATCHES = 20

# Every thread of wrk runs this; it says at the end what it has counted.
SCRIPT = """\
local requests, at = {{}}, 0
{requests}
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary)
  io.write(string.format('\\n{{"requests":%d,"seconds":%f,"errors":%d}}\\n', summary.requests, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
"""


def key(number):
    return f"door:{number}"


def fill(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"".join(encoded("SET", key(number), VALUE) for number in range(KEYS)))
        missing = KEYS * len(b"+OK\r\n")
        while missing:
            part = connection.recv(missing)
            if not part:
                raise DriveError("the keys could not be written")
            missing -= len(part)


def proxy(lab):
    """A proxy with its HTTP door before three of Ringtail's servers."""
    return contenders.ringtail_pool(lab, http=True)


@contextmanager
def service(lab):
    """FastAPI and redis-py before one redis-server, in one process."""
    with contenders.redis_server(lab, OTHERS) as redis:
        port = free_port()
        command = [service_python(lab), "-m", "uvicorn", "--app-dir", str(HERE), "--host", "127.0.0.1", "--port", str(port),
                   "--log-level", "warning", "--no-access-log", "service:app"]
        with running(["env", f"REDIS_PORT={redis.port}", *command], port, TESTED, lab.directory) as process:
            yield Target(redis.port, [process.pid], http_port=port, behind=redis.pids, directory=lab.directory)


def service_python(lab):
    """Of an environment beside the built programs, which is made when it is wanted first."""
    venv, wanted = lab.binaries.parent / "bench-venv", (HERE / "requirements.txt").read_text()
    installed, python = venv / "installed", venv / "bin" / "python"
    if not installed.exists() or installed.read_text() != wanted:
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, capture_output=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(HERE / "requirements.txt")], check=True,
                           capture_output=True)
        except subprocess.CalledProcessError as error:
            raise Missing(f"FastAPI can't be installed: {error.stderr.decode().strip()[-200:]}") from error
        installed.write_text(wanted)
    return str(python)


def of_proxy(target, plan):
    """Requests and commands a second, by HTTP and by RESP, and the proxy's CPU time for each."""
    fill(target.port)
    check(target.http_port)
    posts = [json.dumps([["GET", key((first * 7 + number) % KEYS)] for number in range(BATCH)]) for first in range(BATCHES)]
    result = {"resp_get": resp(target, plan, 1), "resp_batch": resp(target, plan, BATCH),
              "get": asked(target, plan, [gets(number) for number in range(KEYS)]),
              "batch": asked(target, plan, [f"wrk.format('POST', '/v1/commands', json, [==[{post}]==])" for post in posts], BATCH)}
    return flat(result) | {
        "get_share": result["resp_get"]["cpu_us"] / result["get"]["cpu_us"],
        "batch_share": result["resp_batch"]["cpu_us"] / result["batch"]["cpu_us"],
        "get_per_core_second": 1e6 / result["get"]["cpu_us"]}


def of_service(target, plan):
    """The same figures of GETs, as far as the service has them."""
    fill(target.port)
    check(target.http_port)
    result = {"get": asked(target, plan, [gets(number) for number in range(KEYS)])}
    return flat(result) | {"get_per_core_second": 1e6 / result["get"]["cpu_us"]}


def flat(result):
    return {f"{what}_{figure}": value for what, figures in result.items() for figure, value in figures.items()}


def gets(number):
    return f"wrk.format('GET', '/v1/keys/{key(number)}')"


def check(port):
    """A GET answers what was written: wrk itself reads only the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/v1/keys/{key(7)}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if (answer.status, body) != (200, VALUE):
        raise DriveError(f"HTTP answered {answer.status} {body[:60]!r}")


def resp(target, plan, pipeline):
    report = loaded(plan, target.port, plan.seconds, "--pipeline", str(pipeline), "--warmup", "0.2",
                    "--watch", ",".join(map(str, target.pids)), value_size=len(VALUE))
    return {"per_second": report["ops_per_second"], "cpu_us": sum(it["cpu_us_per_op"] for it in report["watched"])}


def asked(target, plan, requests, commands=1):
    """What wrk counts, and the CPU time of the tested process for each command."""
    script = Path(target.directory) / "wrk.lua"
    lines = "\n".join(f"requests[{number + 1}] = {request}" for number, request in enumerate(requests))
    script.write_text(SCRIPT.format(requests=f"function init()\nlocal json = {{['Content-Type'] = 'application/json'}}\n{lines}\nend"))
    used = cpu_seconds(target.pids)
    counted = wrk(script, target.http_port, plan)
    used = cpu_seconds(target.pids) - used
    if counted["errors"] or not counted["requests"]:
        raise DriveError(f"wrk counts {counted['errors']} errors, {counted['requests']} answers")
    done = counted["requests"] * commands
    return {"per_second": done / counted["seconds"], "cpu_us": used * 1e6 / done}


def wrk(script, port, plan):
    command = ["taskset", "-c", ",".join(map(str, OTHERS)), tool("wrk"), "-t", "1", "-c", str(plan.connections),
               "-d", f"{max(1, round(plan.seconds))}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise DriveError(f"wrk: {(done.stderr or done.stdout).strip()[-300:]}")
    return json.loads(lines[-1])
