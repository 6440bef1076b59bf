"""Tasks of Celery, broker and results on the target."""

import os

from celery import Celery

app = Celery("tasks", broker=os.environ["RINGTAIL_URL"], backend=os.environ["RINGTAIL_URL"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fail():
    raise ValueError("wrong")
