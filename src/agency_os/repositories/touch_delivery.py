"""What happens to a claimed touch: sending, recorded, refused, settled (DESIGN section 4, steps 3 to 5).

Every change asks for the fence that its worker was given, so a worker that wakes up late changes nothing. A batch call
is a stored row with frozen membership and its own key; its touches move together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agency_os.domain.channels import Channel
from agency_os.domain.touch import MAX_ATTEMPTS, TouchKind, batch_key, idempotency_key
from agency_os.kit.ids import new_id, new_ids
from agency_os.repositories.base import Repository
from agency_os.repositories.touch import ClaimedTouch

_LOCK_CLAIMED = text("""
    SELECT t.id FROM touches AS t
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS q (id, fence) ON q.id = t.id AND q.fence = t.fence
    WHERE t.state = CAST(:state AS touch_state)
    ORDER BY t.id FOR NO KEY UPDATE OF t
""")
_INSERT_BATCH = text("""
    INSERT INTO send_batches (id, client_id, provider, key, touch_ids, payload_hash, first_sent_at)
    VALUES (:id, :client_id, :provider, :key, :touch_ids, :payload_hash, :now)
""")
_SENDING = text("""
    UPDATE touches SET state = 'sending', sending_at = :now, lease_until = :lease, provider = :provider,
        batch_id = :batch_id
    WHERE id = ANY (:ids)
""")
_RESERVE = text("""
    INSERT INTO cost_entries (id, client_id, provider, operation, key, units, reserved_aud, lead_id, touch_id)
    SELECT q.id, t.client_id, CAST(:provider AS text), 'send', q.key, 1, CAST(:unit_cost AS numeric), t.lead_id, t.id
    FROM unnest(CAST(:entry_ids AS uuid[]), CAST(:ids AS uuid[]), CAST(:keys AS text[])) AS q (id, touch_id, key)
    JOIN touches AS t ON t.id = q.touch_id
    ON CONFLICT (provider, key, touch_id) WHERE touch_id IS NOT NULL DO NOTHING
""")
_SENT = text("""
    UPDATE touches AS t SET state = 'sent', sent_at = t.sending_at, provider_message_id = q.provider_id, reason = NULL,
        lease_until = NULL
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[]), CAST(:provider_ids AS text[]))
        AS q (id, fence, provider_id)
    WHERE t.id = q.id AND t.fence = q.fence AND t.state = 'sending'
    RETURNING t.id, t.client_id, t.lead_id, t.campaign_id, t.kind
""")
_SETTLE_COST = text("""
    UPDATE cost_entries SET settled_aud = reserved_aud, settled_at = :now
    WHERE settled_at IS NULL AND provider = :provider AND (touch_id, key) IN (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]))
    )
""")
_RELEASE_COST = text("""
    UPDATE cost_entries SET units = 0, settled_aud = 0, settled_at = :now
    WHERE settled_at IS NULL AND touch_id = ANY (:ids)
""")
_ACTIVITIES = text("""
    INSERT INTO activities (id, client_id, campaign_id, lead_id, touch_id, channel, action, provider_message_id,
        content_snapshot, created_at)
    SELECT q.id, t.client_id, t.campaign_id, t.lead_id, t.id, t.channel, 'sent', t.provider_message_id,
        t.payload - 'headers', t.sent_at
    FROM unnest(CAST(:activity_ids AS uuid[]), CAST(:ids AS uuid[])) AS q (id, touch_id)
    JOIN touches AS t ON t.id = q.touch_id
""")
_CONVERSATIONS = text("""
    INSERT INTO conversations (client_id, lead_id, campaign_id, channel, last_message_at)
    SELECT DISTINCT ON (client_id, lead_id, channel) client_id, lead_id, campaign_id, channel, sent_at
    FROM touches WHERE id = ANY (:ids)
    ON CONFLICT (client_id, lead_id, channel) DO UPDATE
    SET last_message_at = greatest(conversations.last_message_at, excluded.last_message_at)
""")
_MESSAGES = text("""
    INSERT INTO messages (client_id, conversation_id, direction, touch_id, subject, body, occurred_at)
    SELECT t.client_id, v.id, 'out', t.id, t.payload ->> 'subject', coalesce(t.payload ->> 'text', ''), t.sent_at
    FROM touches AS t
    JOIN conversations AS v ON v.client_id = t.client_id AND v.lead_id = t.lead_id AND v.channel = t.channel
    WHERE t.id = ANY (:ids)
    ON CONFLICT DO NOTHING
