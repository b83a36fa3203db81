"""The scripts for development: the providers are told where our webhooks are, and a tunnel says what it lacks."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.factories.api import api_env
from tests.integration.sandbox.conftest import Served

ROOT = Path(__file__).parents[3]
PUBLIC = "https://tunnel.example"


async def run(*command: str, **env: str) -> tuple[int, str, str]:
    """Exit status, output and error output of a program in the repository's root."""
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


def settings(served: Served) -> dict[str, str]:
    return {
        **api_env(),
        "PATH": os.environ["PATH"],
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_BASE_URL": f"{served.url}/postmark",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "twilio-token",
        "TWILIO_BASE_URL": f"{served.url}/twilio",
    }


async def update(env: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    return await run(sys.executable, "scripts/update_webhook_urls.py", *arguments, **env)


async def test_postmark_is_told_and_the_others_are_listed_without_a_secret(served: Served) -> None:
    env = settings(served)
    status, out, _ = await update(env, PUBLIC)
    assert (status, out.splitlines()[0]) == (0, "Postmark: set")
    kept = served.sandbox.store.get_json("postmark_server", {})["InboundHookUrl"]
    assert kept.endswith("@tunnel.example/webhooks/postmark")
    assert kept.startswith("https://")
    assert f"{PUBLIC}/webhooks/stripe" in out
    assert env["POSTMARK_WEBHOOK_PASSWORD"] not in out


async def test_what_a_provider_refuses_is_named_and_the_rest_is_done(served: Served) -> None:
    status, out, _ = await update({**settings(served), "TWILIO_AUTH_TOKEN": "another"}, PUBLIC, "+61491570156")
    assert status == 1
    assert "Postmark: set" in out
    assert "Twilio +61491570156: NOT set" in out


async def test_a_number_is_told_where_its_messages_go(served: Served) -> None:
    status, out, _ = await update(settings(served), PUBLIC, "+61491570156")
    assert (status, "Twilio +61491570156: set" in out) == (0, True)


async def test_an_address_that_is_not_https_is_refused(served: Served) -> None:
    status, _, err = await update(settings(served), "http://tunnel.example")
    assert (status, "is not https" in err) == (2, True)


async def test_missing_settings_are_named() -> None:
    status, _, err = await update({"PATH": os.environ["PATH"]}, PUBLIC)
    assert (status, "DATABASE_URL is missing" in err) == (2, True)


@pytest.fixture
async def ngrok_api() -> AsyncIterator[str]:
    """What a running ngrok says of its tunnels."""
    app = web.Application()

    async def tunnels(_: web.Request) -> web.Response:
        other = {"public_url": "https://other.example", "config": {"addr": "http://localhost:3000"}}
        ours = {"public_url": PUBLIC, "config": {"addr": "http://localhost:8123"}}
        return web.json_response({"tunnels": [other, ours]})

    app.router.add_get("/api/tunnels", tunnels)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/api"
    await runner.cleanup()


@pytest.mark.needs("curl")
async def test_a_tunnel_tells_its_address_to_the_providers(served: Served, ngrok_api: str, tmp_path: Path) -> None:
    """A stand-in for the ngrok program that ends by itself; what it serves is ngrok's own API."""
    ngrok = tmp_path / "ngrok"
    ngrok.write_text('#!/bin/sh\n[ "$1 $2" = "http 8123" ] && exec sleep 6\n')
    ngrok.chmod(0o755)
    env = {**settings(served), "PATH": f"{tmp_path}:{os.environ['PATH']}", "NGROK_API": ngrok_api}
    status, out, err = await run("sh", "scripts/dev_tunnel.sh", "8123", **env)
    assert (status, err) == (0, "")
    assert f"PUBLIC_URL={PUBLIC}" in out
    assert "Postmark: set" in out
    assert json.dumps(served.sandbox.store.get_json("postmark_server", {})).count("tunnel.example") == 2


async def test_a_tunnel_without_ngrok_says_what_to_install(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "cat"):
        found = next(Path(folder) / name for folder in os.environ["PATH"].split(":") if (Path(folder) / name).exists())
        (tmp_path / name).symlink_to(found)
    status, _, err = await run("sh", "scripts/dev_tunnel.sh", PATH=str(tmp_path))
    assert (status, "ngrok is missing" in err) == (2, True)
