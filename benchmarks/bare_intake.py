"""The peer of our webhook intake: Starlette and one asyncpg insert per request, without signature, reading or nudge.

``DATABASE_URL=… python -m benchmarks.bare_intake --port N``, on a database with our migrations.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CONNECTIONS = 15
"""As many as our pool may open."""
INSERT = """
    INSERT INTO inbound_events (provider, event_id, kind, body, occurred_at) VALUES ('resend', $1, 'event', $2, now())
    ON CONFLICT (provider, event_id) DO NOTHING
"""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Holds the pool."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        app.state.pool = pool
        yield


async def store(request: Request) -> JSONResponse:
    """Commits the body and says so."""
    body = await request.body()
    await request.app.state.pool.execute(INSERT, request.headers["svix-id"], body)
    return JSONResponse({"stored": True})


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app = Starlette(routes=[Route("/webhooks/resend", store, methods=["POST"])], lifespan=lifespan)
    port = parser.parse_args().port
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
