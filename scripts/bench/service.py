"""What a web developer would write first: values of redis-server by HTTP, in twenty lines. The bench's peer of the HTTP door."""

import os
from contextlib import asynccontextmanager

import redis.asyncio as redis
from fastapi import FastAPI, HTTPException, Response

store = redis.Redis(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]))


@asynccontextmanager
async def lifespan(_app):
    yield
    await store.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/v1/keys/{key}")
async def get(key: str):
    value = await store.get(key)
    if value is None:
        raise HTTPException(404)
    return Response(value, media_type="application/octet-stream")
