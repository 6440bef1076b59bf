"""Tasks of Huey."""

import os

from huey import RedisHuey

huey = RedisHuey("tests", url=os.environ["RINGTAIL_URL"])


@huey.task()
def add(x, y):
    return x + y
