"""Touches before the claim: planned by the allocator, frozen when due, taken back when a reply or a stop comes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from agency_os.domain.channels import Channel
from agency_os.domain.touch import OPEN_STATES
from agency_os.kit.ids import new_ids
from agency_os.repositories.base import Repository

_DUE_CLIENTS = text("""
    SELECT t.client_id FROM touches AS t
    WHERE t.state IN ('planned', 'ready') AND t.channel = CAST(:channel AS channel_type) AND t.eligible_at <= :now
    GROUP BY t.client_id ORDER BY min(t.eligible_at), t.client_id
""")
_INSERT_PLANNED = text("""
    INSERT INTO touches
        (id, client_id, campaign_id, lead_id, kind, channel, sequence_step_id, step, resource_id, due_at)
    SELECT q.id, :client_id, q.campaign_id, q.lead_id, 'sequence', CAST(q.channel AS channel_type), q.step_id, q.step,
        q.resource_id, q.due_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:campaigns AS uuid[]), CAST(:leads AS uuid[]), CAST(:channels AS text[]),
        CAST(:step_ids AS uuid[]), CAST(:steps AS integer[]), CAST(:resources AS uuid[]),
        CAST(:dues AS timestamptz[])
    ) AS q (id, campaign_id, lead_id, channel, step_id, step, resource_id, due_at)
    ON CONFLICT DO NOTHING
    RETURNING lead_id
""")
# A follow-up waits until the message it answers has gone out and its Message-ID is known; a predecessor that never went
# out holds nothing up.
_FREEZABLE = text("""
    SELECT
        t.id, t.client_id, t.campaign_id, t.lead_id, t.kind, t.channel, t.step, t.answers_event_id,
        s.subject_template, s.body_template,
        l.email, l.first_name, l.last_name, l.title, l.company, l.organization_industry, l.state, l.field_sources,
        l.organization_employee_count, l.domain,
        r.address AS resource_address, r.sender_email, r.sender_name AS resource_sender_name,
        c.name AS client_name, c.sender_name, c.abn, c.postal_address, c.booking_url, c.default_offer,
        c.value_proposition, c.website_url,
        coalesce(g.permission_mode, c.default_permission_mode) AS permission_mode,
        p.rfc_message_id AS thread_message_id, p.payload ->> 'subject' AS thread_subject,
        p.payload -> 'headers' ->> 'References' AS thread_references,
        m.rfc_message_id AS inbound_message_id, m.subject AS inbound_subject
    FROM touches AS t
    JOIN clients AS c ON c.id = t.client_id
    JOIN campaigns AS g ON g.id = t.campaign_id
    JOIN leads AS l ON l.id = t.lead_id
    LEFT JOIN sequence_steps AS s ON s.id = t.sequence_step_id
    LEFT JOIN resources AS r ON r.id = t.resource_id
    LEFT JOIN LATERAL (
        SELECT x.rfc_message_id, x.payload FROM touches AS x
        WHERE x.lead_id = t.lead_id AND x.campaign_id = t.campaign_id AND x.channel = t.channel AND x.state = 'sent'
        ORDER BY x.sent_at DESC, x.id DESC LIMIT 1
    ) AS p ON true
    LEFT JOIN messages AS m ON m.inbound_event_id = t.answers_event_id
    WHERE t.client_id = :client_id AND t.channel = CAST(:channel AS channel_type) AND t.state = 'planned'
        AND t.eligible_at <= :now
        AND NOT EXISTS (
            SELECT FROM touches AS e
            WHERE e.lead_id = t.lead_id AND e.campaign_id = t.campaign_id AND e.channel = t.channel AND e.id <> t.id
                AND t.kind = 'sequence'
                AND (
                    (e.kind = 'sequence' AND e.step < t.step AND e.state IN (
                        'planned', 'awaiting_approval', 'ready', 'claimed', 'sending'
                    ))
                    OR (e.state = 'sent' AND e.rfc_message_id IS NULL)
                )
        )
    ORDER BY t.eligible_at, t.id LIMIT :limit
    FOR NO KEY UPDATE OF t SKIP LOCKED
""")
_FREEZE = text("""
    UPDATE touches AS t SET
        payload = q.payload, payload_hash = q.hash, frozen_at = :now,
        state = CASE WHEN q.approved THEN 'ready'::touch_state ELSE 'awaiting_approval' END
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:payloads AS jsonb[]), CAST(:hashes AS text[]), CAST(:approved AS boolean[])
    ) AS q (id, payload, hash, approved)
    WHERE t.id = q.id AND t.state = 'planned'
""")
_SKIP = text("""
    UPDATE touches AS t SET state = 'skipped', reason = q.reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS q (id, reason)
    WHERE t.id = q.id AND t.state = 'planned'
""")
_POSTPONE = text("""
    UPDATE touches AS t SET reason = q.reason, not_before = :until
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS q (id, reason)
    WHERE t.id = q.id AND t.state = 'planned'
