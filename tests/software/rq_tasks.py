"""Tasks of RQ."""


def double(n):
    return 2 * n


def fail():
    raise ValueError("wrong")
