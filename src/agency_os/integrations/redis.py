"""The cache: JSON values with a time to live, and counters with a limit, on Redis or Valkey.

PostgreSQL is the truth: a flushed or dead cache is never an error for the caller. Reads become misses, writes are
dropped, and a counter that cannot be read is None, which a caller that guards money or limits must take as
"refuse".
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from agency_os.exceptions import SettingsError
from agency_os.kit.logging import get_logger, redact_text

# Takes as many as fit below the limit, at once and atomically; the time to live begins with the first.
_TAKE = """
local held = tonumber(redis.call('GET', KEYS[1]) or '0')
local granted = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - held))
if granted > 0 then
  redis.call('INCRBY', KEYS[1], granted)
  if held == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
end
return granted
"""

_log = get_logger(__name__)


class Cache:
    """A cache whose every key carries the version of what is stored, so that a new release never reads old shapes."""

    def __init__(self, url: str, version_prefix: str = "v1", *, timeout: float = 0.5) -> None:
        """``timeout`` bounds each call, in seconds of wall time."""
        self._prefix = f"{version_prefix.rstrip(':')}:"
        try:
            self._redis = Redis.from_url(
                url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 1)
            )
        except ValueError:
            raise SettingsError("REDIS_URL must be an address such as redis://127.0.0.1:6379/0") from None
        self._take = self._redis.register_script(_TAKE)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that are there, by key; what is missing, expired or unreadable is left out."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        found = await self._guarded("get_many", lambda: self._redis.mget([self._key(key) for key in wanted])) or []
        values = {}
        for key, raw in zip(wanted, found, strict=False):
            try:
                if raw is not None:
                    values[key] = json.loads(raw)
            except (ValueError, RecursionError):
                _log.warning("cache_value_unreadable", cache=key)
        return values

    async def set_many(self, values: Mapping[str, Any], ttl: timedelta) -> None:
        """Store each value as JSON for ``ttl`` of wall time. Raises TypeError for what is no JSON."""
        if not values:
            return
        encoded = {self._key(key): json.dumps(value, separators=(",", ":")) for key, value in values.items()}
        pipeline = self._redis.pipeline(transaction=False)
        for key, text in encoded.items():
            pipeline.set(key, text, px=_milliseconds(ttl))
        await self._guarded("set_many", pipeline.execute)

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Forget the keys."""
        full = [self._key(key) for key in keys]
        if full:
            await self._guarded("delete_many", lambda: self._redis.delete(*full))

    async def take(self, key: str, amount: int, limit: int, ttl: timedelta) -> int | None:
        """Count up to ``amount`` more, but never above ``limit`` within ``ttl`` of the first; the number granted.

        None when the cache does not answer: nothing is known, so nothing is granted.
        """
        arguments = [amount, limit, _milliseconds(ttl)]
        granted = await self._guarded("take", lambda: self._take(keys=[self._key(key)], args=arguments))
        return None if granted is None else int(granted)

    async def count(self, key: str) -> int | None:
        """The counter's state, 0 if it never counted; None when the cache does not answer."""
        found = await self._guarded("count", lambda: self._redis.mget([self._key(key)]))
        try:
            return None if found is None else int(found[0] or 0)
        except ValueError:
            return None

    async def ping(self) -> bool:
        """Whether the cache answers."""
        return bool(await self._guarded("ping", self._redis.ping))

    async def server_version(self) -> str | None:
        """Which server in which version answers; None when none does."""
        found = await self._guarded("server_version", lambda: self._redis.info("server"))
        if not isinstance(found, dict):
            return None
        return f"Valkey {found['valkey_version']}" if "valkey_version" in found else f"Redis {found['redis_version']}"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    def _key(self, key: str) -> str:
        return self._prefix + key

    async def _guarded(self, operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the cache answers, None when it does not."""
        try:
            return await call()
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("cache_unavailable", operation=operation, error=redact_text(str(error))[:200])
            return None


def _milliseconds(ttl: timedelta) -> int:
    return max(1, int(ttl.total_seconds() * 1000))