""")
_WITHOUT_MESSAGE_ID = text("""
    SELECT t.id, t.provider_message_id FROM touches AS t
    WHERE t.client_id = :client_id AND t.provider = :provider AND t.state = 'sent' AND t.rfc_message_id IS NULL
        AND t.provider_message_id IS NOT NULL
        AND EXISTS (
            SELECT FROM touches AS n
            WHERE n.lead_id = t.lead_id AND n.campaign_id = t.campaign_id AND n.state = 'planned'
                AND n.due_at <= :horizon
        )
    ORDER BY t.sent_at, t.id LIMIT :limit
""")
_SET_MESSAGE_IDS = text("""
    WITH q AS (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:message_ids AS text[])) AS q (id, message_id)
    ), marked AS (
        UPDATE messages AS m SET rfc_message_id = q.message_id FROM q WHERE m.touch_id = q.id
    )
    UPDATE touches AS t SET rfc_message_id = q.message_id FROM q WHERE t.id = q.id
""")
_FOLLOW_UPS = text("""
    SELECT n.id, n.lead_id, n.due_at, l.state AS lead_state, l.time_zone, t.sent_at,
        ns.day_offset - ts.day_offset AS gap
    FROM touches AS t
    JOIN sequence_steps AS ts ON ts.id = t.sequence_step_id
    JOIN touches AS n ON n.lead_id = t.lead_id AND n.campaign_id = t.campaign_id AND n.kind = 'sequence'
        AND n.state = 'planned' AND n.step > t.step
    JOIN sequence_steps AS ns ON ns.id = n.sequence_step_id
    JOIN leads AS l ON l.id = t.lead_id
    WHERE t.id = ANY (:ids)
""")
_MOVE = text("""
    UPDATE touches AS t SET due_at = q.due_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[])) AS q (id, due_at)
    WHERE t.id = q.id AND t.state = 'planned'
""")
_LOCK_OPEN = text("""
    SELECT id, lead_id FROM touches
    WHERE lead_id = ANY (:leads) AND state = ANY (CAST(:states AS touch_state[]))
        AND (CAST(:answers_too AS boolean) OR kind <> 'answer')
    ORDER BY id FOR NO KEY UPDATE
""")
_CANCEL = text("""
    UPDATE touches SET state = 'cancelled', reason = :reason, fence = fence + 1, lease_until = NULL
    WHERE id = ANY (:ids)
""")
_PUT_OFF = text("""
    UPDATE touches SET
        state = CASE WHEN state = 'claimed' THEN 'ready'::touch_state ELSE state END,
        fence = fence + 1, lease_until = NULL, reason = :reason,
        not_before = greatest(not_before, CAST(:until AS timestamptz))
    WHERE id = ANY (:ids)
""")
_RELEASE_USAGE = text("""
    UPDATE resource_usage AS u SET released_at = :now
    FROM touches AS t WHERE t.id = ANY (:ids) AND u.touch_id = t.id AND u.attempt = t.attempt AND u.released_at IS NULL
""")
_LOCK_FROZEN = text("""
    SELECT id FROM touches WHERE lead_id = :lead_id AND state IN ('awaiting_approval', 'ready') ORDER BY id
    FOR NO KEY UPDATE
""")
_THAW = text("""
    UPDATE touches SET
        state = 'planned', payload = NULL, payload_hash = NULL, frozen_at = NULL, approved_hash = NULL,
        approved_by = NULL, approved_at = NULL, fence = fence + 1, reason = :reason
    WHERE id = ANY (:ids) AND kind = 'sequence'
""")
_LOCK_LEADS = text("SELECT id FROM leads WHERE id = ANY (:leads) ORDER BY id FOR NO KEY UPDATE")
_COMPANY_LEADS = text("SELECT id FROM leads WHERE company_id = :company_id AND client_id = :client_id ORDER BY id")


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """One step to come: ``due_at`` is aware UTC business time."""

    campaign_id: UUID
    lead_id: UUID
    channel: Channel
    step_id: UUID
    step: int
    resource_id: UUID
    due_at: datetime


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later step of the sequence of a touch just sent; ``gap`` is the business days between the two steps."""

    id: UUID
    due_at: datetime
    sent_at: datetime
    gap: int
    state: str | None
    time_zone: str | None