""")
_RELEASE_USAGE = text("""
    UPDATE resource_usage AS u SET released_at = :now
    FROM touches AS t WHERE t.id = ANY (:ids) AND u.touch_id = t.id AND u.attempt = t.attempt AND u.released_at IS NULL
""")
_REFUSED = text("""
    UPDATE touches SET
        state = CASE WHEN CAST(:heals AS boolean) AND attempt < :most THEN 'ready'::touch_state ELSE 'failed' END,
        attempt = CASE WHEN CAST(:heals AS boolean) AND attempt < :most THEN attempt + 1 ELSE attempt END,
        not_before = CASE WHEN CAST(:heals AS boolean) THEN CAST(:not_before AS timestamptz) ELSE not_before END,
        reason = :reason, batch_id = NULL, lease_until = NULL
    WHERE id = ANY (:ids)
    RETURNING id, state
""")
_OUT_OF_BATCH = text("UPDATE touches SET batch_id = NULL WHERE id = ANY (:ids)")
_LEASE = text("""
    UPDATE touches AS t SET lease_until = :lease
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS bigint[])) AS q (id, fence)
    WHERE t.id = q.id AND t.fence = q.fence AND t.state = 'sending'
""")
_UNKNOWN = text("""
    UPDATE touches SET state = 'unknown', reason = :reason, lease_until = NULL WHERE id = ANY (:ids)
""")
_PROVE = text("""
    UPDATE touches AS t SET state = 'sent', sent_at = t.sending_at, provider_message_id = q.provider_id, reason = NULL
    FROM unnest(CAST(:ids AS uuid[]), CAST(:provider_ids AS text[])) AS q (id, provider_id)
    WHERE t.id = q.id AND t.state = 'unknown'
    RETURNING t.id
""")
_SETTLE_PROVEN = text("""
    UPDATE cost_entries SET settled_aud = reserved_aud, settled_at = app.now()
    WHERE settled_at IS NULL AND touch_id = ANY (:ids)
""")
_EXPIRED_CLAIMS = text("""
    SELECT id FROM touches WHERE state = 'claimed' AND lease_until < :wall
    ORDER BY id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
""")
_BACK_TO_READY = text("""
    UPDATE touches SET state = 'ready', fence = fence + 1, lease_until = NULL WHERE id = ANY (:ids)
""")
_EXPIRED_SENDING = text("""
    SELECT id, batch_id FROM touches WHERE state = 'sending' AND lease_until < :wall
    ORDER BY lease_until, id LIMIT :limit
""")
_LOCK_SENDING = text("""
    SELECT id FROM touches WHERE id = ANY (:ids) AND state = 'sending' AND lease_until < :wall
    ORDER BY id FOR NO KEY UPDATE
""")
_TAKE_OVER = text("""
    UPDATE touches SET fence = fence + 1, lease_until = :lease WHERE id = ANY (:ids)
    RETURNING id, client_id, campaign_id, lead_id, kind, channel, attempt, fence, payload, payload_hash, sending_at
