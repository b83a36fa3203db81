"""The claim: who may be written to now, decided under locks, at most once (DESIGN section 4, step 2).

Locks are taken in one order everywhere: touches, leads, resources, each by id, FOR NO KEY UPDATE, READ COMMITTED. Only
the claim skips locked touches. What the guards read is loaded by a later statement, on a fresh snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, text

from agency_os.domain.calendars import place_of
from agency_os.domain.channels import Channel
from agency_os.domain.guards import (
    RULES,
    CampaignFacts,
    ClientFacts,
    Delay,
    GuardContext,
    HoldFacts,
    LeadFacts,
    Refreeze,
    ResourceFacts,
    Skip,
    TouchFacts,
    Unapproved,
    Verdict,
    decide,
    person_has_approved,
    window_is_open,
)
from agency_os.domain.lifecycle import CampaignStatus, LeadStatus, PermissionMode
from agency_os.domain.states import State
from agency_os.domain.subscription import SubscriptionStatus
from agency_os.domain.touch import TouchKind
from agency_os.kit.ids import new_ids
from agency_os.kit.tokens import PersonHash
from agency_os.repositories.base import Repository

_LOCK_DUE = text("""
    SELECT id, lead_id, resource_id FROM touches
    WHERE client_id = :client_id AND channel = :channel AND state = 'ready' AND eligible_at <= :now
    ORDER BY eligible_at, id LIMIT :limit
    FOR NO KEY UPDATE SKIP LOCKED
""")
_LOCK_LEADS = text("SELECT id FROM leads WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE")
_LOCK_RESOURCES = text("SELECT id FROM resources WHERE id = ANY (:ids) ORDER BY id FOR NO KEY UPDATE")

_FACTS = text("""
    SELECT
        t.id, t.client_id, t.campaign_id, t.lead_id, t.resource_id, t.kind, t.channel, t.attempt, t.payload,
        t.payload_hash, t.approved_hash,
        c.subscription_status, c.cancelled_at, c.stopped_at IS NOT NULL AS client_stopped,
        c.deleted_at IS NOT NULL AS client_deleted,
        g.status AS campaign_status, coalesce(g.permission_mode, c.default_permission_mode) AS permission_mode,
        g.deleted_at IS NOT NULL AS campaign_deleted,
        l.company_id, l.status AS lead_status, l.email, l.phone, l.linkedin_url, l.state AS lead_state, l.time_zone,
        l.als_tier, l.deleted_at IS NOT NULL AS lead_deleted, l.last_reply_at, l.meeting_booked_at,
        l.campaign_id AS lead_campaign_id,
        r.daily_limit, r.time_zone AS resource_zone, r.paused_at IS NOT NULL AS resource_paused,
        r.deleted_at IS NOT NULL AS resource_deleted,
        (
            SELECT min(k.created_at) FROM consents AS k
            WHERE k.client_id = t.client_id AND k.lead_id = t.lead_id AND k.withdrawn_at IS NULL
                AND NOT EXISTS (
                    SELECT FROM consents AS w
                    WHERE w.client_id = k.client_id AND w.lead_id = k.lead_id AND w.withdrawn_at >= k.created_at
                )
        ) AS consent_since,
        (
            SELECT max(coalesce(p.sent_at, p.sending_at, p.claimed_at)) FROM touches AS p
            WHERE p.lead_id = t.lead_id AND p.id <> t.id AND p.state IN ('claimed', 'sending', 'sent', 'unknown')
        ) AS last_contact
    FROM touches AS t
    JOIN clients AS c ON c.id = t.client_id
    JOIN campaigns AS g ON g.id = t.campaign_id
    JOIN leads AS l ON l.id = t.lead_id
    LEFT JOIN resources AS r ON r.id = t.resource_id
    WHERE t.id = ANY (:ids)
""")
_HOLDS = text("""
    SELECT lead_id, company_id, reason, until FROM holds
    WHERE released_at IS NULL AND (until IS NULL OR until > :now) AND client_id = ANY (:clients)
        AND (lead_id = ANY (:leads) OR company_id = ANY (:companies))
    ORDER BY until NULLS FIRST