class TouchPlanningRepository(Repository):
    """The states before the claim."""

    async def due_clients(self, channel: Channel, now: datetime) -> list[UUID]:
        """Clients with something to freeze or send now, the longest waiting first."""
        return list((await self.db.execute(_DUE_CLIENTS, {"channel": channel.value, "now": now})).scalars())

    async def plan(self, client_id: UUID, touches: Sequence[PlannedTouch]) -> set[UUID]:
        """Insert sequence touches; one that exists already stays as it is. Returns the leads that got any."""
        if not touches:
            return set()
        found = await self.db.execute(
            _INSERT_PLANNED,
            {
                "client_id": client_id,
                "ids": new_ids(len(touches)),
                "campaigns": [t.campaign_id for t in touches],
                "leads": [t.lead_id for t in touches],
                "channels": [t.channel.value for t in touches],
                "step_ids": [t.step_id for t in touches],
                "steps": [t.step for t in touches],
                "resources": [t.resource_id for t in touches],
                "dues": [t.due_at for t in touches],
            },
        )
        return set(found.scalars())

    async def freezable(self, client_id: UUID, channel: Channel, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Lock due planned touches with everything that rendering them reads."""
        found = await self.db.execute(
            _FREEZABLE, {"client_id": client_id, "channel": channel.value, "now": now, "limit": limit}
        )
        return [dict(row) for row in found.mappings()]

    async def freeze(
        self, payloads: Mapping[UUID, tuple[str, bool]], hashes: Mapping[UUID, str], now: datetime
    ) -> None:
        """Fix messages: touch → (canonical JSON, may go without approval)."""
        if payloads:
            await self.db.execute(
                _FREEZE,
                {
                    "ids": list(payloads),
                    "payloads": [payload for payload, _ in payloads.values()],
                    "approved": [approved for _, approved in payloads.values()],
                    "hashes": [hashes[key] for key in payloads],
                    "now": now,
                },
            )

    async def skip(self, reasons: Mapping[UUID, str]) -> None:
        """Give up planned touches that cannot be written, each with its reason."""
        if reasons:
            await self.db.execute(_SKIP, {"ids": list(reasons), "reasons": list(reasons.values())})

    async def postpone(self, reasons: Mapping[UUID, str], until: datetime) -> None:
        """Let planned touches wait until ``until`` (business time), each with its reason."""
        if reasons:
            await self.db.execute(_POSTPONE, {"ids": list(reasons), "reasons": list(reasons.values()), "until": until})

    async def without_message_id(
        self, client_id: UUID, provider: str, horizon: datetime, limit: int
    ) -> list[tuple[UUID, str]]:
        """Sent touches that a follow-up due by ``horizon`` will answer and whose Message-ID is not known yet."""
        found = await self.db.execute(
            _WITHOUT_MESSAGE_ID,
            {"client_id": client_id, "provider": provider, "horizon": horizon, "limit": limit},
        )
        return [(row.id, row.provider_message_id) for row in found]

    async def set_message_ids(self, message_ids: Mapping[UUID, str]) -> None:
        """Store the RFC 5322 Message-IDs that follow-ups thread on."""
        if message_ids:
            await self.db.execute(
                _SET_MESSAGE_IDS, {"ids": list(message_ids), "message_ids": list(message_ids.values())}
            )

    async def follow_ups(self, sent: Sequence[UUID]) -> list[FollowUp]:
        """Planned later steps behind touches just sent."""
        found = await self.db.execute(_FOLLOW_UPS, {"ids": list(sent)})
        return [FollowUp(row.id, row.due_at, row.sent_at, row.gap, row.lead_state, row.time_zone) for row in found]

    async def move(self, due: Mapping[UUID, datetime]) -> None:
        """Set new due times of planned touches."""
        if due:
            await self.db.execute(_MOVE, {"ids": list(due), "dues": list(due.values())})

    async def take_back(
        self,
        cancel: Collection[UUID],
        *,
        reason: str,
        now: datetime,
        put_off: Collection[UUID] = (),
        until: datetime | None = None,
        answers_too: bool = False,
    ) -> int:
        """Cancel the open touches of the leads ``cancel``, and make those of ``put_off`` wait until ``until``.

        Raises the fence of claimed ones, then locks all those leads. The first thing to do, once and for all leads at
        once, for whoever writes what a guard reads (DESIGN section 4): touches before leads, or two writers deadlock.
        Returns how many touches were open.
        """
        leads = sorted({*cancel, *put_off})
        states = [state.value for state in OPEN_STATES]
        found = (
            await self.db.execute(_LOCK_OPEN, {"leads": leads, "states": states, "answers_too": answers_too})
        ).all()
        cancelled = [row.id for row in found if row.lead_id in set(cancel)]
        waiting = [row.id for row in found if row.lead_id not in set(cancel)]
        if found:
            await self.db.execute(_RELEASE_USAGE, {"ids": cancelled + waiting, "now": now})
        if cancelled:
            await self.db.execute(_CANCEL, {"ids": cancelled, "reason": reason})
        if waiting:
            await self.db.execute(_PUT_OFF, {"ids": waiting, "reason": reason, "until": until})
        await self.db.execute(_LOCK_LEADS, {"leads": leads})
        return len(found)

    async def company_leads(self, client_id: UUID, company_id: UUID) -> list[UUID]:
        """All leads of one company."""
        found = await self.db.execute(_COMPANY_LEADS, {"company_id": company_id, "client_id": client_id})
        return list(found.scalars())

    async def thaw(self, lead_id: UUID, reason: str) -> None:
        """Written messages of a lead become plans again, to be written anew when due; then the lead is locked.

        The first thing to do for whoever changes what a message says of its recipient, as with ``take_back``. What is
        claimed already is on its way.
        """
        found = list((await self.db.execute(_LOCK_FROZEN, {"lead_id": lead_id})).scalars())
        if found:
            await self.db.execute(_THAW, {"ids": found, "reason": reason})
        await self.db.execute(_LOCK_LEADS, {"leads": [lead_id]})
