"""Answers kept for repeated requests of the transaction's caller."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from agency_os.repositories.base import Repository

_CLAIM = text("SELECT fingerprint, status, answer FROM app.claim_idempotency_key(:key, :fingerprint)")
_KEEP = text("SELECT app.keep_answer(:key, :status, :answer)")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """``fingerprint`` of the request that claimed the key; its answer, once there is one."""

    fingerprint: bytes
    status: int | None
    answer: bytes | None


class IdempotencyKeyRepository(Repository):
    """The caller's own keys."""

    async def claim(self, key: str, fingerprint: bytes) -> KeptAnswer | None:
        """Take the key for this transaction; None where the caller is the first within 24 hours."""
        row = (await self.db.execute(_CLAIM, {"key": key, "fingerprint": fingerprint})).one_or_none()
        return KeptAnswer(row.fingerprint, row.status, row.answer) if row is not None else None

    async def keep(self, key: str, status: int, answer: bytes) -> None:
        """Keep the answer."""
        await self.db.execute(_KEEP, {"key": key, "status": status, "answer": answer})