""")
_USED = text("""
    SELECT d.resource_id, count(u.id) AS used
    FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS d (resource_id, day)
    LEFT JOIN resource_usage AS u
        ON u.resource_id = d.resource_id AND u.used_on = d.day AND u.released_at IS NULL
    GROUP BY d.resource_id
""")
_SUPPRESSED = text("""
    SELECT q.touch_id
    FROM unnest(CAST(:touches AS uuid[]), CAST(:clients AS uuid[]), CAST(:hashes AS bytea[]))
        AS q (touch_id, client_id, hash)
    WHERE EXISTS (
        SELECT FROM global_suppression AS s WHERE s.channel = CAST(:channel AS channel_type) AND s.address_hash = q.hash
    ) OR EXISTS (
        SELECT FROM client_suppression AS s
        WHERE s.client_id = q.client_id AND s.channel = CAST(:channel AS channel_type) AND s.address_hash = q.hash
    )
""")
_PLATFORM_STOPPED = text(
    "SELECT EXISTS (SELECT FROM platform_settings WHERE key = 'stopped' AND value = 'true'::jsonb)"
)

_GRANT = text("""
    UPDATE touches SET state = 'claimed', reason = NULL, fence = fence + 1, lease_until = :lease, claimed_at = :now
    WHERE id = ANY (:ids)
    RETURNING id, fence
""")
_USE = text("""
    INSERT INTO resource_usage (id, client_id, resource_id, touch_id, attempt, used_on, used_at)
    SELECT * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:clients AS uuid[]), CAST(:resources AS uuid[]), CAST(:touches AS uuid[]),
        CAST(:attempts AS integer[]), CAST(:days AS date[]), CAST(:at AS timestamptz[])
    )
    ON CONFLICT (touch_id, attempt) DO UPDATE
    SET resource_id = excluded.resource_id, used_on = excluded.used_on, used_at = excluded.used_at, released_at = NULL
""")
_DELAY = text("""
    UPDATE touches AS t SET reason = q.reason, not_before = q.until
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:untils AS timestamptz[])) AS q (id, reason, until)
    WHERE t.id = q.id
""")
_PUT = text("""
    UPDATE touches AS t SET
        state = CAST(:state AS touch_state), reason = q.reason,
        payload = CASE WHEN CAST(:state AS touch_state) = 'planned' THEN NULL ELSE payload END,
        payload_hash = CASE WHEN CAST(:state AS touch_state) = 'planned' THEN NULL ELSE payload_hash END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS q (id, reason)
    WHERE t.id = q.id
