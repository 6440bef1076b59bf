"""Queues with workers of their own process: Celery, RQ, Huey, Dramatiq."""

import os
import subprocess
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture
def worker(url):
    """Starts a worker's process for this target; it is ended afterwards."""
    started = []

    def start(*command):
        env = os.environ | {"RINGTAIL_URL": url, "PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            [sys.executable, *command], env=env, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    os.environ["RINGTAIL_URL"] = url
    yield start
    for process in started:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def fresh(module):
    """A module of tasks, bound to the target of this test."""
    for name in [name for name in sys.modules if name == module]:
        del sys.modules[name]
    sys.path.insert(0, HERE)
    try:
        return __import__(module)
    finally:
        sys.path.remove(HERE)


def test_celery(worker):
    tasks = fresh("celery_tasks")
    worker("-m", "celery", "-A", "celery_tasks", "worker", "-P", "solo", "--loglevel=error", "-Q", "celery")
    results = [tasks.add.delay(i, i) for i in range(20)]
    assert [result.get(timeout=60) for result in results] == [2 * i for i in range(20)]
    from celery import chain, chord, group

    assert chain(tasks.add.s(1, 2), tasks.add.s(10))().get(timeout=30) == 13
    assert sorted(group(tasks.add.s(i, 1) for i in range(5))().get(timeout=30)) == [1, 2, 3, 4, 5]
    assert chord([tasks.add.s(i, i) for i in range(5)])(tasks.total.s()).get(timeout=30) == 20
    with pytest.raises(ValueError, match="wrong"):
        tasks.fail.delay().get(timeout=30)
    started = time.time()
    assert tasks.add.apply_async((1, 1), countdown=1).get(timeout=30) == 2 and time.time() - started >= 1
    assert tasks.app.control.ping(timeout=5)


def test_rq(worker, url):
    import redis
    from rq import Queue, Retry, SimpleWorker
    from rq.job import JobStatus

    tasks = fresh("rq_tasks")
    connection = redis.Redis.from_url(url)
    queue = Queue(connection=connection)
    jobs = [queue.enqueue(tasks.double, i) for i in range(10)]
    bad = queue.enqueue(tasks.fail, retry=Retry(max=1))
    after = queue.enqueue(tasks.double, 50, depends_on=jobs[0])
    SimpleWorker([queue], connection=connection).work(burst=True)
    assert [job.return_value() for job in jobs] == [2 * i for i in range(10)]
    assert after.return_value() == 100 and bad.get_status() == JobStatus.FAILED
    assert queue.count == 0 and len(queue.failed_job_registry) == 1
    # A worker of its own process, waiting for work that comes later.
    worker("-m", "rq.cli", "worker", "--url", url, "--quiet")
    job = queue.enqueue(tasks.double, 21)
    deadline = time.time() + 30
    while job.get_status() != JobStatus.FINISHED and time.time() < deadline:
        time.sleep(0.05)
    assert job.return_value() == 42


def test_huey(worker):
    tasks = fresh("huey_tasks")
    worker("-m", "huey.bin.huey_consumer", "huey_tasks.huey", "-q")
    results = [tasks.add(i, 1) for i in range(10)]
    assert [result.get(blocking=True, timeout=30) for result in results] == list(range(1, 11))
    assert tasks.add.schedule((1, 2), delay=0.5).get(blocking=True, timeout=30) == 3


def test_dramatiq(worker, url):
    import redis

    tasks = fresh("dramatiq_tasks")
    for i in range(20):
        tasks.count.send(i)
    worker("-m", "dramatiq", "dramatiq_tasks", "--processes", "1", "--threads", "2")
    client = redis.Redis.from_url(url)
    deadline = time.time() + 30
    while client.scard("counted") < 20 and time.time() < deadline:
        time.sleep(0.05)
    assert client.scard("counted") == 20
