"""Flask-Limiter: requests of a web application are counted, and refused beyond a limit."""

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
def test_flask_limiter(url, strategy):
    app = Flask("limited")
    limiter = Limiter(get_remote_address, app=app, storage_uri=url, strategy=strategy, headers_enabled=True)

    @app.get("/")
    @limiter.limit("5 per minute")
    def index():
        return "ok"

    client = app.test_client()
    codes = [client.get("/").status_code for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2
    assert client.get("/").headers["X-RateLimit-Remaining"] == "0"
    limiter.reset()
    assert client.get("/").status_code == 200