""")

_STOPS = tuple(rule for rule in RULES if rule not in {window_is_open, person_has_approved})


@dataclass(frozen=True, slots=True)
class ClaimedTouch:
    """A touch that is ours until its lease ends: ``fence`` proves it, ``payload`` is the frozen message."""

    id: UUID
    client_id: UUID
    campaign_id: UUID
    lead_id: UUID
    kind: TouchKind
    channel: Channel
    attempt: int
    fence: int
    payload: Mapping[str, Any]
    payload_hash: str


class TouchRepository(Repository):
    """Claims of due touches, over the tenants the caller names."""

    def __init__(self, db: Any, hashes: PersonHash) -> None:
        super().__init__(db)
        self._hashes = hashes

    async def claim(
        self, *, client_id: UUID, channel: Channel, now: datetime, lease_until: datetime, limit: int
    ) -> list[ClaimedTouch]:
        """Claim up to ``limit`` due touches of one client on one channel, in due order.

        ``now`` is business time, ``lease_until`` wall time (both aware UTC). A touch refused for now gets its reason
        and not-before time in the same transaction; refused for good, it is skipped.
        """
        due = (
            await self.db.execute(
                _LOCK_DUE, {"client_id": client_id, "channel": channel.value, "now": now, "limit": limit}
            )
        ).all()
        if not due:
            return []
        await self.db.execute(_LOCK_LEADS, {"ids": sorted({row.lead_id for row in due})})
        await self.db.execute(_LOCK_RESOURCES, {"ids": sorted({row.resource_id for row in due if row.resource_id})})
        order = {row.id: position for position, row in enumerate(due)}
        rows = sorted(await self._facts([row.id for row in due]), key=lambda row: order[row["id"]])
        verdicts = decide([self._touch_facts(row) for row in rows], await self._context(rows, channel, now))
        await self._refuse(verdicts)
        return await self._grant([row for row in rows if verdicts[row["id"]] is None], now, lease_until)

    async def stopped(self, touch_ids: Sequence[UUID], channel: Channel, now: datetime) -> frozenset[UUID]:
        """Which of these touches something speaks against now, for good or for a while; locks and changes nothing.

        Every guard but those that only say when, how many, or who must approve: these were asked when it was claimed.
        """
        rows = await self._facts(touch_ids)
        context = await self._context(rows, channel, now)
        touches = [self._touch_facts(row) for row in rows]
        return frozenset(t.id for t in touches if any(rule(t, context) is not None for rule in _STOPS))

    async def suppressed(self, touch_ids: Sequence[UUID], channel: Channel) -> frozenset[UUID]:
        """Which of these touches have a suppressed recipient now."""
        rows = await self._facts(touch_ids)
        return await self._suppressed(rows, channel)

    async def _facts(self, ids: Sequence[UUID]) -> list[RowMapping]:
        return list((await self.db.execute(_FACTS, {"ids": list(ids)})).mappings())

    async def _context(self, rows: Sequence[RowMapping], channel: Channel, now: datetime) -> GuardContext:
        lead_holds, company_holds = await self._holds(rows, now)
        return GuardContext(
            now=now,
            platform_stopped=bool(await self.db.scalar(_PLATFORM_STOPPED)),
            clients={row["client_id"]: _client_facts(row) for row in rows},
            campaigns={row["campaign_id"]: _campaign_facts(row) for row in rows},
            leads={row["lead_id"]: _lead_facts(row) for row in rows},
            resources=await self._resources(rows, now),
            lead_holds=lead_holds,
            company_holds=company_holds,
            suppressed=await self._suppressed(rows, channel),
        )

    async def _holds(
        self, rows: Sequence[RowMapping], now: datetime
    ) -> tuple[dict[UUID, HoldFacts], dict[UUID, HoldFacts]]:
        found = await self.db.execute(
            _HOLDS,
            {
                "now": now,
                "clients": list({row["client_id"] for row in rows}),
                "leads": [row["lead_id"] for row in rows],
                "companies": list({row["company_id"] for row in rows if row["company_id"]}),
            },
        )
        leads: dict[UUID, HoldFacts] = {}
        companies: dict[UUID, HoldFacts] = {}
        for hold in found:
            # open-ended holds come first, and then the longest one counts
            target, key = (leads, hold.lead_id) if hold.lead_id else (companies, hold.company_id)
            known = target.get(key)
            if known is None or (known.until is not None and (hold.until is None or hold.until > known.until)):
                target[key] = HoldFacts(hold.reason, hold.until)
        return leads, companies

    async def _resources(self, rows: Sequence[RowMapping], now: datetime) -> dict[UUID, ResourceFacts]:
        known = {row["resource_id"]: row for row in rows if row["resource_id"]}
        days = {key: now.astimezone(ZoneInfo(row["resource_zone"])).date() for key, row in known.items()}
        found = await self.db.execute(_USED, {"ids": list(days), "days": list(days.values())})
        used = {row.resource_id: int(row.used) for row in found}
        return {
            key: ResourceFacts(
                limit=row["daily_limit"],
                zone=ZoneInfo(row["resource_zone"]),
                today=days[key],
                used=used.get(key, 0),
                paused=row["resource_paused"],
                deleted=row["resource_deleted"],
            )
            for key, row in known.items()
        }

    async def _suppressed(self, rows: Sequence[RowMapping], channel: Channel) -> frozenset[UUID]:
        found = await self.db.execute(
            _SUPPRESSED,
            {
                "touches": [row["id"] for row in rows],
                "clients": [row["client_id"] for row in rows],
                "hashes": [self._hashes.of(channel.value, row["payload"]["to"]) for row in rows],
                "channel": channel.value,
            },
        )
        return frozenset(found.scalars())

    def _touch_facts(self, row: RowMapping) -> TouchFacts:
        return TouchFacts(
            id=row["id"],
            client_id=row["client_id"],
            campaign_id=row["campaign_id"],
            lead_id=row["lead_id"],
            company_id=row["company_id"],
            resource_id=row["resource_id"],
            kind=TouchKind(row["kind"]),
            channel=Channel(row["channel"]),
            recipient=row["payload"]["to"],
            person=self._hashes.of(row["channel"], row["payload"]["to"]),
            payload_hash=row["payload_hash"],
            approved_hash=row["approved_hash"],
        )

    async def _refuse(self, verdicts: Mapping[UUID, Verdict | None]) -> None:
        delays = {key: v for key, v in verdicts.items() if isinstance(v, Delay)}
        if delays:
            await self.db.execute(
                _DELAY,
                {
                    "ids": list(delays),
                    "reasons": [v.reason for v in delays.values()],
                    "untils": [v.until for v in delays.values()],
                },
            )
        for kind, state in ((Skip, "skipped"), (Unapproved, "awaiting_approval"), (Refreeze, "planned")):
            chosen = {key: v.reason for key, v in verdicts.items() if isinstance(v, kind)}
            if chosen:
                await self.db.execute(_PUT, {"ids": list(chosen), "reasons": list(chosen.values()), "state": state})

    async def _grant(self, rows: Sequence[RowMapping], now: datetime, lease_until: datetime) -> list[ClaimedTouch]:
        if not rows:
            return []
        ids = [row["id"] for row in rows]
        granted = await self.db.execute(_GRANT, {"ids": ids, "lease": lease_until, "now": now})
        fences = {row.id: row.fence for row in granted}
        await self.db.execute(
            _USE,
            {
                "ids": new_ids(len(rows)),
                "clients": [row["client_id"] for row in rows],
                "resources": [row["resource_id"] for row in rows],
                "touches": ids,
                "attempts": [row["attempt"] for row in rows],
                "days": [now.astimezone(ZoneInfo(row["resource_zone"])).date() for row in rows],
                "at": [now] * len(rows),
            },
        )
        return [_claimed(row, fences[row["id"]]) for row in rows]


def _claimed(row: RowMapping, fence: int) -> ClaimedTouch:
    return ClaimedTouch(
        id=row["id"],
        client_id=row["client_id"],
        campaign_id=row["campaign_id"],
        lead_id=row["lead_id"],
        kind=TouchKind(row["kind"]),
        channel=Channel(row["channel"]),
        attempt=row["attempt"],
        fence=fence,
        payload=row["payload"],
        payload_hash=row["payload_hash"],
    )


def _client_facts(row: RowMapping) -> ClientFacts:
    return ClientFacts(
        status=SubscriptionStatus(row["subscription_status"]),
        cancelled_at=row["cancelled_at"],
        stopped=row["client_stopped"],
        deleted=row["client_deleted"],
    )


def _campaign_facts(row: RowMapping) -> CampaignFacts:
    return CampaignFacts(
        status=CampaignStatus(row["campaign_status"]),
        mode=PermissionMode(row["permission_mode"]),
        deleted=row["campaign_deleted"],
    )


_ADDRESS_COLUMN: Mapping[str, str] = {
    Channel.EMAIL: "email",
    Channel.SMS: "phone",
    Channel.VOICE: "phone",
    Channel.LINKEDIN: "linkedin_url",
}


def _lead_facts(row: RowMapping) -> LeadFacts:
    return LeadFacts(
        status=LeadStatus(row["lead_status"]),
        address=row[_ADDRESS_COLUMN[row["channel"]]],
        place=place_of(State(row["lead_state"]) if row["lead_state"] else None, row["time_zone"]),
        dead=row["als_tier"] == "dead",
        deleted=row["lead_deleted"],
        replied=row["last_reply_at"] is not None,
        meeting=row["meeting_booked_at"] is not None,
        consent_since=row["consent_since"],
        last_contact=row["last_contact"],
        current_campaign_id=row["lead_campaign_id"],
    )