""")
_BATCHES = text("SELECT id, key, touch_ids, first_sent_at FROM send_batches WHERE id = ANY (:ids)")


@dataclass(frozen=True, slots=True)
class Sending:
    """Touches on their way under one provider key, in the order of the request body.

    ``first_sent_at`` (business time) starts the provider's key window; ``batch_id`` is None for a single call.
    """

    touches: tuple[ClaimedTouch, ...]
    key: str
    batch_id: UUID | None
    first_sent_at: datetime


class TouchDeliveryRepository(Repository):
    """The states after the claim."""

    async def start_sending(
        self,
        touches: Sequence[ClaimedTouch],
        *,
        provider: str,
        unit_cost: Decimal,
        now: datetime,
        lease_until: datetime,
    ) -> Sending | None:
        """Mark one chunk as sending under one key and reserve its cost; None when no fence is ours any more.

        One touch goes under its own key, several under a stored batch's. ``unit_cost`` is A$ a message.
        """
        ours = await self._ours(touches, "claimed")
        if not ours:
            return None
        single = len(ours) == 1
        batch_id = None if single else new_id()
        key = idempotency_key(ours[0].id, ours[0].attempt) if batch_id is None else batch_key(batch_id)
        ids = [touch.id for touch in ours]
        if batch_id is not None:
            await self._insert_batch(batch_id, key, ours, provider, now)
        await self.db.execute(
            _SENDING, {"ids": ids, "now": now, "lease": lease_until, "provider": provider, "batch_id": batch_id}
        )
        await self._reserve(ids, key, provider, unit_cost)
        return Sending(tuple(ours), key, batch_id, now)

    async def split(
        self, sending: Sending, *, provider: str, unit_cost: Decimal, now: datetime, lease_until: datetime
    ) -> list[Sending]:
        """After a definite refusal of a whole batch: its touches go on singly, each under its own key."""
        ours = await self._ours(sending.touches, "sending")
        ids = [touch.id for touch in ours]
        await self.db.execute(_RELEASE_COST, {"ids": ids, "now": now})
        await self.db.execute(_OUT_OF_BATCH, {"ids": ids})
        await self._renew(ours, lease_until)
        singles = [Sending((t,), idempotency_key(t.id, t.attempt), None, now) for t in ours]
        for single in singles:
            await self._reserve([single.touches[0].id], single.key, provider, unit_cost)
        return singles

    async def record_sent(
        self, sending: Sending, provider_ids: Sequence[str], *, provider: str, now: datetime
    ) -> list[UUID]:
        """Record an acceptance, with activity, content snapshot, message and cost. Returns the touches recorded."""
        rows = (
            await self.db.execute(
                _SENT,
                {
                    "ids": [touch.id for touch in sending.touches],
                    "fences": [touch.fence for touch in sending.touches],
                    "provider_ids": list(provider_ids),
                },
            )
        ).all()
        ids = [row.id for row in rows]
        if ids:
            await self.db.execute(
                _SETTLE_COST, {"ids": ids, "keys": [sending.key] * len(ids), "provider": provider, "now": now}
            )
            await self._tell(ids)
        return ids

    async def _tell(self, ids: Sequence[UUID]) -> None:
        """Activity, conversation and message of touches just sent."""
        await self.db.execute(_ACTIVITIES, {"ids": list(ids), "activity_ids": new_ids(len(ids))})
        await self.db.execute(_CONVERSATIONS, {"ids": list(ids)})
        await self.db.execute(_MESSAGES, {"ids": list(ids)})

    async def record_refused(
        self, sending: Sending, *, reason: str, heals: bool, not_before: datetime, now: datetime
    ) -> None:
        """Record a definite refusal: back to ready with a not-before time if it can heal, else failed.

        Releases quota and cost; the fifth attempt fails for good. ``not_before`` is business time.
        """
        ours = await self._ours(sending.touches, "sending")
        ids = [touch.id for touch in ours]
        if ids:
            await self.db.execute(_RELEASE_USAGE, {"ids": ids, "now": now})
            await self.db.execute(_RELEASE_COST, {"ids": ids, "now": now})
            await self.db.execute(
                _REFUSED,
                {"ids": ids, "heals": heals, "most": MAX_ATTEMPTS, "not_before": not_before, "reason": reason},
            )

    async def keep(self, sending: Sending, *, lease_until: datetime) -> bool:
        """Renew the lease until ``lease_until`` (wall), if every touch is still ours; else change nothing."""
        ours = await self._ours(sending.touches, "sending")
        if len(ours) < len(sending.touches):
            return False
        await self._renew(ours, lease_until)
        return True

    async def leave_open(self, sending: Sending, *, lease_until: datetime) -> None:
        """The answer did not come: the touches stay `sending` and are settled once ``lease_until`` (wall) is over."""
        await self._renew(sending.touches, lease_until)

    async def record_unknown(self, sending: Sending, *, reason: str) -> None:
        """Nobody can say whether it was accepted: shown to a person and never sent again automatically."""
        ours = await self._ours(sending.touches, "sending")
        if ours:
            await self.db.execute(_UNKNOWN, {"ids": [touch.id for touch in ours], "reason": reason})

    async def prove(self, provider_ids: Mapping[UUID, str]) -> None:
        """A provider's event names touches (touch → provider id) whose fate was unknown: they were accepted."""
        if not provider_ids:
            return
        values = {"ids": list(provider_ids), "provider_ids": list(provider_ids.values())}
        ids = list((await self.db.execute(_PROVE, values)).scalars())
        if ids:
            await self.db.execute(_SETTLE_PROVEN, {"ids": ids})
            await self._tell(ids)

    async def expire_claims(self, *, wall: datetime, now: datetime, limit: int = 1000) -> int:
        """Return claims whose lease is over to ready: nothing has left. Returns how many."""
        ids = list((await self.db.execute(_EXPIRED_CLAIMS, {"wall": wall, "limit": limit})).scalars())
        if ids:
            await self.db.execute(_RELEASE_USAGE, {"ids": ids, "now": now})
            await self.db.execute(_BACK_TO_READY, {"ids": ids})
        return len(ids)

    async def take_over(self, *, wall: datetime, lease_until: datetime, limit: int = 500) -> list[Sending]:
        """Take over sendings whose lease is over, whole batches at a time, under a higher fence."""
        found = (await self.db.execute(_EXPIRED_SENDING, {"wall": wall, "limit": limit})).all()
        batch_ids = {row.batch_id for row in found if row.batch_id}
        batches = {row.id: row for row in await self.db.execute(_BATCHES, {"ids": list(batch_ids)})}
        members = {row.id for row in found} | {t for batch in batches.values() for t in batch.touch_ids}
        locked = list((await self.db.execute(_LOCK_SENDING, {"ids": list(members), "wall": wall})).scalars())
        taken = {row.id: row for row in await self.db.execute(_TAKE_OVER, {"ids": locked, "lease": lease_until})}
        result = []
        for batch in batches.values():
            rows = [taken.pop(t) for t in batch.touch_ids if t in taken]
            if len(rows) == len(batch.touch_ids):
                result.append(Sending(tuple(_claimed(r) for r in rows), batch.key, batch.id, batch.first_sent_at))
        for row in taken.values():
            touch = _claimed(row)
            result.append(Sending((touch,), idempotency_key(touch.id, touch.attempt), None, row.sending_at))
        return result

    async def _ours(self, touches: Sequence[ClaimedTouch], state: str) -> list[ClaimedTouch]:
        """Lock those of ``touches`` whose fence is still ours, in id order; keeps the order given."""
        found = await self.db.execute(
            _LOCK_CLAIMED, {"ids": [t.id for t in touches], "fences": [t.fence for t in touches], "state": state}
        )
        locked = set(found.scalars())
        return [touch for touch in touches if touch.id in locked]

    async def _renew(self, touches: Sequence[ClaimedTouch], lease_until: datetime) -> None:
        await self.db.execute(
            _LEASE, {"ids": [t.id for t in touches], "fences": [t.fence for t in touches], "lease": lease_until}
        )

    async def _insert_batch(
        self, batch_id: UUID, key: str, touches: Sequence[ClaimedTouch], provider: str, now: datetime
    ) -> None:
        digest = hashlib.sha256("".join(touch.payload_hash for touch in touches).encode()).hexdigest()
        await self.db.execute(
            _INSERT_BATCH,
            {
                "id": batch_id,
                "client_id": touches[0].client_id,
                "provider": provider,
                "key": key,
                "touch_ids": [touch.id for touch in touches],
                "payload_hash": digest,
                "now": now,
            },
        )

    async def _reserve(self, ids: Sequence[UUID], key: str, provider: str, unit_cost: Decimal) -> None:
        await self.db.execute(
            _RESERVE,
            {
                "entry_ids": new_ids(len(ids)),
                "ids": list(ids),
                "keys": [key] * len(ids),
                "provider": provider,
                "unit_cost": unit_cost,
            },
        )


def _claimed(row: Any) -> ClaimedTouch:
    return ClaimedTouch(
        id=row.id,
        client_id=row.client_id,
        campaign_id=row.campaign_id,
        lead_id=row.lead_id,
        kind=TouchKind(row.kind),
        channel=Channel(row.channel),
        attempt=row.attempt,
        fence=row.fence,
        payload=row.payload,
        payload_hash=row.payload_hash,
    )
