"""Prompt caching as Anthropic counts it: prefixes in the order tools, system, messages, kept for 5 minutes or an hour.

A prefix ends at a block with ``cache_control``, is kept per account and model, and starts its time again when it is
read. Below the least length nothing is cached, silently. Times are virtual.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agency_os_sandbox.clock import parse, stamp
from agency_os_sandbox.providers.anthropic_words import tokens_of
from agency_os_sandbox.store import Store

LEAST_TOKENS: Final = 1024
"""The shortest prefix that is cached; Anthropic's is 512 to 4096, by model."""
KEPT: Final = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Read:
    """The tokens of a request: neither cached nor to be cached, put into the cache for 5 minutes or an hour, and read
    from it."""

    fresh: int
    written: Mapping[str, int]
    cached: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.fresh + sum(self.written.values()) + self.cached


@dataclass(frozen=True, slots=True)
class _Prefix:
    digest: str
    tokens: int
    ttl: str | None


def read_through(store: Store, account: str, body: dict[str, Any], now: datetime) -> Read:
    """Count what a request reads, and keep the prefixes that it asks to be kept; joins the caller's transaction."""
    prefixes = list(_prefixes(body))
    points = [each for each in prefixes if each.ttl is not None and each.tokens >= LEAST_TOKENS]
    key = f"anthropic_cache:{account}:{body['model']}:"
    last = points[-1].tokens if points else 0
    known = [each for each in prefixes if each.tokens <= last and _ttl_of(store, key + each.digest, now)]
    cached = known[-1].tokens if known else 0
    if known:
        _keep(store, key + known[-1].digest, _ttl_of(store, key + known[-1].digest, now) or "5m", now)
    written = dict.fromkeys(KEPT, 0)
    reached = cached
    for point in points:
        if point.tokens > reached and point.ttl is not None:
            written[point.ttl] += point.tokens - reached
            reached = point.tokens
            _keep(store, key + point.digest, point.ttl, now)
    return Read(prefixes[-1].tokens - reached, written, cached)


def length_of(body: dict[str, Any]) -> int:
    """The tokens of a request, however they are counted."""
    return list(_prefixes(body))[-1].tokens


def _ttl_of(store: Store, key: str, now: datetime) -> str | None:
    kept = store.get_json(key, None)
    return kept["ttl"] if kept is not None and parse(kept["until"]) > now else None


def _keep(store: Store, key: str, ttl: str, now: datetime) -> None:
    store.set_json(key, {"ttl": ttl, "until": stamp(now + KEPT[ttl])})


def _prefixes(body: dict[str, Any]) -> Iterator[_Prefix]:
    digest, tokens = hashlib.sha256(), 0
    parts = list(_parts(body))
    for number, (text, control) in enumerate(parts):
        if number == len(parts) - 1:
            control = control or body.get("cache_control")
        digest.update(len(text).to_bytes(8, "big") + text.encode())
        tokens += tokens_of(text)
        yield _Prefix(digest.hexdigest(), tokens, None if control is None else control.get("ttl", "5m"))


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    for tool in body.get("tools") or []:
        yield _part("tool", tool)
    system = body.get("system") or []
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else system:
        yield _part("system", block)
    for message in body["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield _part(message["role"], block)


def _part(where: str, block: dict[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    text = bare["text"] if bare.get("type") == "text" else json.dumps(bare, sort_keys=True, ensure_ascii=False)
    return f"{where}: {text}", block.get("cache_control")
